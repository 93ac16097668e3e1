"""What tests of members' lives share: two records of one person, coupons, and a merchant's rows for exact comparison."""

from typing import Any
from uuid import UUID, uuid4

from tests import make
from tests.asgi import Client, Reply
from tests.shop import Shop, whole_rules

MEMBERS = "/api/console/members"
LEVELS = [{"code": "normal", "name": "普通会员"}, {"code": "gold", "name": "金卡会员", "growth": 100}]
COUPON = {"name": "满 30 减 5", "kind": "cash", "amount_fen": 500, "threshold_fen": 3000, "total": 99, "valid_days": 30}
MOVED = {
    "members": (
        "id",
        "card_no",
        "name",
        "phone_hash",
        "phone_tail",
        "birthday",
        "note",
        "state",
        "level",
        "merged_into",
    ),
    "identities": ("app_id", "openid", "member_id", "unionid", "follows"),
    "purchases": ("id", "member_id", "points", "balance_fen", "refunded_fen"),
    "recharges": ("id", "member_id", "paid_fen", "gift_fen"),
    "refunds": ("id", "member_id", "amount_fen"),
    "coupons": ("id", "member_id", "state"),
    "coupon_holders": ("template_id", "member_id", "issued"),
    "mall_orders": ("id", "member_id", "key", "state"),
    "mall_withdrawals": ("id", "member_id", "key", "state"),
    "deliveries": ("fact_id", "scenario", "slot", "member_id", "state"),
    "member_passwords": ("member_id", "password_hash"),
    "ledger_accounts": ("owner_id", "unit", "balance", "held"),
    "ledger_lots": ("owner_id", "unit", "expires_at", "source_id", "remaining", "granted", "expired", "told_at"),
    "ledger_holds": ("id", "owner_id", "amount", "state"),
}
"""What may change hands, by table, without what only counts on (sequence numbers, times of the last change)."""


async def rules(shop: Shop, **decided: Any) -> None:
    """A point a yuan, gold from 100 yuan on, ¥10 on top of ¥100."""
    usual: dict[str, Any] = {"levels": LEVELS, "gift_tiers": [{"from_fen": 10000, "gift_fen": 1000}]}
    saved = await shop.staff.put("/api/console/loyalty/rules", whole_rules(**(usual | decided)))
    assert saved.status == 200, saved.text


async def coupon(shop: Shop, member_id: UUID, *, key: str = "") -> str:
    """A coupon of ¥5 off ¥30 for this member; its code."""
    offered = (await shop.staff.get("/api/console/coupons/templates")).json()["items"]
    if not offered:
        made = await shop.staff.post("/api/console/coupons/templates", COUPON)
        template = made.json()["id"]
        assert (await shop.staff.post(f"/api/console/coupons/templates/{template}/on", {})).status in (200, 204)
    else:
        template = offered[0]["id"]
    body = {"template_id": template, "card_no": await shop.card_no(member_id), "key": key or str(uuid4())}
    given = await shop.key.post("/api/v1/coupons", body)
    assert given.status in (200, 201), given.text
    return str(given.json()["code"])


async def two_records(shop: Shop) -> tuple[UUID, UUID]:
    """One person twice: 60 points, ¥110 and a coupon on one card; 80 points, ¥50 and a coupon on the other."""
    await rules(shop)
    first, second = await shop.member("linxiaoman"), await shop.member("chenyiming")
    for member_id, mark, total, paid in ((first, "A", 6000, 10000), (second, "B", 8000, 5000)):
        assert (await shop.buy(member_id, f"T-{mark}", total)).status == 201
        assert (await shop.recharge(member_id, f"R-{mark}", paid)).status == 201
        await coupon(shop, member_id)
    await shop.settle()
    return first, second


async def merge(shop: Shop, stays: UUID, goes: UUID) -> str:
    """The merge's id."""
    merged = await shop.staff.post(f"{MEMBERS}/{stays}/merge", {"goes": str(goes)})
    assert merged.status == 201, merged.text
    return str(merged.json()["merge_id"])


async def undo(shop: Shop, stays: UUID, merge_id: str) -> Reply:
    return await shop.staff.post(f"{MEMBERS}/{stays}/merges/{merge_id}/undo", {})


async def life(shop: Shop, member_id: UUID) -> dict[str, Any]:
    return dict((await shop.staff.get(f"{MEMBERS}/{member_id}/life")).json())


async def leave(shop: Shop, member_id: UUID, **more: Any) -> Reply:
    """Leave with the amounts as they are shown; what is given instead replaces them."""
    shown = (await life(shop, member_id))["owned"]
    seen = {name: shown[name] for name in ("principal_fen", "gift_fen", "points", "coupons")}
    return await shop.staff.post(f"{MEMBERS}/{member_id}/leave", {**seen, "way": "cash", "note": "收银台现金"} | more)


async def rows(shop: Shop, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of these tables (of all that may change hands) that the merchant has."""
    async with shop.db.read(shop.tenant) as tx:
        return {
            table: sorted(
                (
                    tuple(row.values())
                    for row in await tx.fetch(
                        f"SELECT {', '.join(MOVED[table])} FROM {table} WHERE tenant_id = $1"
                        + (" AND balance <> 0" if table == "ledger_accounts" else ""),
                        shop.tenant,
                    )
                ),
                key=str,
            )
            for table in (tables or MOVED)
        }


async def timeline(shop: Shop, member_id: UUID) -> list[str]:
    """The kinds of a member's facts, oldest first."""
    shown = (await shop.staff.get(f"/api/console/messaging/members/{member_id}/timeline", limit=100)).json()["items"]
    return [one["kind"] for one in reversed(shown)]


async def transfers(shop: Shop, member_id: UUID, reason: str) -> list[tuple[str, int, str]]:
    """(unit, amount, contra) of a member's transfers of a reason."""
    async with shop.db.read(shop.tenant) as tx:
        found = await tx.fetch(
            "SELECT unit, amount, contra FROM ledger_transfers WHERE tenant_id = $1 AND owner_id = $2 AND reason = $3 "
            "ORDER BY unit, seq",
            *(shop.tenant, member_id, reason),
        )
    return [tuple(row.values()) for row in found]


async def later(shop: Shop, **delta: float) -> None:
    """Some time passes, and the shop's owner logs in again."""
    await shop.later(**delta)
    shop.staff = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant))
