"""Everybody who may call, with a real session or key, and something of every kind for them to call about."""

from dataclasses import dataclass
from typing import Any

from tests import make
from tests.asgi import Client, Reply
from tests.contracts.test_isolation import furnished
from tests.shop import Shop, open_shop


@dataclass
class Callers:
    """One of each kind. What a call has closed (a session, the merchant) is opened again before the next."""

    shop: Shop
    known: dict[str, Any]
    staff: Client
    operator: Client
    member: Client
    key: Client

    @classmethod
    async def of(cls, world: Any) -> "Callers":
        shop = await open_shop(world)
        known = await furnished(shop)
        operator = await make.logged_in(Client(world.app), await make.operator(shop.db))
        member = await shop.centre(known["member_id"])
        return cls(shop, known | {"merchant_id": shop.tenant}, shop.staff, operator, member, shop.key)

    def one_for(self, path: str) -> Client:
        """Who calls this door."""
        if path.startswith("/api/console"):
            return self.staff
        if path.startswith("/api/operator"):
            return self.operator
        if path.startswith("/api/member"):
            return self.member
        return self.key if path.startswith("/api/v1") else Client(self.shop.world.app)

    async def call(self, method: str, path: str, url: str, **sent: Any) -> Reply:
        """Call a door; who was shut out by a call before (a logout, a revoked key) is let in again first."""
        reply = await self.one_for(path).request(method, url, **sent)
        if reply.status == 401:
            await self.reopen()
            reply = await self.one_for(path).request(method, url, **sent)
        return reply

    async def reopen(self) -> None:
        """Whatever was suspended or logged out is there again."""
        db, app, tenant = self.shop.db, self.shop.world.app, self.shop.tenant
        await self.operator.post(f"/api/operator/merchants/{tenant}/resume")
        if (await self.staff.get("/api/console/me")).status != 200:
            self.staff = await make.logged_in(Client(app), await make.staff(db, tenant))
        if (await self.key.get("/api/v1/mall/orders")).status == 401:
            self.key = Client(app, headers={"authorization": f"Bearer {await make.key(db, tenant)}"})
        if (await self.operator.get("/api/operator/merchants")).status != 200:
            self.operator = await make.logged_in(Client(app), await make.operator(db))
        await self.staff.post(f"/api/console/members/{self.known['member_id']}/unfreeze")
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
