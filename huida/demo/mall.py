"""The sample merchant sells online: payments, products with pictures, and orders in several states."""

import struct
import time
import zlib
from collections.abc import Sequence
from typing import Any, Final

from huida.demo.doors import Closed, Doors
from huida.demo.stage import MINI, OA, Stage

MCHID: Final = "1900000100"
KEYS: Final = ("mchid", "serial", "private_key", "api_v3_key", "public_key_id", "public_key")
MODULE: Final = "mall"
BUYER: Final = "chenyiming"
CONSOLE: Final = "/api/console/mall"
SHOP: Final = "/api/member/mall"
SIDE: Final = 160
PAID_WITHIN_S: Final = 30.0
ADDRESS: Final = {"receiver": "陈一鸣", "phone": "13800000002", "address": "浙江省杭州市西湖区龙井路 18 号 2 幢 301"}

Colour = tuple[int, int, int]


def product(
    code: str, title: str, description: str, name: str, prices: Sequence[tuple[str, int, int]]
) -> dict[str, Any]:
    """A product with one specification; `prices` are value, price and stock."""
    skus = [
        {"values": [value], "price_fen": price, "stock": stock, "code": f"{code}-{number + 1}"}
        for number, (value, price, stock) in enumerate(prices)
    ]
    specs = [{"name": name, "values": [value for value, _, _ in prices]}]
    return {"title": title, "description": description, "specs": specs, "skus": skus}


PRODUCTS: Final[tuple[tuple[dict[str, Any], Colour, Colour], ...]] = (
    (
        product(
            "LJ",
            "明前龙井礼盒",
            "清明前手工采摘，当天炒制。净含量见规格，铁罐装，附手提袋。",
            "净含量",
            (("50g", 12_800, 60), ("100g", 23_800, 40), ("250g", 52_800, 12)),
        ),
        (92, 148, 64),
        (214, 232, 178),
    ),
    (
        product(
            "MLH",
            "茉莉花茶",
            "七窨一提，香气鲜灵，冷泡热泡都合适。",
            "包装",
            (("袋装 100g", 4_800, 200), ("罐装 150g", 7_800, 80)),
        ),
        (120, 156, 110),
        (244, 240, 214),
    ),
    (
        product(
            "BTWL",
            "白桃乌龙冷泡茶",
            "独立茶包，冷水五分钟即可饮用。",
            "数量",
            (("10 包", 3_900, 150), ("30 包", 9_900, 0)),
        ),
        (226, 132, 112),
        (252, 226, 206),
    ),
)


def open_mall(stage: Stage, tenant_id: int) -> None:
    """Have the mall open with its products and orders; a second time changes nothing.

    The simulator forgets its keys when it stops, so those are told to the product at every start.
    """
    stage.operator.grant(tenant_id, MODULE)
    account = "/api/console/payments/account"
    stage.admin.replace(account, {"app_id": ""} | _keys(stage.sim), shown=account)
    if stage.admin.get(f"{CONSOLE}/products")["items"]:
        return
    for body, dark, light in PRODUCTS:
        made = stage.admin.upload(f"{CONSOLE}/pictures", {}, name="a.png", content=picture(dark, light), field="file")
        product_id = stage.admin.post(f"{CONSOLE}/products", body | {"pictures": [made["picture"]]})["id"]
        stage.admin.post(f"{CONSOLE}/products/{product_id}/on")


def place_orders(stage: Stage) -> None:
    """A buyer has ordered: one order sent, one to be sent, one to be paid."""
    if stage.admin.get(f"{CONSOLE}/orders")["items"]:
        return
    buyer = Doors(stage.base_url)
    try:
        code = stage.sim.post("/_sim/open", {"person": BUYER, "app": MINI})["code"]
        token = buyer.post("/api/member/login", {"app_id": MINI, "code": code})["token"]
        buyer.headers["authorization"] = f"Bearer {token}"
        on_sale = buyer.get(f"{SHOP}/products")["items"]
        wanted = ((2, 1), (1, 2), (2, 3))
        sent, paid, _ = [_order(stage, buyer, on_sale[place]["id"], count) for place, count in wanted]
        _pay(stage, buyer, sent)
        _pay(stage, buyer, paid)
        _send_once_paid(stage, sent, {"carrier_code": "SF", "tracking_no": "SF1500020003004"})
    finally:
        buyer.close()


def _order(stage: Stage, buyer: Doors, product_id: str, number: int) -> str:
    sku = buyer.get(f"{SHOP}/products/{product_id}")["skus"][0]
    body = {"items": [{"sku_id": sku["id"], "count": number}], "total_fen": sku["price_fen"] * number, **ADDRESS}
    buyer.headers["idempotency-key"] = f"demo-{number}"
    order_id = str(buyer.post(f"{SHOP}/orders", body)["id"])
    del buyer.headers["idempotency-key"]
    return order_id


def _pay(stage: Stage, buyer: Doors, order_id: str) -> None:
    parameters = buyer.post(f"{SHOP}/orders/{order_id}/pay")["parameters"]
    stage.sim.post("/_sim/pay/pay", {"person": BUYER, "app": MINI, **parameters})
    stage.sim.post("/_sim/pay/settle")


def _send_once_paid(stage: Stage, order_id: str, parcel: dict[str, str]) -> None:
    """Send the order as soon as the worker has taken its payment."""
    until = time.monotonic() + PAID_WITHIN_S
    while time.monotonic() < until:
        if stage.admin.get(f"{CONSOLE}/orders/{order_id}")["state"] == "paid":
            stage.admin.post(f"{CONSOLE}/orders/{order_id}/parcels", parcel)
            return
        time.sleep(0.1)
    raise Closed(f"order {order_id} was not paid")


def _keys(sim: Doors) -> dict[str, Any]:
    """What the merchant downloads from the merchant platform."""
    try:
        found = sim.get(f"/_sim/pay/merchants/{MCHID}")
    except Closed:
        merchant = {"name": "山月茶事", "mchid": MCHID, "appids": [OA, MINI]}
        found = sim.post("/_sim/pay/merchants", merchant)
    return {name: found[name] for name in KEYS}


def picture(dark: Colour, light: Colour) -> bytes:
    """A small PNG of our own: a cup on a ground of two colours."""
    rows = bytearray()
    for y in range(SIDE):
        rows.append(0)
        for x in range(SIDE):
            rows += bytes(_colour(x, y, dark, light))
    head = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(rows), 9)), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _colour(x: int, y: int, dark: Colour, light: Colour) -> Colour:
    in_cup = 44 <= x <= 108 and 70 <= y <= 116 and (x - 76) ** 2 + (y - 70) ** 2 * 2 <= 4400
    in_handle = 14**2 <= (x - 112) ** 2 + (y - 86) ** 2 <= 20**2 and x > 104
    if in_cup or in_handle:
        return dark
    share = y / SIDE * 0.35
    mixed = [int(one * (1 - share) + other * share) for one, other in zip(light, dark, strict=True)]
    return mixed[0], mixed[1], mixed[2]
