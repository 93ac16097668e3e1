"""Pure rules of the mall: what a product may look like, how an order is summed up and numbered."""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import product as every
from typing import Any, Final

from huida.kernel.errors import Invalid

TITLE_MOST: Final = 60
DESCRIPTION_MOST: Final = 5000
PICTURES_MOST: Final = 9
AXES_MOST: Final = 3
VALUES_MOST: Final = 20
SKUS_MOST: Final = 100
STOCK_MOST: Final = 1_000_000
PRICE_MOST_FEN: Final = 10_000_000
LINES_MOST: Final = 20
COUNT_MOST: Final = 999
PARCELS_MOST: Final = 20
TOTAL_MOST_FEN: Final = 100_000_000
UNPAID_MOST: Final = 5
"""So many orders of a member may wait for their payment at once, each holding its stock."""
PAY_WITHIN: Final = timedelta(minutes=30)

SKU_CODE: Final = re.compile(r"[0-9A-Za-z._-]{0,40}")
PICTURE: Final = re.compile(r"picture:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|https://[^\s\"'<>\\]{4,490}")


@dataclass(frozen=True, slots=True)
class Axis:
    """One specification, such as 规格 with 50g and 100g."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SkuIn:
    """One combination. `stock_was` is the stock that the form showed: what was sold meanwhile stays sold."""

    values: tuple[str, ...]
    price_fen: int
    stock: int
    stock_was: int | None = None
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductIn:
    title: str
    skus: tuple[SkuIn, ...]
    description: str = ""
    pictures: tuple[str, ...] = ()
    specs: tuple[Axis, ...] = field(default=())


def check_product(given: ProductIn) -> None:
    """Raises Invalid, naming the field: names that repeat, combinations that are missing, amounts out of range."""
    if not 1 <= len(given.title.strip()) <= TITLE_MOST:
        raise Invalid(code="request.bad_name", where="title", longest=TITLE_MOST)
    if len(given.description) > DESCRIPTION_MOST:
        raise Invalid(code="mall.bad_description", where="description", most=DESCRIPTION_MOST)
    if len(given.pictures) > PICTURES_MOST:
        raise Invalid(code="mall.too_many_pictures", where="pictures", most=PICTURES_MOST)
    for number, picture in enumerate(given.pictures):
        if not PICTURE.fullmatch(picture):
            raise Invalid(code="mall.bad_picture_address", where=f"pictures/{number}")
    _check_specs(given.specs)
    wanted = set(every(*(axis.values for axis in given.specs)))
    if len(wanted) > SKUS_MOST:
        raise Invalid(code="mall.too_many_skus", where="specs", most=SKUS_MOST)
    if {sku.values for sku in given.skus} != wanted or len(given.skus) != len(wanted):
        raise Invalid(code="mall.skus_do_not_fit", where="skus")
    _check_skus(given.skus)


def _check_specs(specs: Sequence[Axis]) -> None:
    if len(specs) > AXES_MOST:
        raise Invalid(code="mall.too_many_specs", where="specs", most=AXES_MOST)
    if len({axis.name for axis in specs}) != len(specs):
        raise Invalid(code="mall.spec_repeats", where="specs")
    for number, axis in enumerate(specs):
        fine = all(1 <= len(text) <= 20 and text == text.strip() for text in (axis.name, *axis.values))
        if not fine or not 1 <= len(axis.values) <= VALUES_MOST:
            raise Invalid(code="mall.bad_spec", where=f"specs/{number}", most=VALUES_MOST)
        if len(set(axis.values)) != len(axis.values):
            raise Invalid(code="mall.spec_repeats", where=f"specs/{number}")


def _check_skus(skus: Sequence[SkuIn]) -> None:
    codes = [sku.code for sku in skus if sku.code]
    for number, sku in enumerate(skus):
        if not 1 <= sku.price_fen <= PRICE_MOST_FEN:
            raise Invalid(code="mall.bad_price", where=f"skus/{number}/price_fen")
        if not 0 <= sku.stock <= STOCK_MOST:
            raise Invalid(code="mall.bad_stock", where=f"skus/{number}/stock")
        if not SKU_CODE.fullmatch(sku.code):
            raise Invalid(code="mall.bad_sku_code", where=f"skus/{number}/code")
        if sku.code and codes.count(sku.code) > 1:
            raise Invalid(code="mall.sku_code_taken", where=f"skus/{number}/code", value=sku.code)


def goods(titles: Sequence[str], count: int) -> str:
    """An order in one line: the first title, and how many pieces when there are several (`茉莉花茶 等 3 件`)."""
    return titles[0] if count == 1 else f"{titles[0]} 等 {count} 件"


def number(day: date, prefix: str = "") -> str:
    """A number that people read out: the day and twelve digits that cannot be guessed."""
    return f"{prefix}{day:%y%m%d}{secrets.randbelow(10**12):012d}"


def spec_text(specs: Any, values: Sequence[str]) -> str:
    """`规格：100g，包装：礼盒`; empty for a plain product."""
    return "，".join(f"{axis['name']}：{value}" for axis, value in zip(specs, values, strict=True))
