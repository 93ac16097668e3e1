"""Products: combinations that fit, pictures that are pictures, stock that a form cannot undo."""

from typing import Any

import pytest

from tests.asgi import call
from tests.mallshop import BOXES, BUYER, CONSOLE, PLAIN, Mall, buyer_of, open_mall

PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


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
    return {**kept, "pictures": [one["picture"] for one in product["pictures"]], "skus": skus(product), **changed}


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
        ({"pictures": ["javascript:alert(1)"]}, "mall.bad_picture"),
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
    smaller["skus"] = [{"values": ["50g"], "price_fen": 8800, "stock": 3, "code": "LJ-50g-0"}]
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


async def test_a_code_belongs_to_one_combination(mall: Mall) -> None:
    await mall.product(PLAIN)
    reply = await mall.shop.staff.post(f"{CONSOLE}/products", PLAIN | {"title": "又一款"})
    assert reply.refusal == (409, "mall.sku_code_taken")
    assert len((await mall.shop.staff.get(f"{CONSOLE}/products")).json()["items"]) == 1


async def test_pictures_are_uploaded_shown_to_everybody_and_kept_apart(mall: Mall, other: Any) -> None:
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
    stolen = await other.post(f"{CONSOLE}/products", PLAIN | {"pictures": [made.json()["picture"]]})
    assert stolen.refusal in {(422, "mall.bad_picture"), (403, "mall.not_entitled")}
