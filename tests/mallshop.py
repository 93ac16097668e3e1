"""A shop with its mall open: what flow tests of orders and payments do and see."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from huida.modules import mall, tenants
from tests.asgi import Client, Reply
from tests.shop import Shop, open_shop
from wesim import seed
from wesim.pay.state import MCHID, pay_of

CONSOLE = "/api/console/mall"
BUYER = "/api/member/mall"
ADDRESS = {"receiver": "林小满", "phone": "13800000001", "address": "杭州市西湖区龙井路 1 号"}
PLAIN = {"title": "茉莉花茶", "skus": [{"values": [], "price_fen": 2800, "stock": 10, "code": "TEA-1"}]}
BOXES = {
    "title": "龙井礼盒",
    "description": "明前龙井",
    "specs": [{"name": "规格", "values": ["50g", "100g"]}, {"name": "包装", "values": ["纸盒", "铁罐"]}],
    "skus": [
        {"values": [size, box], "price_fen": price, "stock": 5, "code": f"LJ-{size}-{number}"}
        for size, price in (("50g", 9800), ("100g", 18800))
        for number, box in enumerate(("纸盒", "铁罐"))
    ],
}


async def account_body(sim: Client, *, mode: str = "public_key") -> dict[str, Any]:
    """What the merchant downloads from the merchant platform and types into the console."""
    changed = await sim.post(f"/_sim/pay/merchants/{MCHID}", {"mode": mode})
    assert changed.status == 200, changed.text
    found = (await sim.get(f"/_sim/pay/merchants/{MCHID}")).json()
    keys = {name: found[name] for name in ("mchid", "serial", "private_key", "api_v3_key")}
    keys |= {"public_key_id": "", "public_key": "", "app_id": ""}
    if mode != "certificate":
        keys |= {name: found[name] for name in ("public_key_id", "public_key")}
    return keys


@dataclass
class Mall:
    """The mall of a shop, a buyer's phone, and WeChat Pay around it."""

    shop: Shop

    @property
    def sim(self) -> Any:
        return self.shop.world.sim

    async def settle(self) -> None:
        """Deliver WeChat Pay's callbacks and run this merchant's jobs until nothing is left to do now."""
        for _ in range(3):
            await self.shop.sim.post("/_sim/pay/settle")
            await self.shop.settle()

    async def later(self, **delta: float) -> None:
        await self.shop.later(**delta)
        await self.settle()

    # ---------------------------------------------------------------- console
    async def product(self, body: dict[str, Any] = PLAIN, *, on: bool = True) -> dict[str, Any]:
        made = await self.shop.staff.post(f"{CONSOLE}/products", body)
        assert made.status == 201, made.text
        path = f"{CONSOLE}/products/{made.json()['id']}"
        if on:
            assert (await self.shop.staff.post(f"{path}/on", {})).status == 204
        return dict((await self.shop.staff.get(path)).json())

    async def seen(self, order_id: str) -> dict[str, Any]:
        """The order as the console shows it."""
        return dict((await self.shop.staff.get(f"{CONSOLE}/orders/{order_id}")).json())

    async def ship(self, order_id: str, tracking_no: str = "SF1234567890", carrier_code: str = "SF") -> Reply:
        parcel = {"carrier_code": carrier_code, "tracking_no": tracking_no}
        return await self.shop.staff.post(f"{CONSOLE}/orders/{order_id}/parcels", parcel)

    async def refund(self, order_id: str, amount_fen: int, *, key: str = "", reason: str = "少了一件") -> Reply:
        body = {"amount_fen": amount_fen, "reason": reason, "key": key or str(uuid4())}
        return await self.shop.staff.post(f"{CONSOLE}/orders/{order_id}/refunds", body)

    async def stock(self, product: dict[str, Any]) -> list[int]:
        shown = (await self.shop.staff.get(f"{CONSOLE}/products/{product['id']}")).json()
        return [sku["stock"] for sku in shown["skus"]]

    async def told(self, kind: str) -> list[dict[str, Any]]:
        return list(await self.shop.world.facts(kind))

    # ------------------------------------------------------------------ buyer
    async def submit(
        self, buyer: Client, product: dict[str, Any], *, count: int = 1, sku: int = 0, key: str = "", **more: Any
    ) -> Reply:
        chosen = product["skus"][sku]
        body = {
            "items": [{"sku_id": chosen["id"], "count": count}],
            "total_fen": chosen["price_fen"] * count,
            **ADDRESS,
            **more,
        }
        headers = {"Idempotency-Key": key or str(uuid4())}
        return await buyer.request("POST", f"{BUYER}/orders", body, headers=headers)

    async def ordered(self, buyer: Client, product: dict[str, Any], **more: Any) -> str:
        reply = await self.submit(buyer, product, **more)
        assert reply.status == 201, reply.text
        return str(reply.json()["id"])

    async def to_pay(self, buyer: Client, order_id: str) -> dict[str, Any]:
        reply = await buyer.post(f"{BUYER}/orders/{order_id}/pay", {})
        assert reply.status == 200, reply.text
        return dict(reply.json()["parameters"])

    async def phone_pays(self, parameters: dict[str, Any], *, person: str = "linxiaoman", act: str = "pay") -> str:
        """What `wx.requestPayment` tells the page."""
        body = {"person": person, "app": seed.MINI_APPID, "act": act, **parameters}
        answer = (await self.shop.sim.post("/_sim/pay/pay", body)).json()
        return str(answer["errMsg"])

    async def paid(self, buyer: Client, product: dict[str, Any], **more: Any) -> str:
        """An order that is paid; its id."""
        order_id = await self.ordered(buyer, product, **more)
        assert await self.phone_pays(await self.to_pay(buyer, order_id)) == "requestPayment:ok"
        await self.settle()
        assert await self.state(buyer, order_id) == "paid"
        return order_id

    async def state(self, buyer: Client, order_id: str) -> str:
        return str((await buyer.get(f"{BUYER}/orders/{order_id}")).json()["state"])

    # ------------------------------------------------------------- WeChat Pay
    async def fault(self, kind: str, **more: Any) -> None:
        await self.shop.fault(kind, **({"host": "api.mch.weixin.qq.com"} if "path" in more else {}), **more)

    def wallet(self, person: str = "linxiaoman") -> int:
        return int(pay_of(self.sim).wallet(person).balance_fen)

    def sim_order(self, number: str) -> Any:
        return pay_of(self.sim).orders[MCHID, number]

    def sim_orders(self) -> list[Any]:
        return list(pay_of(self.sim).orders.values())


async def buyer_of(mall_: Mall, person: str = "linxiaoman") -> tuple[UUID, Client]:
    """A member with the member centre open in the mini program."""
    member = await mall_.shop.member(person)
    return member, await mall_.shop.centre(member)


async def open_mall(world: Any, *, entitled: bool = True, account: bool = True, mode: str = "public_key") -> Mall:
    """Everything that a merchant does before the first order."""
    shop = await open_shop(world)
    made = Mall(shop)
    if entitled:
        async with world.db.tx(world.tenant) as tx:
            await tenants.entitle(tx, mall.MODULE)
    if account:
        saved = await shop.staff.put("/api/console/payments/account", await account_body(shop.sim, mode=mode))
        assert saved.status == 204, saved.text
    return made
