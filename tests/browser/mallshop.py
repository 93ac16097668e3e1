"""A shop of the stage with its mall open."""

from typing import Any

from huida.modules import tenants
from tests.browser.stage import Shop
from wesim.pay.state import MCHID

CONSOLE = "/api/console/mall"
TEA = {
    "title": "茉莉花茶",
    "description": "春茶窨制，清香回甘。",
    "skus": [{"values": [], "price_fen": 2800, "stock": 10, "code": "TEA-1"}],
}
BOX = {
    "title": "龙井礼盒",
    "description": "明前龙井，手工炒制。",
    "specs": [{"name": "净含量", "values": ["50g", "100g"]}, {"name": "包装", "values": ["纸盒", "铁罐"]}],
    "skus": [
        {"values": [size, box], "price_fen": price, "stock": stock, "code": f"LJ-{size}-{number}"}
        for size, price in (("50g", 9800), ("100g", 18800))
        for number, (box, stock) in enumerate((("纸盒", 5), ("铁罐", 0 if size == "50g" else 5)))
    ],
}


def grant(shop: Shop) -> None:
    """The platform grants the mall."""

    async def granted() -> None:
        async with shop.stage.db.tx(shop.tenant) as tx:
            await tenants.entitle(tx, "mall")

    shop.stage.run(granted())


def pay_keys(shop: Shop) -> dict[str, Any]:
    """What the merchant downloads from the merchant platform."""
    found = shop.stage.sim.get(f"/_sim/pay/merchants/{MCHID}")
    names = ("mchid", "serial", "private_key", "api_v3_key", "public_key_id", "public_key")
    return {"app_id": ""} | {name: found[name] for name in names}


def open_mall(shop: Shop, *products: dict[str, Any]) -> list[str]:
    """The mall granted, payments set up, these products on sale; returns their ids."""
    grant(shop)
    shop.api.put("/api/console/payments/account", pay_keys(shop))
    ids = []
    for body in products:
        ids.append(shop.api.post(f"{CONSOLE}/products", body)["id"])
        shop.api.post(f"{CONSOLE}/products/{ids[-1]}/on")
    return ids


def orders(shop: Shop, **query: Any) -> list[dict[str, Any]]:
    return list(shop.api.get(f"{CONSOLE}/orders", **query)["items"])
