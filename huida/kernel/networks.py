"""Which networks an address stands for: who asks from many addresses of one network is one who asks."""

import ipaddress
from typing import Final, Literal, NamedTuple

Width = Literal["host", "site", "region", "near"]
"""One subscriber's line; what one subscriber may have been given; the largest that one site is given; IPv4's neighbours."""

IPV6: Final[tuple[tuple[Width, int], ...]] = (("host", 64), ("site", 56), ("region", 48))
IPV4: Final[tuple[tuple[Width, int], ...]] = (("host", 32), ("near", 24))


class Network(NamedTuple):
    """A network by its text (`2001:db8::/48`), and how wide it is."""

    width: Width
    text: str


def networks_of(address: str) -> tuple[Network, ...]:
    """The networks of an address, the narrowest first; what is no address stands for itself.

    IPv6: /64, /56 and /48, since one subscriber gets anything between them (RFC 6177). IPv4: the address, and its /24.
    """
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return (Network("host", address),)
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return tuple(Network(width, str(ipaddress.ip_network((ip, bits), strict=False))) for width, bits in IPV6)
        ip = ip.ipv4_mapped
    return (Network("host", str(ip)), *(_wider(ip, width, bits) for width, bits in IPV4[1:]))


def _wider(ip: ipaddress.IPv4Address, width: Width, bits: int) -> Network:
    return Network(width, str(ipaddress.ip_network((ip, bits), strict=False)))


def network_of(address: str) -> str:
    """What stands for one subscriber: an IPv4 address, or the /64 of an IPv6 address."""
    return networks_of(address)[0].text
