"""The SMS business of a shop: packages, WeChat Pay, two providers; what flow tests do and see."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from huida.kernel.secrets import Secret
from huida.main import System
from huida.modules import payments, sms
from tests import make
from tests.asgi import Client
from tests.mallshop import account_body
from tests.shop import SCENARIO_TEXTS, Shop
from wesim import seed
from wesim.sms.catalogue import TENCENT_SECRET_ID, TENCENT_SECRET_KEY, tencent_templates

CONSOLE = "/api/console/sms"
OPERATOR = "/api/operator/sms"
TENCENT_APP = "1400000001"
POSITIONS = {"1": "card_tail", "2": "time", "3": "link_code"}


@dataclass
class Desk:
    """A merchant's and the platform's desks side by side."""

    shop: Shop
    operator: Client

    async def settle(self) -> None:
        for _ in range(3):
            await self.shop.sim.post("/_sim/pay/settle")
            await self.shop.settle()

    async def later(self, **delta: float) -> None:
        """Move both clocks; whoever was logged in for too long logs in again."""
        await self.shop.later(**delta)
        app, db = self.shop.world.app, self.shop.db
        self.operator = await make.logged_in(Client(app), await make.operator(db))
        self.shop.staff = await make.logged_in(Client(app), await make.staff(db, self.shop.tenant))
        await self.settle()

    async def package(self, parts: int = 100, price_fen: int = 900, name: str = "一百条", **more: Any) -> str:
        body = {"name": name, "parts": parts, "price_fen": price_fen, **more}
        made = await self.operator.post(f"{OPERATOR}/packages", body)
        assert made.status == 201, made.text
        return str(made.json()["id"])

    async def order(self, package_id: str) -> dict[str, Any]:
        made = await self.shop.staff.post(f"{CONSOLE}/purchases", {"package_id": package_id})
        assert made.status == 201, made.text
        return dict(made.json())

    async def code(self, purchase_id: str) -> str:
        shown = await self.shop.staff.post(f"{CONSOLE}/purchases/{purchase_id}/pay", {})
        assert shown.status == 200, shown.text
        return str(shown.json()["code_url"])

    async def scan(self, code_url: str, *, act: str = "pay") -> dict[str, Any]:
        body = {"person": "linxiaoman", "code_url": code_url, "act": act}
        return dict((await self.shop.sim.post("/_sim/pay/scan", body)).json())

    async def bought(self, parts: int = 100, price_fen: int = 900) -> dict[str, Any]:
        """A package that was ordered, scanned and paid."""
        purchase = await self.order(await self.package(parts, price_fen))
        assert (await self.scan(await self.code(purchase["id"])))["result"] == "ok"
        await self.settle()
        return await self.purchase(purchase["id"])

    async def purchase(self, purchase_id: str) -> dict[str, Any]:
        return dict((await self.shop.staff.get(f"{CONSOLE}/purchases/{purchase_id}")).json())

    async def parts(self) -> dict[str, Any]:
        return dict((await self.shop.staff.get(f"{CONSOLE}/parts")).json())

    async def grant(self, parts: int, reason: str = "开业赠送") -> Any:
        path = f"{OPERATOR}/merchants/{self.shop.tenant}/grants"
        return await self.operator.post(path, {"parts": parts, "reason": reason})

    async def given(self, parts: int) -> None:
        assert (await self.grant(parts)).status == 201

    async def ledger(self) -> tuple[int, int, int]:
        """(left, used, owed)."""
        shown = (await self.operator.get(f"{OPERATOR}/merchants/{self.shop.tenant}")).json()
        return shown["parts_left"], shown["parts_used"], shown["parts_owed"]

    async def billed(self, provider: str = "") -> int:
        """Parts that the carriers billed for this merchant's messages."""
        found = await self.shop.sim.get("/_sim/sms/billed", echo=f"{self.shop.tenant}.", provider=provider)
        return int(found.json()["parts"])

    async def tell(self, member: Any, count: int = 1, first: int = 1) -> None:
        for number in range(first, first + count):
            bought = await self.shop.buy(member, f"T-{number}")
            assert bought.status == 201, bought.text
        await self.settle()


async def open_desk(shop: Shop) -> Desk:
    """The platform can be paid, and an operator is at work."""
    operator = await make.logged_in(Client(shop.world.app), await make.operator(shop.db))
    keys = await account_body(shop.sim)
    saved = await operator.put("/api/operator/pay-account", {**keys, "app_id": seed.OA_APPID})
    assert saved.status == 204, saved.text
    async with shop.db.read(0) as tx:
        assert await payments.is_set_up(tx)
    return Desk(shop, operator)


async def add_tencent(system: System, sim: Client, *, weight: int = 100) -> None:
    """The platform's second provider, with the same texts and its own report address."""
    contents = {code: content for code, _, _, content in tencent_templates()}
    texts = []
    for scenario, code in SCENARIO_TEXTS.items():
        theirs = f"20000{code[-2:]}"
        texts.append(sms.SmsText(scenario, theirs, contents[theirs], POSITIONS))
    async with system.db.tx(0) as tx:
        account = sms.Account("tencent", TENCENT_SECRET_ID, Secret(TENCENT_SECRET_KEY), TENCENT_APP, weight)
        keys = await sms.seed_platform(tx, accounts=[account], texts={"tencent": texts})
    url = f"{system.settings.public_url}/callbacks/sms/tencent/{keys['tencent']}"
    told = await sim.post("/_sim/sms/account", {"provider": "tencent", "report_url": url})
    assert told.status == 200, told.text


@asynccontextmanager
async def two_providers(shop: Shop, *, aliyun: int = 100, tencent: int = 100) -> AsyncIterator[None]:
    """Both providers with these weights; afterwards the platform is as other tests expect it."""
    await add_tencent(shop.world.system, shop.sim, weight=tencent)
    try:
        async with shop.db.tx(0) as tx:
            await tx.execute("UPDATE sms_accounts SET weight = $1 WHERE provider = 'aliyun'", aliyun)
        yield
    finally:
        async with shop.db.tx(0) as tx:
            await tx.execute("UPDATE sms_accounts SET state = 'off' WHERE provider = 'tencent'")
            await tx.execute("UPDATE sms_accounts SET weight = 100 WHERE provider = 'aliyun'")
            await tx.execute("DELETE FROM sms_health")
