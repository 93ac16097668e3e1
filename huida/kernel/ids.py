"""Identifiers: UUIDv7 made by us, so that they sort by time and never collide across shards."""

import os
import time
from datetime import datetime
from uuid import UUID

from asyncpg.pgproto.pgproto import UUID as FastUUID  # a uuid.UUID in C: made and printed ten times as fast

_last_ms = 0
_seq = 0
_noise = b""
_at = 0


def uuid7() -> UUID:
    """A UUIDv7 (RFC 9562 §5.7), strictly increasing within this process, 62 random bits."""
    global _last_ms, _seq, _noise, _at
    ms = time.time_ns() // 1_000_000
    if _at == len(_noise):
        _noise, _at = os.urandom(8192), 0
    noise = _noise[_at : _at + 8]
    _at += 8
    if ms <= _last_ms:
        _seq += 1
        if _seq > 0xFFF:
            _last_ms += 1
            _seq = 0
    else:
        _last_ms, _seq = ms, noise[0]
    head = (_last_ms << 16 | 0x7000 | _seq).to_bytes(8, "big")
    made: UUID = FastUUID(head + bytes((noise[0] & 0x3F | 0x80,)) + noise[1:])
    return made


def first_at(moment: datetime) -> UUID:
    """The smallest UUIDv7 of this millisecond: no id that was made before it is as large."""
    ms = min(max(0, int(moment.timestamp() * 1000)), (1 << 48) - 1)
    made: UUID = FastUUID((ms << 16 | 0x7000).to_bytes(8, "big") + b"\x80" + bytes(7))
    return made


def parse(text: str) -> UUID:
    """A UUID from its text. Raises ValueError."""
    parsed: UUID = FastUUID(text)
    return parsed
