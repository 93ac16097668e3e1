"""Everybody who may call, with a real session or key, and something of every kind for them to call about."""

from dataclasses import dataclass
from typing import Any

from tests import make
from tests.asgi import Client, Reply
from tests.contracts.test_isolation import furnished
from tests.shop import Shop, open_shop

ENDS_THE_SESSION = ("/api/console/logout", "/api/console/me/password", "/api/member/logout")


@dataclass
class Callers:
    """One of each kind. What a call has closed (a session, the merchant) is opened again before the next."""

    shop: Shop
    known: dict[str, Any]
    staff: Client
    operator: Client
    member: Client

    @classmethod
    async def of(cls, world: Any) -> "Callers":
        shop = await open_shop(world)
        known = await furnished(shop)
        operator = await make.logged_in(Client(world.app), await make.operator(shop.db))
        return cls(shop, known | {"merchant_id": shop.tenant}, shop.staff, operator, await shop.centre(known["member_id"]))

    async def one_for(self, path: str) -> Client:
        """Who calls this door, able to."""
        if path in ENDS_THE_SESSION or path.startswith("/api/operator/merchants/{merchant_id}"):
            await self.reopen()
        if path.startswith("/api/console"):
            return self.staff
        if path.startswith("/api/operator"):
            return self.operator
        if path.startswith("/api/member"):
            return self.member
        return self.shop.key if path.startswith("/api/v1") else Client(self.shop.world.app)

    async def reopen(self) -> None:
        """Whatever was suspended or logged out is there again."""
        db, app, tenant = self.shop.db, self.shop.world.app, self.shop.tenant
        await self.operator.post(f"/api/operator/merchants/{tenant}/resume")
        if (await self.staff.get("/api/console/me")).status != 200:
            self.staff = await make.logged_in(Client(app), await make.staff(db, tenant))
        if (await self.member.get("/api/member/me")).status != 200:
            self.member = await self.shop.centre(self.known["member_id"])


def wrong(reply: Reply) -> str:
    """What is wrong with an answer to whatever was sent; empty when nothing is."""
    if reply.status >= 500:
        return f"{reply.status}: {reply.text[:300]}"
    if reply.status >= 400:
        kind = reply.headers.get("content-type", "")
        if kind != "application/problem+json":
            return f"{reply.status} as {kind}: {reply.text[:300]}"
        if not reply.json().get("code"):
            return f"{reply.status} without a code"
    return ""
