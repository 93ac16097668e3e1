"""The doors of coupons: tills, the console, members."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

from starlette.types import ASGIApp

from huida.kernel.db import Database
from huida.kernel.secrets import token, token_hash
from huida.modules import members
from tests import make
from tests.asgi import Client
from tests.modules.test_coupons import CASH, give, on_offer, rows, state_of_stock, told


async def test_the_open_api_gives_and_redeems_once(app: ASGIApp, db: Database, tenant: int) -> None:
    template_id = await on_offer(db, tenant)
    member = await make.member(db, tenant, card_no="6088000001")
    await make.store(db, tenant, name="南门店")
    till = Client(app, {"authorization": f"Bearer {await make.key(db, tenant, 'coupons.write')}"})
    body = {"template_id": str(template_id), "card_no": "6088000001", "key": "order-7"}
    given = await till.post("/api/v1/coupons", body, headers={"idempotency-key": "i-1"})
    again = await till.post("/api/v1/coupons", body, headers={"idempotency-key": "i-1"})
    assert (given.status, given.json()["member_id"], again.json()) == (201, str(member), given.json())
    code = given.json()["code"]
    used = await till.post(f"/api/v1/coupons/{code}/redeem", {"store": "S01", "order_ref": "o-1", "order_fen": 3000})
    assert (used.status, used.json()["state"], used.json()["off_fen"]) == (200, "used", 500)
    second = await till.post(f"/api/v1/coupons/{code}/redeem", {"store": "S02", "order_ref": "o-9"})
    assert second.refusal == (409, "coupon.already_used")
    unknown = await till.post("/api/v1/coupons", {**body, "card_no": "9999999999", "key": "order-8"})
    assert unknown.refusal == (404, "member.not_found")
    assert await state_of_stock(db, tenant) == (1, 1, 1)


async def test_a_key_needs_the_scope_and_sees_its_own_merchant_only(app: ASGIApp, db: Database, tenant: int) -> None:
    coupon = await give(db, tenant, await on_offer(db, tenant))
    reader = Client(app, {"authorization": f"Bearer {await make.key(db, tenant, 'purchases.write')}"})
    stranger = Client(app, {"authorization": f"Bearer {await make.key(db, await make.merchant(db), 'coupons.write')}"})
    path = f"/api/v1/coupons/{coupon.code}/redeem"
    assert (await reader.post(path, {})).refusal == (403, "auth.forbidden")
    assert (await stranger.post(path, {})).refusal == (404, "coupon.not_found")
    assert await rows(db, tenant, "SELECT state FROM coupons WHERE tenant_id = $1") == [("issued",)]


async def test_the_console_makes_offers_and_sets_the_reminders(console: Client, other: Client) -> None:
    made = await console.post(
        "/api/console/coupons/templates",
        {"name": "八五折", "kind": "discount", "discount_bp": 8500, "total": 5, "valid_days": 30},
    )
    assert made.status == 201
    path = f"/api/console/coupons/templates/{made.json()['id']}"
    assert (await console.post(f"{path}/on")).status == 204
    shown = (await console.get(path)).json()
    assert (shown["state"], shown["left"], shown["discount_bp"]) == ("on", 5, 8500)
    assert (await other.get(path)).refusal == (404, "coupon.template_not_found")
    reminders = {"remind_after_days": 7, "remind_before_days": 2}
    assert (await console.put("/api/console/coupons/reminders", reminders)).status == 204
    kept = (await console.get("/api/console/coupons/reminders")).json()
    assert kept == reminders | {"version": kept["version"]}
    theirs = (await other.get("/api/console/coupons/reminders")).json()
    assert theirs == {"remind_after_days": 0, "remind_before_days": 3, "version": theirs["version"]}


async def phone_page(app: ASGIApp, db: Database, tenant: int, member: UUID | None) -> Client:
    """The member centre of a member, or of a visitor who has not joined."""
    session, openid = token("hm"), f"o{uuid4().hex}"
    async with db.tx(tenant) as tx:
        await members.see_identity(tx, app_id="wxmini", openid=openid)
        if member is not None:
            await members.link_identity(tx, member, app_id="wxmini", openid=openid)
        await tx.execute(
            "INSERT INTO member_sessions (token_hash, tenant_id, app_id, openid, expires_at) VALUES ($1, $2, $3, $4, $5)",
            *(token_hash(session.reveal()), tenant, "wxmini", openid, tx.now + timedelta(hours=1)),
        )
    return Client(app, {"authorization": f"Bearer {session.reveal()}"})


async def test_a_member_claims_once_for_each_tap(app: ASGIApp, db: Database, tenant: int) -> None:
    template_id = await on_offer(db, tenant, replace(CASH, per_member=2))
    hidden = await on_offer(db, tenant, replace(CASH, claimable=False))
    one = await phone_page(app, db, tenant, await make.member(db, tenant))
    two = await phone_page(app, db, tenant, await make.member(db, tenant))
    visitor = await phone_page(app, db, tenant, None)
    path, tap = f"/api/member/coupons/offers/{template_id}/claim", {"idempotency-key": "tap-1"}
    first = await one.post(path, headers=tap)
    assert (first.status, (await one.post(path, headers=tap)).json()) == (201, first.json())
    assert (await two.post(path, headers=tap)).json()["code"] != first.json()["code"]
    assert (await one.post(path, headers={"idempotency-key": "tap-2"})).status == 201
    third = await one.post(path, headers={"idempotency-key": "tap-3"})
    closed = await one.post(f"/api/member/coupons/offers/{hidden}/claim", headers=tap)
    assert [reply.refusal for reply in (third, closed, await visitor.post(path, headers=tap))] == [
        (409, "coupon.limit_reached"),
        (404, "coupon.template_not_found"),
        (403, "coupon.join_first"),
    ]
    assert [offer["taken"] for offer in (await one.get("/api/member/coupons/offers")).json()["items"]] == [2]
    assert len((await one.get("/api/member/coupons")).json()["items"]) == 2
    detail = f"/api/member/coupons/{first.json()['id']}"
    assert (await one.get(detail)).json()["template"]["amount_fen"] == 500
    assert (await two.get(detail)).refusal == (404, "coupon.not_found")
    assert (await state_of_stock(db, tenant), await told(db, tenant)) == ((3, 3, 3), ["coupon.issued"] * 3)


async def test_lists_go_on_where_the_page_before_ended(console: Client, db: Database, tenant: int) -> None:
    template_id = await on_offer(db, tenant)
    given = [await give(db, tenant, template_id, key=str(n)) for n in range(3)]
    path = f"/api/console/coupons/templates/{template_id}/coupons"
    first = (await console.get(path, limit=2)).json()
    rest = (await console.get(path, limit=2, cursor=first["next_cursor"])).json()
    assert [coupon["code"] for coupon in first["items"] + rest["items"]] == [c.code for c in reversed(given)]
    assert rest["next_cursor"] is None
