"""Pictures of few bytes that are pictures."""

import base64
import struct
import zlib


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width: int, height: int, pixels: bytes | None = None, *, colour: int = 2, interlaced: int = 0) -> bytes:
    """A PNG of 8 bits a channel; black when no rows (each with its filter's byte) are given."""
    channels = {0: 1, 2: 3, 6: 4}[colour]
    rows = bytes(height * (1 + width * channels)) if pixels is None else pixels
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, interlaced)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def of_size(size: int) -> bytes:
    """A PNG of so many bytes: with a long remark."""
    head, end = PNG[:-12], PNG[-12:]
    return head + chunk(b"tEXt", b"Comment\0" + bytes(size - len(PNG) - 20)) + end


PNG = png(2, 2)
JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQEASABIAAD/2wBDAP//////////////////////////////////////////////////////////////////////////////////////"
    "wAALCAABAAEBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAA//EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AN//Z"
)
"""One grey pixel."""
