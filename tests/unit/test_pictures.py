"""What is a picture and where it ends, told by its own structure (R-19)."""

import zlib

import pytest

from huida.kernel.intake.pictures import LARGEST_SIDE, NoPicture, picture
from tests.pictures import JPEG, PNG, chunk, of_size, png

HEAD = PNG[:8]


def test_one_wrong_bit_is_noticed_in_any_chunk() -> None:
    remarked = of_size(5000)
    at = remarked.index(b"tEXt") + 20
    assert picture(remarked).content == remarked
    with pytest.raises(NoPicture):
        picture(one_wrong_bit(remarked, at))


@pytest.mark.parametrize(
    ("content", "kind", "size"),
    [
        (PNG, "image/png", (2, 2)),
        (png(7, 3, colour=6), "image/png", (7, 3)),
        (png(5, 5, bytes(86), interlaced=1), "image/png", (5, 5)),
        (of_size(5000), "image/png", (2, 2)),
        (JPEG, "image/jpeg", (1, 1)),
    ],
    ids=["PNG", "with alpha", "interlaced", "with a remark", "JPEG"],
)
def test_a_picture_is_kept_as_it_is_without_what_hangs_behind_it(
    content: bytes, kind: str, size: tuple[int, int]
) -> None:
    for behind in (b"", b"<script>alert(1)</script>", b"PK\x03\x04", bytes(1000), content):
        found = picture(content + behind)
        assert (found.media_type, (found.width, found.height), found.content) == (kind, size, content)


def one_wrong_bit(content: bytes, at: int) -> bytes:
    return content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<svg onload=alert(1)>",
        HEAD + b"<script>alert(1)</script>",
        png(50_000, 50_000, bytes(1000)),
        png(LARGEST_SIDE + 1, 1),
        png(LARGEST_SIDE, LARGEST_SIDE, b""),
        png(0, 5, b""),
        PNG[:-12],
        PNG[:-1],
        one_wrong_bit(PNG, 20),
        one_wrong_bit(PNG, len(PNG) - 20),
        png(2, 2, bytes(13)),
        png(2, 2, bytes(15)),
        png(100, 100, bytes(50_000_000)),
        HEAD + chunk(b"IDAT", zlib.compress(bytes(14))) + PNG[8:],
        HEAD + PNG[8:33] + PNG[8:],
        JPEG[:-2],
        JPEG[:40],
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xd9",
        JPEG.replace(b"\x08\x00\x01\x00\x01", b"\x08\xff\xff\xff\xff"),
        JPEG.replace(b"\x08\x00\x01\x00\x01", b"\x08\x00\x00\x00\x01"),
    ],
    ids=[str(number) for number in range(22)],
)
def test_what_is_none_is_refused(content: bytes) -> None:
    with pytest.raises(NoPicture):
        picture(content)
