"""Every door of the API, enumerated: closed without credentials, empty for another merchant, staff doors name a permission."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from fastapi.routing import APIRoute

from huida.doors import routers
from huida.modules import tenants
from tests import make
from tests.asgi import Client
from tests.mallshop import Mall, account_body
from tests.shop import Shop, open_shop

PUBLIC = {
    ("POST", "/api/console/login"),
    ("POST", "/api/member/login"),
    ("GET", "/api/member/site"),
    ("POST", "/api/member/open-links"),
    ("GET", "/api/member/codes"),
    ("POST", "/api/member/codes"),
    ("POST", "/api/member/register"),
    ("POST", "/api/member/login/code"),
    ("POST", "/api/member/login/password"),
    ("POST", "/api/member/recover"),
    ("GET", "/s/{code}"),
    ("GET", "/callbacks/wechat/{route_key}"),
    ("POST", "/callbacks/wechat/{route_key}"),
    ("POST", "/callbacks/sms/{provider}/{report_key}"),
    ("POST", "/callbacks/wechatpay/{route_key}"),
    ("GET", "/mall/pictures/{m}/{picture_id}"),
}
"""Doors that let everybody in; pushes prove themselves by signature or by an unguessable address."""
ANY_STAFF = {
    ("POST", "/api/console/logout"),
    ("GET", "/api/console/me"),
    ("POST", "/api/console/me/password"),
    ("POST", "/api/console/me/totp"),
    ("POST", "/api/console/me/totp/confirm"),
    ("GET", "/api/console/settings"),
}
"""Doors for everybody who is logged in: their own account, and what the screens need to start."""
READ_FIRST = {
    "/api/member/phone": {"code": "made-up"},
    "/api/member/phone/code": {"phone": "13800000001", "code": "000000"},
    "/api/member/codes/bind": {"phone": "13800000001"},
}
"""Doors that read their body before they ask who it is."""


def doors() -> list[tuple[str, str, APIRoute]]:
    return [
        (method, route.path, route)
        for router in routers()
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in sorted(route.methods)
    ] + [("POST", "/api/v1/purchases", None), ("POST", "/api/v1/purchases/batch", None)]  # type: ignore[list-item]


def filled(path: str, **known: Any) -> str:
    """The path with an id in each place; ids that nothing has where none is known."""
    return re.sub(r"{(\w+)}", lambda place: str(known.get(place[1], uuid4())), path.replace("{merchant_id}", "1"))


def guards(route: APIRoute) -> Iterator[Any]:
    waiting = list(route.dependant.dependencies)
    while waiting:
        dependant = waiting.pop()
        waiting += dependant.dependencies
        if hasattr(dependant.call, "permission"):
            yield dependant.call


@pytest.fixture
async def shop(world: Any) -> Shop:
    return await open_shop(world)


@pytest.mark.parametrize(("method", "path"), [(m, p) for m, p, _ in doors() if (m, p) not in PUBLIC])
async def test_without_credentials_a_door_is_closed(app: Any, method: str, path: str) -> None:
    for headers in ({}, {"authorization": "Bearer made-up"}):
        reply = await Client(app, headers=headers).request(method, filled(path), READ_FIRST.get(path))
        assert reply.status == 401, (method, path, reply.text)


def test_the_public_list_names_only_doors() -> None:
    known = {(method, path) for method, path, _ in doors()}
    assert known >= PUBLIC
    assert known >= ANY_STAFF


@pytest.mark.covers("X-15")
def test_every_staff_door_names_a_permission() -> None:
    without = [
        (method, path)
        for method, path, route in doors()
        if path.startswith("/api/console/") and (method, path) not in PUBLIC | ANY_STAFF
        if not [guard for guard in guards(route) if guard.door == "staff" and guard.permission]
    ]
    assert without == []


def test_every_open_door_names_a_scope() -> None:
    without = [
        (method, path)
        for method, path, route in doors()
        if path.startswith("/api/v1/") and route is not None
        if not [guard for guard in guards(route) if guard.door == "key" and guard.permission]
    ]
    assert without == []


async def furnished(shop: Shop) -> dict[str, Any]:
    """One thing of every kind, by the name that paths give it."""
    await shop.enable("consumption", "sms")
    member = await shop.member()
    await shop.buy(member, "T-1")
    await shop.settle()
    purchase = (await shop.staff.get("/api/console/orders/purchases")).json()["items"][0]
    template_id = await shop.add_template("会员消费通知", ["卡号", "消费金额"])
    coupon = await shop.staff.post(
        "/api/console/coupons/templates",
        {"name": "券", "kind": "cash", "amount_fen": 500, "threshold_fen": 3000, "total": 9, "valid_days": 9},
    )
    proposal = await shop.staff.post(
        "/api/console/messaging/proposals", {"title": "提醒", "keywords": ["物品"], "scene": "场景"}
    )
    mall = await furnished_mall(shop, member)
    stores = (await shop.staff.get("/api/console/stores")).json()["items"]
    staff = (await shop.staff.get("/api/console/staff")).json()["items"]
    keys = (await shop.staff.get("/api/console/keys")).json()["items"]
    delivery = (await shop.deliveries())[0]["id"]
    async with shop.db.read(shop.tenant) as tx:
        fact_id = await tx.value("SELECT id FROM facts WHERE tenant_id = $1 LIMIT 1", shop.tenant)
    return {
        "member_id": member,
        "purchase_id": purchase["id"],
        "template_id": template_id,
        "coupon_template": coupon.json()["id"],
        "proposal_id": proposal.json()["id"],
        "store_id": stores[0]["id"],
        "staff_id": staff[0]["id"],
        "key_id": keys[0]["id"],
        "delivery_id": delivery,
        "fact_id": fact_id,
        "app_id": "wx5e1f00000000b001",
        "card_no": await shop.card_no(member),
        "store": "S01",
        "till_no": "T-1",
        **mall,
    }


async def furnished_mall(shop: Shop, member: Any) -> dict[str, Any]:
    """A product, an order that was paid and sent, and a withdrawal."""
    async with shop.db.tx(shop.tenant) as tx:
        await tenants.entitle(tx, "mall")
    mall = Mall(shop)
    assert (await shop.staff.put("/api/console/payments/account", await account_body(shop.sim))).status == 204
    product = await mall.product()
    buyer = await shop.centre(member)
    order_id = await mall.paid(buyer, product)
    parcel = await mall.ship(order_id)
    await shop.recharge(member, "R-1", 1_000)
    asked = await buyer.request(
        "POST", "/api/member/mall/withdrawals", {"amount_fen": 500, "way": "cash"}, headers={"Idempotency-Key": "w"}
    )
    seen = await mall.seen(order_id)
    return {
        "product_id": product["id"],
        "order_id": order_id,
        "order_no": seen["order_no"],
        "parcel_id": parcel.json()["id"],
        "payment_id": seen["payment"]["id"],
        "withdrawal_id": asked.json()["id"],
        "code": "TEA-1",
    }


def is_empty(body: Any) -> bool:
    return not (body.get("items") if isinstance(body, dict) and "items" in body else body)


async def test_what_belongs_to_one_merchant_does_not_exist_for_another(shop: Shop, app: Any) -> None:
    known = await furnished(shop)
    stranger_tenant = await make.merchant(shop.db, name="隔壁小店", entitled=("member_notices",))
    stranger = await make.logged_in(Client(app), await make.staff(shop.db, stranger_tenant))
    key = Client(app, headers={"authorization": f"Bearer {await make.key(shop.db, stranger_tenant)}"})
    before = await counts(shop)
    seen = []
    for method, path, route in doors():
        if route is None or "{" not in path or path.startswith(("/api/operator", "/api/member", "/callbacks", "/s/")):
            continue
        if path == "/api/console/messaging/scenarios/{scenario}/options" or "/library/" in path:
            continue  # names that every merchant has alike
        ids = known | ({"template_id": known["coupon_template"]} if "/coupons/" in path else {})
        body: Any = {"GET": None, "PATCH": {"name": "别人"}}.get(method, {})
        caller = key if path.startswith("/api/v1/") else stranger
        reply = await caller.request(method, filled(path, **ids), body)
        if reply.status in (404, 409, 422):
            continue
        if method == "GET" and reply.status == 200 and is_empty(reply.json()):
            continue
        seen.append((method, path, reply.status, reply.text[:200]))
    assert seen == []
    assert await counts(shop) == before


async def counts(shop: Shop) -> dict[str, Any]:
    """A print of what the merchant has, to see that a stranger changed nothing."""
    async with shop.db.read(shop.tenant) as tx:
        tables = [
            row["table_name"]
            for row in await tx.fetch(
                "SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables t "
                "USING (table_schema, table_name) WHERE c.column_name = 'tenant_id' AND c.table_schema = 'public' "
                "AND t.table_type = 'BASE TABLE'"
            )
            if row["table_name"] not in {"jobs", "jobs_later", "sessions", "staff_sessions"}
        ]
        return {
            table: await tx.value(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t "
                                  "WHERE tenant_id = $1", shop.tenant)
            for table in tables
        }  # fmt: skip
