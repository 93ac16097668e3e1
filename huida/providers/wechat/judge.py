"""What WeChat's error numbers mean for the caller (reference: wechat-platform §0.2, §2.7, §3.4)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from huida.kernel.clock import SHOP_ZONE
from huida.kernel.http import ProviderOutcome, Refused, Unavailable


class Group(StrEnum):
    """Why a call was refused, as the caller acts on it."""

    TOKEN = "token"  # noqa: S105 - the access token is not accepted: renew once, repeat once
    ACCOUNT = "account"  # the merchant's account, secret, address list or permission: stop and tell people
    BUSY = "busy"  # documented as not processed: repeat on the ladder
    QUOTA = "quota"  # allowed again later
    RECIPIENT = "recipient"  # this person cannot be reached on this channel
    CONTENT = "content"  # the message or its template is wrong
    OTHER = "other"


_NUMBERS: Final[Mapping[Group, tuple[int, ...]]] = {
    Group.TOKEN: (40001, 40014, 42001, 42006),
    Group.ACCOUNT: (
        40002, 40013, 40091, 40094, 40125, 40164, 40243, 41001, 41002, 41004, 43102, 43103, 43104, 43105,
        48001, 48004, 48006, 50002, 61003, 61004, 61007, 61011, 61014, 61015, 61023, 89501, 89503, 89506, 89507,
        200011, 200100,
    ),
    Group.BUSY: (-1, 43108, 44990, 45011, 268487001, 268487002),
    Group.QUOTA: (45009, 45028),
    Group.RECIPIENT: (40003, 43004, 43019, 43101, 48002, 50005),
    Group.CONTENT: (
        40008, 40033, 40036, 40037, 40039, 40062, 40129, 40165, 40166, 40212, 40246, 40247, 40248, 40249, 41030,
        43107, 43116, 45168, 47001, 47002, 47003, 200013,
    ),
}  # fmt: skip

GROUPS: Final[Mapping[int, Group]] = MappingProxyType(
    {number: group for group, numbers in _NUMBERS.items() for number in numbers}
)
# 89507: the administrator refused this address, again after an hour; 89506: refused twice, after a day (§0.2).
_LATER_S: Final[Mapping[int, float]] = {89507: 3600.0, 89506: 86400.0}
_PREFIX: Final = "wechat."


class TokenRefused(Refused):
    """The access token was not accepted, so the call was certainly not processed."""


def judge(errcode: int, errmsg: str, *, now: datetime) -> ProviderOutcome:
    """The outcome that a non-zero `errcode` means; the caller raises it.

    A number that no table knows is a refusal: WeChat answered, and processed nothing.
    """
    code = f"{_PREFIX}{errcode}"
    match GROUPS.get(errcode, Group.OTHER):
        case Group.BUSY:
            return Unavailable(code)
        case Group.TOKEN:
            return TokenRefused(code, errmsg)
        case Group.QUOTA:
            return Refused(code, errmsg, later_s=seconds_to_midnight(now))
        case _:
            return Refused(code, errmsg, later_s=_LATER_S.get(errcode))


def group_of(code: str) -> Group:
    """The group of a `Refused.code` that these clients raised."""
    number = code.removeprefix(_PREFIX)
    return GROUPS.get(int(number), Group.OTHER) if number.lstrip("-").isdecimal() else Group.OTHER


def seconds_to_midnight(now: datetime) -> float:
    """How long the platform's day still lasts; daily counters start again at 00:00 in China (§8.1)."""
    local = now.astimezone(SHOP_ZONE)
    tomorrow = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (tomorrow - local).total_seconds()
