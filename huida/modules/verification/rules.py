"""What codes are for, how long they live, and how many may be asked for (X-13)."""

import ipaddress
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from huida.kernel.clock import SHOP_ZONE, business_day

Purpose = Literal["register", "recover", "login", "bind"]
SCENARIOS: Final[tuple[Purpose, ...]] = ("register", "recover", "login", "bind")

MINUTES: Final = 5
"""How long a code can be used; the text says so."""
TRIES: Final = 5
"""Wrong guesses that a code survives minus one: at the fifth it is dead."""

ACCEPTS: Final[dict[Purpose, frozenset[str]]] = {
    "register": frozenset({"register", "login"}),
    "login": frozenset({"login", "register"}),
    "recover": frozenset({"recover"}),
    "bind": frozenset({"bind"}),
}
"""Which codes open a door. Who asked to log in and turns out to be new need not wait for a second code."""


HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` of one key within `window`. Pauses begin with the request; hours and days (None) are the calendar's."""

    name: str
    most: int
    window: timedelta | None


EACH_PHONE: Final = (
    Limit("phone_pause", 1, timedelta(seconds=60)),
    Limit("phone_hour", 5, HOUR),
    Limit("phone_day", 10, None),
)
"""Per phone and merchant, over all scenarios together (X-13); five an hour is what providers let through (reference
wechat-pay-and-sms §5.7)."""
EACH_PHONE_ANYWHERE: Final = (Limit("phone_platform", 20, None),)
"""Per phone over all merchants of this server: a phone is not flooded through many shops."""
EACH_ADDRESS: Final = (
    Limit("address_hour", 20, HOUR),
    Limit("address_day", 100, None),
)
"""Per network address over all merchants; an office or a shop behind one address has several people."""
EACH_DEVICE: Final = (Limit("device_day", 20, None),)
"""Per device; who names none is the one with this address and this browser."""
MERCHANT_HOUR: Final = 500
MERCHANT_DAY: Final = 5000
"""Per merchant, when it set nothing else: many phones from many addresses must not empty its stock of messages."""
MOST: Final = 1_000_000


def each_merchant(hour: int, day: int) -> tuple[Limit, ...]:
    return (Limit("merchant_hour", hour, HOUR), Limit("merchant_day", day, None))


PASSWORD_TRIES: Final = 8
"""Wrong passwords in a row for one phone at one merchant, whoever has it; then the door is closed for a while."""
PASSWORD_PAUSE: Final = timedelta(minutes=15)
PASSWORD_MEMORY: Final = timedelta(days=1)
"""Tries that nothing followed for so long do not count any more."""

GUESSES: Final = Limit("guess_hour", 100, HOUR)
"""Wrong codes and passwords from one network address, over all phones and merchants: guesses spread thin are guesses too."""


def window_end(limit: Limit, now: datetime) -> datetime:
    """When a count that begins now is over."""
    if limit.window == HOUR:
        return now.replace(minute=0, second=0, microsecond=0) + HOUR
    if limit.window is not None:
        return now + limit.window
    return datetime.combine(business_day(now) + timedelta(days=1), datetime.min.time(), SHOP_ZONE)


def new_code() -> str:
    """Six random digits."""
    return f"{secrets.randbelow(1_000_000):06d}"


def network_of(address: str) -> str:
    """What stands for one subscriber: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return address
