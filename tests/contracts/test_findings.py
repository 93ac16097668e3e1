"""Every finding that was closed has its row, and every row names a test that is there."""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| ([RIBMU]-\d\d) \| (.+?) \| (.+) \|$", re.MULTILINE)
CLOSED = (
    {f"R-{n:02d}" for n in range(1, 28)}
    | {f"I-{n:02d}" for n in (1, 2, 3, 5, *range(8, 22), *range(23, 29))}
    | {f"B-{n:02d}" for n in (*range(1, 27), *range(28, 33))}
    | {f"U-{n:02d}" for n in (1, 2, 6, 7, 8, 10, 11, 13, 14, 15, 17, 18, 20, 26)}
    | {"M-09"}
)


def rows() -> dict[str, tuple[str, list[str]]]:
    page = (ROOT / "docs/develop/findings.md").read_text("utf-8")
    return {
        number: (what, re.findall(r"`([\w/.-]+\.(?:py|ts)(?:::\w+)?)`", tests))
        for number, what, tests in ROW.findall(page)
    }


def test_every_closed_finding_has_its_row() -> None:
    assert CLOSED - rows().keys() == set()
    assert {number for number, (_, tests) in rows().items() if not tests} == set()


@pytest.mark.parametrize("number", sorted(rows()))
def test_the_tests_of_a_row_are_there(number: str) -> None:
    for named in rows()[number][1]:
        file, _, name = named.partition("::")
        text = (ROOT / file).read_text("utf-8")
        assert not name or re.search(rf"^(?:async )?def {name}\(", text, re.MULTILINE), named


def test_the_environment_has_no_package_that_nothing_needs() -> None:
    """R-24: `venv` brings an old setuptools along."""
    with pytest.raises(PackageNotFoundError):
        version("setuptools")
