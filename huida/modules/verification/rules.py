"""What codes are for, how long they live, and how many may be asked for (X-13)."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from huida.kernel.clock import SHOP_ZONE, business_day
from huida.kernel.networks import Width

Purpose = Literal["register", "recover", "login", "bind"]
SCENARIOS: Final[tuple[Purpose, ...]] = ("register", "recover", "login", "bind")

MINUTES: Final = 5
"""How long a code can be used; the text says so."""
TRIES: Final = 5
"""Wrong guesses that a code survives minus one: at the fifth it is dead, for the device that asked for it and for all
others, each by itself: nobody can use up the tries of who waits for it."""

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
EACH_NETWORK: Final[dict[Width, tuple[Limit, ...]]] = {
    "host": (Limit("address_hour", 20, HOUR), Limit("address_day", 100, None)),
    "site": (Limit("site_hour", 20, HOUR), Limit("site_day", 100, None)),
    "region": (Limit("region_hour", 40, HOUR), Limit("region_day", 200, None)),
    "near": (Limit("near_hour", 60, HOUR), Limit("near_day", 300, None)),
}
"""Per network over all merchants, an address counting in all of its networks together (`kernel/networks.py`); an office or a
shop behind one address has several people. One subscriber may have an IPv6 /56 or a /48, which is 65,536 networks."""
EACH_DEVICE: Final = (Limit("device_day", 20, None),)
"""Per device; who names none is the one with this address and this browser."""
MERCHANT_HOUR: Final = 500
MERCHANT_DAY: Final = 5000
"""Per merchant, when it set nothing else: many phones from many addresses must not empty its stock of messages."""
MOST: Final = 1_000_000
RESERVE: Final = 5
"""One part in so many of a merchant's hour and day is kept for phones that are members'."""
USUAL_FLOOR: Final = 60
USUAL_DAYS: Final = 14
"""What is usual for a merchant: twice what nine of ten hours with codes had in so many days, and never less than the floor.
Beyond it a proof of work is asked for."""


def each_merchant(hour: int, day: int) -> tuple[Limit, ...]:
    return (Limit("merchant_hour", hour, HOUR), Limit("merchant_day", day, None))


OTHERS: Final = "_others"


def each_strangers(hour: int, day: int) -> tuple[Limit, ...]:
    """What is left of a merchant's hour and day for phones that are nobody's there."""
    return tuple(
        Limit(limit.name + OTHERS, limit.most - limit.most // RESERVE, limit.window)
        for limit in each_merchant(hour, day)
    )


KNOWN_FOR: Final = timedelta(days=180)
"""How long a device on which a member came in with a phone counts for itself with that phone."""
DEVICE_LETTERS: Final = 16
"""Names of devices shorter than this could be guessed: they are remembered for nothing."""


PASSWORD_TRIES: Final = 8
"""Wrong passwords in a row for one phone at one merchant, from one network or known device; then it has to wait. Nobody
closes the door for the phone's owner."""
PASSWORD_PAUSE: Final = timedelta(minutes=15)
PASSWORD_MEMORY: Final = timedelta(days=1)
"""Tries that nothing followed for so long do not count any more."""

GUESSES: Final[dict[Width, Limit]] = {
    "host": Limit("guess_hour", 100, HOUR),
    "site": Limit("guess_site_hour", 100, HOUR),
    "region": Limit("guess_region_hour", 200, HOUR),
    "near": Limit("guess_near_hour", 300, HOUR),
}
"""Wrong codes and passwords from one network, over all phones and merchants: guesses spread thin are guesses too."""


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
