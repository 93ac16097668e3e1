"""Whether a file is a picture, how large it is, and where it ends: told by its own structure, without decoding it.

A picture is kept as it came, so that nothing of it gets worse; but only what its format says belongs to it is kept. What hangs
behind its end is cut off, what is broken is refused, and its size is read from its head before anybody's program makes room
for its pixels. The pixels of a PNG are unpacked piece by piece, and have to be as many as its head says.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

LARGEST_SIDE: Final = 20_000
MOST_PIXELS: Final = 50_000_000
"""What phones take, long screenshots too."""

PNG: Final = b"\x89PNG\r\n\x1a\n"
JPEG: Final = b"\xff\xd8\xff"
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PASSES: Final = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Of an interlaced PNG: first column and row, steps to the right and down."""
_FRAMES: Final = frozenset({0xC0, 0xC1, 0xC2})
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
PIECE: Final = 256 * 1024


class NoPicture(Exception):
    """It is none, is broken, or is too large to be shown."""


class TooManyPixels(NoPicture):
    """It is one, with more pixels than a page can show."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's own bytes, without anything behind its end."""

    media_type: str
    width: int
    height: int
    content: bytes


def picture(content: bytes) -> Picture:
    """The picture in a file: PNG or JPEG. Raises NoPicture."""
    try:
        if content.startswith(PNG):
            return _png(content)
        if content.startswith(JPEG):
            return _jpeg(content)
    except (struct.error, IndexError, zlib.error) as broken:
        raise NoPicture from broken
    raise NoPicture


def _check_size(width: int, height: int) -> None:
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE) or width * height > MOST_PIXELS:
        raise TooManyPixels


def _png(content: bytes) -> Picture:
    """Chunks in their order with their sums; PNG specification, sections 5 and 11."""
    at, pixels, names = len(PNG), b"", list[bytes]()
    width = height = depth = colour = interlaced = 0
    while True:
        length, name = struct.unpack_from(">I4s", content, at)
        body = content[at + 8 : at + 8 + length]
        [kept_sum] = struct.unpack_from(">I", content, at + 8 + length)
        if len(body) != length or zlib.crc32(name + body) != kept_sum or not name.isalpha():
            raise NoPicture
        at += 12 + length
        names.append(name)
        if (name == b"IHDR") != (len(names) == 1):
            raise NoPicture
        if name == b"IHDR":
            width, height, depth, colour, packed, filters, interlaced = struct.unpack(">IIBBBBB", body)
            _check_size(width, height)
            if depth not in _DEPTHS.get(colour, ()) or packed or filters or interlaced > 1:
                raise NoPicture
        elif name == b"IDAT":
            pixels += body
        elif name == b"IEND":
            break
    if colour == 3 and b"PLTE" not in names:
        raise NoPicture
    _check_pixels(pixels, _rows(width, height, depth * _CHANNELS[colour], interlaced))
    return Picture("image/png", width, height, content[:at])


def _rows(width: int, height: int, bits: int, interlaced: int) -> int:
    """Bytes of all rows before packing, each with its filter's byte."""
    if not interlaced:
        return height * (1 + (width * bits + 7) // 8)
    total = 0
    for column, row, right, down in _PASSES:
        across, deep = -((column - width) // right), -((row - height) // down)
        if across > 0 and deep > 0:
            total += deep * (1 + (across * bits + 7) // 8)
    return total


def _check_pixels(packed: bytes, wanted: int) -> None:
    unpacker, found, left = zlib.decompressobj(), 0, packed
    while left and not unpacker.eof and found <= wanted:
        found += len(unpacker.decompress(left, PIECE))
        left = unpacker.unconsumed_tail
    while not unpacker.eof and found <= wanted and (piece := unpacker.decompress(b"", PIECE)):
        found += len(piece)
    if found != wanted or not unpacker.eof:
        raise NoPicture


def _jpeg(content: bytes) -> Picture:
    """Segments up to the end of the image; ITU-T T.81, annex B."""
    at, width, height, scans = 2, 0, 0, 0
    while True:
        if content[at] != 0xFF:
            raise NoPicture
        while content[at] == 0xFF:
            at += 1
        marker = content[at]
        at += 1
        if marker == 0xD9:
            break
        if marker in _ALONE:
            continue
        [length] = struct.unpack_from(">H", content, at)
        body = content[at + 2 : at + length]
        if marker == 0xD8 or length < 2 or len(body) != length - 2:
            raise NoPicture
        at += length
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            precision, height, width, components = struct.unpack_from(">BHHB", body)
            _check_size(width, height)
            if (
                marker not in _FRAMES
                or precision != 8
                or components not in (1, 3, 4)
                or len(body) != 6 + 3 * components
            ):
                raise NoPicture
        elif marker == 0xDA:
            if not width:
                raise NoPicture
            scans += 1
            at = _behind_scan(content, at)
    if not scans:
        raise NoPicture
    return Picture("image/jpeg", width, height, content[:at])


def _behind_scan(content: bytes, at: int) -> int:
    """Where the marker after a scan's data stands; restart markers and stuffed bytes belong to the data."""
    begins = at
    while True:
        at = content.find(b"\xff", at)
        if at < 0:
            raise NoPicture
        follows = content[at + 1]
        if follows == 0 or 0xD0 <= follows <= 0xD7:
            at += 2
        elif follows == 0xFF:
            at += 1
        else:
            break
    if at == begins:
        raise NoPicture
    return at
