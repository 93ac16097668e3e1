"""Products: combinations that fit, pictures that are pictures, stock that a form cannot undo."""

import asyncio
from contextvars import copy_context
from datetime import timedelta
from typing import Any

import pytest

from huida.modules import mall as mall_module
from huida.modules import tenants
from huida.modules.mall import products
from huida.modules.mall.rules import ProductIn, SkuIn
from tests import make
from tests.asgi import Client, call
from tests.mallshop import BOXES, BUYER, CONSOLE, PLAIN, Mall, buyer_of, open_mall
from tests.pictures import PNG


@pytest.fixture
async def mall(world: Any) -> Mall:
    return await open_mall(world)


def skus(product: dict[str, Any], **changes: int) -> list[dict[str, Any]]:
    """The product's combinations as a form sends them back; `changes` by SKU code."""
    return [
        {
            "values": sku["values"],
            "price_fen": sku["price_fen"],
            "stock": sku["stock"] + changes.get(sku["code"].replace("-", "_"), 0),
            "stock_was": sku["stock"],
            "code": sku["code"],
        }
        for sku in product["skus"]
    ]


def form(product: dict[str, Any], **changed: Any) -> dict[str, Any]:
    kept = {name: product[name] for name in ("title", "description", "specs")}
    body = {**kept, "pictures": [one["picture"] for one in product["pictures"]], "skus": skus(product), **changed}
    return body | {"skus": [{"stock_was": None, "code": ""} | sku for sku in body["skus"]]}


async def test_a_product_with_two_specifications(mall: Mall) -> None:
    product = await mall.product(BOXES)
    _, buyer = await buyer_of(mall)
    [card] = (await buyer.get(f"{BUYER}/products")).json()["items"]
    assert (card["title"], card["price_from_fen"], card["price_to_fen"], card["stock"]) == ("龙井礼盒", 9800, 18800, 20)
    page = (await buyer.get(f"{BUYER}/products/{product['id']}")).json()
    assert [one["name"] for one in page["specs"]] == ["规格", "包装"]
    assert [one["values"] for one in page["skus"]] == [
        ["50g", "纸盒"],
        ["50g", "铁罐"],
        ["100g", "纸盒"],
        ["100g", "铁罐"],
    ]
    assert "code" not in page["skus"][0]
    [row] = (await mall.shop.staff.get(f"{CONSOLE}/products", q="龙井", state="on")).json()["items"]
    assert (row["skus"], row["state"]) == (4, "on")
    assert (await mall.shop.staff.get(f"{CONSOLE}/products", q="红茶")).json()["items"] == []


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"title": " "}, "request.bad_name"),
        ({"skus": BOXES["skus"][:3]}, "mall.skus_do_not_fit"),
        ({"skus": [*BOXES["skus"], BOXES["skus"][0]]}, "mall.skus_do_not_fit"),
        ({"specs": [BOXES["specs"][0], BOXES["specs"][0]]}, "mall.spec_repeats"),
        ({"specs": [{"name": "规格", "values": ["50g", "50g"]}]}, "mall.spec_repeats"),
        ({"specs": [{"name": " 规格", "values": ["50g"]}]}, "mall.bad_spec"),
        ({"skus": [BOXES["skus"][0] | {"price_fen": 0}, *BOXES["skus"][1:]]}, "mall.bad_price"),
        ({"skus": [BOXES["skus"][0] | {"stock": -1}, *BOXES["skus"][1:]]}, "mall.bad_stock"),
        ({"skus": [BOXES["skus"][0] | {"code": "a b"}, *BOXES["skus"][1:]]}, "mall.bad_sku_code"),
        ({"skus": [one | {"code": "SAME"} for one in BOXES["skus"]]}, "mall.sku_code_taken"),
        ({"pictures": ["javascript:alert(1)"]}, "mall.bad_picture_address"),
        ({"pictures": ["http://img.test/2.jpg"]}, "mall.bad_picture_address"),
        ({"pictures": ["https://img.test/1.jpg", "http://img.test/2.jpg"]}, "mall.bad_picture_address"),
        ({"pictures": ["picture:00000000-0000-7000-8000-000000000000"]}, "mall.bad_picture"),
    ],
)
async def test_what_does_not_fit_is_refused_and_nothing_is_made(mall: Mall, wrong: Any, code: str) -> None:
    reply = await mall.shop.staff.post(f"{CONSOLE}/products", BOXES | wrong)
    assert reply.refusal == (422, code)
    assert (await mall.shop.staff.get(f"{CONSOLE}/products")).json()["items"] == []


async def test_a_form_changes_stock_by_its_difference_so_sales_stay_sold(mall: Mall) -> None:
    product = await mall.product()
    _, buyer = await buyer_of(mall)
    await mall.ordered(buyer, product, count=4)
    path = f"{CONSOLE}/products/{product['id']}"
    assert (await mall.shop.staff.put(path, form(product, skus=skus(product, TEA_1=5)))).status == 204
    assert await mall.stock(product) == [11]
    less = form(product, skus=skus(product) and [skus(product)[0] | {"stock": 0, "stock_was": 12}])
    assert (await mall.shop.staff.put(path, less)).refusal == (409, "mall.stock_sold")
    assert await mall.stock(product) == [11]


async def test_specifications_may_change_while_orders_are_out(mall: Mall) -> None:
    product = await mall.product(BOXES)
    _, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product, sku=0, count=2)
    smaller = form(product, specs=[{"name": "规格", "values": ["50g"]}])
    smaller["skus"] = [{"values": ["50g"], "price_fen": 8800, "stock": 3, "stock_was": None, "code": "LJ-50g-0"}]
    assert (await mall.shop.staff.put(f"{CONSOLE}/products/{product['id']}", smaller)).status == 204
    assert (await mall.submit(buyer, product, sku=1)).refusal == (404, "mall.not_offered")
    await buyer.post(f"{BUYER}/orders/{order_id}/cancel", {})
    await mall.settle()
    assert await mall.stock(product) == [3]
    assert (
        await mall.shop.staff.put(f"{CONSOLE}/products/{product['id']}", form(product, skus=skus(product)))
    ).status == 204
    assert await mall.stock(product) == [5, 5, 5, 5]
    assert await mall.shop.invariants() == {}


@pytest.mark.parametrize("shown", [{}, {"stock_was": 3}])
async def test_a_combination_that_comes_back_has_the_stock_that_was_typed(mall: Mall, shown: dict[str, int]) -> None:
    product = await mall.product(BOXES)
    path = f"{CONSOLE}/products/{product['id']}"
    smaller = form(product, specs=[{"name": "规格", "values": ["50g"]}])
    smaller["skus"] = [{"values": ["50g"], "price_fen": 8800, "stock": 3, "stock_was": None, "code": ""}]
    assert (await mall.shop.staff.put(path, smaller)).status == 204
    typed = [one | {"stock": 40 + place} for place, one in enumerate(BOXES["skus"])]
    back = form(product, skus=[one | shown for one in typed])
    assert (await mall.shop.staff.put(path, back)).status == 204
    assert await mall.stock(product) == [40, 41, 42, 43]
    _, buyer = await buyer_of(mall)
    assert (await mall.submit(buyer, product, sku=0, count=40)).status == 201
    assert await mall.stock(product) == [0, 41, 42, 43]


async def test_a_form_that_showed_no_stock_sets_it(mall: Mall) -> None:
    product = await mall.product()
    plain = form(product, skus=[{"values": [], "price_fen": 2800, "stock": 25, "code": "TEA-1"}])
    assert (await mall.shop.staff.put(f"{CONSOLE}/products/{product['id']}", plain)).status == 204
    assert await mall.stock(product) == [25]


async def test_a_code_belongs_to_one_combination(mall: Mall) -> None:
    await mall.product(PLAIN)
    reply = await mall.shop.staff.post(f"{CONSOLE}/products", PLAIN | {"title": "又一款"})
    assert reply.refusal == (409, "mall.sku_code_taken")
    assert len((await mall.shop.staff.get(f"{CONSOLE}/products")).json()["items"]) == 1


async def test_pictures_are_uploaded_shown_to_everybody_and_kept_apart(mall: Mall) -> None:
    staff = mall.shop.staff
    made = await staff.upload(f"{CONSOLE}/pictures", "a.png", PNG)
    assert made.status == 201, made.text
    for name, content in (("a.png", b"<svg onload=alert(1)>"), ("big.png", PNG + bytes(1024 * 1024))):
        assert (await staff.upload(f"{CONSOLE}/pictures", name, content)).refusal == (422, "mall.bad_picture_file")
    product = await mall.product(PLAIN | {"pictures": [made.json()["picture"], "https://img.test/2.jpg"]})
    assert product["pictures"][1] == {"picture": "https://img.test/2.jpg", "url": "https://img.test/2.jpg"}
    _, buyer = await buyer_of(mall)
    [card] = (await buyer.get(f"{BUYER}/products")).json()["items"]
    assert card["url"] == made.json()["url"]
    shown = await call(mall.shop.world.app, "GET", card["url"])
    assert (shown.status, shown.body, shown.headers["content-type"]) == (200, PNG, "image/png")
    assert shown.headers["cache-control"] == "public, max-age=31536000, immutable"
    elsewhere = card["url"].replace(f"/{mall.shop.tenant}/", f"/{mall.shop.tenant + 1}/")
    assert (await call(mall.shop.world.app, "GET", elsewhere)).status == 404
    db = mall.shop.db
    neighbour = await make.merchant(db, name="隔壁小店")
    async with db.tx(neighbour) as tx:
        await tenants.entitle(tx, mall_module.MODULE)
    other = await make.logged_in(Client(mall.shop.world.app), await make.staff(db, neighbour))
    stolen = await other.post(f"{CONSOLE}/products", PLAIN | {"pictures": [made.json()["picture"]]})
    assert stolen.refusal == (422, "mall.bad_picture")
    assert (await other.get(f"{CONSOLE}/products")).json()["items"] == []


async def test_uploads_that_nothing_shows_go_after_a_day(mall: Mall) -> None:
    async def upload() -> dict[str, str]:
        made = await mall.shop.staff.upload(f"{CONSOLE}/pictures", "a.png", PNG)
        return dict(made.json())

    async def kept() -> list[int]:
        return [(await call(mall.shop.world.app, "GET", one["url"])).status for one in pictures]

    pictures = [await upload() for _ in range(4)]
    never, shown, ordered, left = (one["picture"] for one in pictures)
    product = await mall.product(PLAIN | {"pictures": [ordered, shown]})
    _, buyer = await buyer_of(mall)
    order_id = await mall.ordered(buyer, product)
    second = await mall.product(
        {"title": "铁观音", "pictures": [left], "skus": [{"values": [], "price_fen": 1, "stock": 1}]}
    )
    await night(mall)
    assert await kept() == [200, 200, 200, 200]
    paths = [f"{CONSOLE}/products/{one['id']}" for one in (product, second)]
    assert (await mall.shop.staff.put(paths[0], form(product, pictures=[shown]))).status == 204
    assert (await mall.shop.staff.put(paths[1], form(second, pictures=[]))).status == 204
    await night(mall)
    assert await kept() == [404, 200, 200, 200]
    # Shown again before it was gone: when it is left once more, its day begins anew.
    for pictured in ([left], []):
        assert (await mall.shop.staff.put(paths[1], form(second, pictures=pictured))).status == 204
        await night(mall)
        assert await kept() == [404, 200, 200, 200]
    await night(mall)
    assert await kept() == [404, 200, 200, 404]
    [line] = (await buyer.get(f"{BUYER}/orders/{order_id}")).json()["lines"]
    assert (await call(mall.shop.world.app, "GET", line["url"])).status == 200
    gone = form(second, pictures=[never])
    assert (await mall.shop.staff.put(paths[1], gone)).refusal == (422, "mall.bad_picture")


async def test_an_upload_that_is_being_taken_is_not_tidied_away(mall: Mall) -> None:
    made = (await mall.shop.staff.upload(f"{CONSOLE}/pictures", "a.png", PNG)).json()
    await night(mall)
    mall.shop.world.clock.advance(timedelta(days=1, minutes=1))
    taken = ProductIn(title="新茶", skus=(SkuIn(values=(), price_fen=1, stock=1),), pictures=(made["picture"],))
    outside = copy_context()

    async def tidy() -> None:
        async with mall.shop.db.tx(mall.shop.tenant) as tx:
            await products.tidy_pictures(tx)

    async with mall.shop.db.tx(mall.shop.tenant) as tx:
        await mall_module.create_product(tx, taken)
        await asyncio.create_task(tidy(), context=outside)
    assert (await call(mall.shop.world.app, "GET", made["url"])).status == 200


async def night(mall: Mall) -> None:
    """A little more than a day later the merchant's tidying has run, and the staff log in again."""
    mall.shop.world.clock.advance(timedelta(days=1, minutes=1))
    async with mall.shop.db.tx(mall.shop.tenant) as tx:
        tx.enqueue("mall.tidy_pictures", None)
    await mall.settle()
    mall.shop.staff = await make.logged_in(
        Client(mall.shop.world.app), await make.staff(mall.shop.db, mall.shop.tenant)
    )
