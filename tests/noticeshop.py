"""A mall that tells its buyers and its staff: what flow tests of the mall's notices do and see."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from huida.modules.messaging.catalogue import BY_CODE
from tests import make
from tests.asgi import Client, Reply
from tests.mallshop import Mall, buyer_of, open_mall
from tests.shop import Shop
from wesim import seed

PATH = "/api/console/messaging"
PAID_CODE = "SMS_300000001"
PAID_TEXT = "您的订单${no}已支付，共${sum}元，我们会尽快发货。"
PAID_MAPPING = {"no": "order_no", "sum": "order_total"}


@dataclass
class Desk:
    """The notices' desk in the console of an open mall."""

    mall: Mall

    @property
    def shop(self) -> Shop:
        return self.mall.shop

    @property
    def staff(self) -> Client:
        return self.mall.shop.staff

    async def settle(self) -> None:
        await self.mall.settle()

    async def later(self, **delta: float) -> None:
        """Move both clocks; whoever was logged in for too long logs in again."""
        await self.mall.later(**delta)
        shop = self.shop
        shop.staff = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant))

    # ---------------------------------------------------------------- set up
    async def default(self, scenario: str, channel: str = "template", **more: Any) -> Reply:
        """使用系统默认通知, saved."""
        return await self.staff.post(f"{PATH}/scenarios/{scenario}/channels/{channel}/default", more)

    async def on(self, scenario: str, channel: str = "template") -> str:
        """A channel live with the system's default; the template's id."""
        saved = await self.default(scenario, channel)
        assert saved.status == 200, saved.text
        return await self.template_of(scenario, channel)

    async def save(self, scenario: str, channel: str, template_id: str, mapping: dict[str, str], **more: Any) -> Reply:
        body = {"template_id": template_id, "mapping": mapping, **more}
        return await self.staff.put(f"{PATH}/scenarios/{scenario}/channels/{channel}", body)

    async def policy(self, scenario: str, policy: str, *order: str) -> Reply:
        return await self.staff.put(f"{PATH}/scenarios/{scenario}/policy", {"policy": policy, "order": list(order)})

    async def scenario(self, code: str) -> dict[str, Any]:
        family = BY_CODE[code].family
        shown = (await self.staff.get(f"{PATH}/scenarios", family=family)).json()["items"]
        return next(dict(one) for one in shown if one["code"] == code)

    async def channel(self, scenario: str, channel: str) -> dict[str, Any]:
        return next(dict(c) for c in (await self.scenario(scenario))["channels"] if c["channel"] == channel)

    async def template_of(self, scenario: str, channel: str) -> str:
        return str((await self.channel(scenario, channel))["template_id"])

    async def live(self, scenario: str) -> list[str]:
        return [c["channel"] for c in (await self.scenario(scenario))["channels"] if c["live"]]

    # ------------------------------------------------------------------- sms
    async def approve(self, code: str = PAID_CODE, content: str = PAID_TEXT, **more: Any) -> None:
        """A template that the provider has approved (or what `status` says)."""
        body = {"provider": "aliyun", "code": code, "content": content, "kind": 1} | more
        made = await self.shop.sim.post("/_sim/sms/templates", body)
        assert made.status == 200, made.text

    async def add_text(self, **more: Any) -> Reply:
        body = {
            "name": "支付成功",
            "scenario": "order_paid",
            "content": PAID_TEXT,
            "mapping": PAID_MAPPING,
            "codes": {"aliyun": PAID_CODE},
            "state": "enabled",
        }
        return await self.staff.post(f"{PATH}/sms-templates", body | more)

    async def sms_on(self, scenario: str = "order_paid") -> str:
        """The SMS channel live with a text of the store; the text's id."""
        await self.approve()
        added = await self.add_text(scenario=scenario)
        assert added.status == 201, added.text
        saved = await self.save(scenario, "sms", added.json()["id"], {})
        assert saved.status == 200, saved.text
        return str(added.json()["id"])

    # ----------------------------------------------------------------- staff
    async def colleague(self, name: str) -> UUID:
        made = await self.staff.post(
            "/api/console/staff",
            {"login": f"clerk{make.number()}", "name": name, "role": "store_staff", "password": make.PASSWORD},
        )
        assert made.status == 201, made.text
        return UUID(made.json()["id"])

    async def invite(self, staff_id: UUID) -> str:
        made = await self.staff.post(f"{PATH}/recipients/{staff_id}/invitation", {})
        assert made.status == 201, made.text
        return str(made.json()["content"])

    async def scan(self, person: str, content: str) -> None:
        scanned = await self.shop.sim.post("/_sim/scan", {"person": person, "content": content})
        assert scanned.status == 200, scanned.text
        await self.settle()

    async def bind(self, name: str, person: str) -> UUID:
        staff_id = await self.colleague(name)
        await self.scan(person, await self.invite(staff_id))
        return staff_id

    async def bound(self) -> dict[str, str]:
        """Who is bound, and whether they follow."""
        rows = (await self.staff.get(f"{PATH}/recipients")).json()["items"]
        return {row["name"]: "follows" if row["follows"] else "away" for row in rows if row["bound"]}

    async def heard(self, person: str) -> list[Any]:
        """Messages of the official account on somebody's phone, oldest first."""
        chats = (await self.shop.sim.get(f"/_sim/phones/{person}")).json()["chats"]
        return [m for c in chats if c["kind"] == "official_account" for m in c["messages"]]

    # --------------------------------------------------------------- outcomes
    async def made(self, scenario: str) -> list[tuple[str, str, str]]:
        """(slot, state, reason) of a scenario's messages, oldest first, by slot."""
        rows = await self.shop.deliveries(scenario=scenario)
        return sorted((row["slot"], row["state"], row["reason"]) for row in rows)

    async def attention(self) -> list[tuple[str, str | None]]:
        shown = (await self.staff.get("/api/console/overview")).json()["attention"]
        return [(one["code"], one["subject"]) for one in shown]


async def open_desk(world: Any) -> Desk:
    return Desk(await open_mall(world))


__all__ = ["PAID_CODE", "PAID_MAPPING", "PAID_TEXT", "PATH", "Desk", "buyer_of", "open_desk", "seed"]
