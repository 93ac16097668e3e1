"""Identifiers: UUIDv7 made by us, so that they sort by time and never collide across shards."""

import os
import time
import uuid

_last_ms = 0
_seq = 0


def uuid7() -> uuid.UUID:
    """A UUIDv7 (RFC 9562 §5.7), strictly increasing within this process."""
    global _last_ms, _seq
    ms = time.time_ns() // 1_000_000
    if ms <= _last_ms:
        _seq += 1
        if _seq > 0xFFF:
            _last_ms += 1
            _seq = 0
    else:
        _last_ms, _seq = ms, int.from_bytes(os.urandom(1), "big")
    tail = int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF
    return uuid.UUID(int=(_last_ms << 80) | (0x7 << 76) | (_seq << 64) | (0b10 << 62) | tail)
