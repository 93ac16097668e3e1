"""CDNOW's purchases (23,570 people who bought music in 1997 for the first time), as a year and a half of a shop of today.

The file is the public one that researchers of buying use; it comes with the test packages. What a till adds to it, recharges,
payment from stored value and returns, is drawn with a seed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.metadata import files
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
LAST = date(1998, 6, 30)


@dataclass(frozen=True)
class Bought:
    """A line of the file: `number` tells it apart, `total` is in fen (dollars are taken as yuan)."""

    number: str
    card: str
    total: int
    on: date
    from_balance: int = 0


@dataclass
class Month:
    """What happens in a month: recharges (number, card, paid) first, then purchases, then returns (number, of, amount)."""

    recharges: list[tuple[str, str, int]] = field(default_factory=list)
    purchases: list[Bought] = field(default_factory=list)
    returns: list[tuple[str, str, int]] = field(default_factory=list)


@cache
def lines(name: str) -> tuple[Bought, ...]:
    """The purchases of `sample` (2,357 people) or `master` (all), by day; within a day as in the file."""
    [path] = [Path(str(each.locate())) for each in files("lifetimes") or [] if each.name == f"CDNOW_{name}.txt"]
    found = []
    for number, line in enumerate(path.read_text().splitlines()[name == "master" :]):
        cells = line.split()
        day, dollars = cells[-3], cells[-1]
        whole, cents = dollars.split(".")
        on = date(int(day[:4]), int(day[4:6]), int(day[6:]))
        found.append(Bought(f"{number:06d}", f"CD{int(cells[0]):05d}", int(whole) * 100 + int(cents), on))
    return tuple(sorted(found, key=lambda bought: (bought.on, bought.number)))


def moved(on: date, today: date) -> datetime:
    """Noon of that day, in a story that ends yesterday."""
    return datetime.combine(on + (today - timedelta(days=1) - LAST), time(12), SHANGHAI)


@dataclass
class Story:
    """The people, what they bought more than a year ago, and the months since."""

    cards: list[str]
    history: list[Bought]
    months: list[Month]


def story(name: str, *, people: int, seed: int = 1997) -> Story:
    """The first `people` of the file and all that they did."""
    chance = Random(seed)
    cards = sorted({bought.card for bought in lines(name)})[:people]
    mine = set(cards)
    told = [bought for bought in lines(name) if bought.card in mine]
    recent = LAST - timedelta(days=360)
    months: dict[tuple[int, int], Month] = {}
    for bought in told:
        if bought.on <= recent:
            continue
        month = months.setdefault((bought.on.year, bought.on.month), Month())
        if chance.random() < 0.12:
            paid = chance.choice((3_000, 5_000, 10_000, 20_001))
            month.recharges.append((f"R{bought.number}", bought.card, paid))
        part = chance.randrange(bought.total + 1) if chance.random() < 0.25 else 0
        month.purchases.append(Bought(bought.number, bought.card, bought.total, bought.on, part))
        month.returns += list(_returns(chance, bought))
    return Story(cards, [bought for bought in told if bought.on <= recent], [months[key] for key in sorted(months)])


def _returns(chance: Random, bought: Bought) -> Iterator[tuple[str, str, int]]:
    """A tenth of the purchases goes back, in one to four steps, half of them whole."""
    if bought.total < 10 or chance.random() >= 0.1:
        return
    left = bought.total if chance.random() < 0.5 else chance.randrange(1, bought.total)
    steps = chance.randrange(1, 5)
    for step in range(steps):
        amount = left if step == steps - 1 else chance.randrange(0, left + 1)
        if amount:
            yield f"F{bought.number}-{step}", bought.number, amount
        left -= amount
