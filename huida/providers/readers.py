"""What peers tell that becomes an identity or a key here: its type, its letters, its length.

A field of these types that is missing, empty, of another type or too long makes the whole answer one that is not
understood (Unknown), and the whole push one that is refused. The database refuses an empty one too.
"""

import re
from typing import Annotated, Final, TypeVar

import msgspec

_LETTERS: Final = r"[\x21-\x7e]"
LONGEST_KEY: Final = 128
LONGEST_WORDS: Final = 20_000
"""Characters of the longest text that a provider keeps for us: the content of a template."""

OpenId = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z_-]{1,64}\Z")]
"""A person at one app; 28 letters in real life. The app's name stands before it with a slash, so it has none."""
MaybeOpenId = Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z_-]{0,64}\Z")]
"""As OpenId, where it may be missing; nothing is done with an empty one."""
Key = Annotated[str, msgspec.Meta(pattern=rf"^{_LETTERS}{{1,{LONGEST_KEY}}}\Z")]
"""A peer's number or name of one thing: a message, a payment, a template."""
MaybeKey = Annotated[str, msgspec.Meta(pattern=rf"^{_LETTERS}{{0,{LONGEST_KEY}}}\Z")]
Opaque = Annotated[str, msgspec.Meta(pattern=rf"^{_LETTERS}{{1,2000}}\Z")]
"""An access token, a ticket, an address that a peer made: carried on as it is."""
Number = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
"""A message's number at WeChat: 64 bits."""
Seconds = Annotated[int, msgspec.Meta(ge=1, le=366 * 86_400)]
Moment = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799)]
"""Seconds since 1970, no later than the year 9999; 0 for none."""
Small = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Fen = Annotated[int, msgspec.Meta(ge=0, le=10**13)]
PhoneDigits = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{5,20}\Z")]
Words = Annotated[str, msgspec.Meta(pattern=rf"^[^\x00]{{0,{LONGEST_WORDS}}}\Z")]
"""Text for people, without the one character that cannot be kept."""

_OPENID: Final = re.compile(r"[0-9A-Za-z_-]{1,64}")
_KEY: Final = re.compile(rf"{_LETTERS}{{1,{LONGEST_KEY}}}")

T = TypeVar("T")


def is_openid(value: str) -> bool:
    """Whether this can be a person."""
    return _OPENID.fullmatch(value) is not None


def is_key(value: str) -> bool:
    """Whether this can be a peer's name of something."""
    return _KEY.fullmatch(value) is not None


def understood(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T | None:
    """What the bytes say; None when they are not of this type, are no text, or are nested deeper than anybody reads."""
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
