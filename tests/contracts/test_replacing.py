"""Every PUT of the API says what it replaces (R-11): all its fields, and the version that its sender saw."""

from typing import Any

import pytest

from tests import versions
from tests.asgi import Client
from tests.contracts.test_isolation import counts, doors, filled
from tests.contracts.test_openapi import api
from tests.fuzz.callers import Callers
from tests.noticeshop import Desk, open_desk
from tests.shop import whole_rules

pytestmark = pytest.mark.slow


def puts() -> list[str]:
    return sorted(path for method, path, _ in doors() if method == "PUT")


def test_every_put_is_known_with_the_door_that_shows_its_version() -> None:
    assert puts() == sorted(versions.doors())
    assert all(versions.ABSOLUTE.values())


def test_every_field_of_every_put_is_required() -> None:
    document = api().openapi()
    schemas = document["components"]["schemas"]
    optional = {}
    for path in versions.SHOWN:
        [media] = document["paths"][path]["put"]["requestBody"]["content"].values()
        body = schemas[media["schema"]["$ref"].rsplit("/", 1)[1]]
        assert "version" in body["required"], path
        left = set(body["properties"]) - set(body["required"])
        if left:
            optional[path] = left
    # It replaces nothing: it says that this call may go on although the account is of another kind.
    assert optional == {"/api/console/messaging/scenarios/{scenario}/channels/{channel}": {"despite"}}


BODIES: dict[str, dict[str, Any]] = {
    "/api/console/loyalty/rules": whole_rules(points_per_100_yuan=200),
    "/api/console/coupons/settings": {"refund_reopens": False},
    "/api/console/coupons/reminders": {"remind_after_days": 5, "remind_before_days": 6},
    "/api/console/mall/settings": {
        "complete_after_days": 9,
        "recharge_on": False,
        "recharge_amounts": [4_000],
        "withdraw_on": False,
        "withdraw_from_fen": 200,
    },
    "/api/console/sms/limits": {
        "low_parts": 7,
        "soft_parts": 8,
        "hard_parts": 9,
        "soft_fen": None,
        "hard_fen": None,
    },
    "/api/console/verification/limits": {"hour": 11, "day": 12},
    "/api/console/verification/{scenario}": {"live": True, "template_id": None},
    "/api/console/messaging/scenarios/{scenario}/channels/{channel}": {"template_id": "", "mapping": {}},
    "/api/console/messaging/scenarios/{scenario}/options": {"remind_after_days": 8, "remind_before_days": 9},
    "/api/console/messaging/scenarios/{scenario}/policy": {"policy": "exclusive", "order": []},
    "/api/operator/merchants/{merchant_id}/entitlements/{module}": {"until": "2099-01-01T00:00:00+08:00"},
    "/api/operator/merchants/{merchant_id}/code-limits": {"cap_hour": 3, "cap_day": 4},
    "/api/operator/notice-rules": {"industries": [], "categories": ["x"], "numbers": {}},
    "/api/operator/sms/settings": {"part_fen": 6, "sign_name": "会达云"},
    "/api/operator/sms/accounts/{provider}": {"key_id": "k", "secret": "s", "sdk_app_id": "", "weight": 3},
    "/api/operator/sms/texts/{provider}/{scenario}": {"template_code": "T", "content": "好", "params": {}},
    "/api/operator/sms/accounts/{provider}/routing": {"weight": 3, "state": "off"},
    "/api/operator/sms/merchants/{merchant_id}/plan": {"model": "package", "cap_parts": 3, "cap_fen": None},
}
"""What each PUT would be sent, were its version not stale."""
PLACES = {"scenario": "consumption", "channel": "sms", "module": "mall", "provider": "aliyun"}
SCENARIO_OF = {
    "/api/console/messaging/scenarios/{scenario}/options": "coupon_unused",
    "/api/console/verification/{scenario}": "login",
}


async def body_of(callers: Callers, path: str) -> tuple[str, dict[str, Any]] | None:
    """The address of a PUT that would succeed, and its body; None where the shop has no such thing."""
    known = callers.known | PLACES | ({"scenario": SCENARIO_OF[path]} if path in SCENARIO_OF else {})
    body = BODIES.get(path)
    if path == "/api/console/mall/products/{product_id}":
        shown = (await callers.staff.get(filled(path, **known))).json()
        body = {name: shown[name] for name in ("title", "description", "specs")}
        body |= {"pictures": [], "skus": [sku | {"stock_was": sku["stock"]} for sku in shown["skus"]]}
        body["skus"] = [
            {k: sku[k] for k in ("values", "price_fen", "stock", "stock_was", "code")} for sku in body["skus"]
        ]
    if path.endswith("account"):
        names = ("mchid", "serial", "private_key", "api_v3_key", "public_key_id", "public_key", "app_id")
        body = dict.fromkeys(names, "1")
    if "{package_id}" in path:
        made = {"name": "百条", "parts": 100, "price_fen": 900}
        known["package_id"] = (await callers.operator.post("/api/operator/sms/packages", made)).json()["id"]
        body = made | {"on_sale": True, "valid_from": None, "valid_until": None, "position": 0}
    return None if body is None else (filled(path.replace("{merchant_id}", str(known["merchant_id"])), **known), body)


async def test_a_stale_or_missing_version_is_refused_and_nothing_is_replaced(world: Any) -> None:
    callers = await Callers.of(world)
    tried = 0
    for path in versions.SHOWN:
        found = await body_of(callers, path)
        if found is None:
            continue
        url, body = found
        client = callers.one_for(path)
        before = await counts(callers.shop)
        for sent, refusal in (
            (body, (422, "request.invalid")),
            (body | {"version": 7}, (422, "request.invalid")),
            (body | {"version": "0123456789abcdef"}, (409, "request.changed_meanwhile")),
            ({}, (422, "request.invalid")),
        ):
            refused = await client.request("PUT", url, sent)
            assert refused.refusal == refusal, (path, refused.text)
        assert await counts(callers.shop) == before, path
        tried += 1
    assert tried == len(versions.SHOWN) - 3  # the store's SMS texts, recipients and signatures: their own tests below


async def test_of_two_who_save_the_same_page_the_second_is_told(world: Any) -> None:
    callers = await Callers.of(world)
    told = {}
    for path in (
        "/api/console/loyalty/rules",
        "/api/console/coupons/settings",
        "/api/console/coupons/reminders",
        "/api/console/mall/settings",
        "/api/console/mall/products/{product_id}",
        "/api/console/sms/limits",
        "/api/console/verification/limits",
        "/api/console/messaging/scenarios/{scenario}/options",
        "/api/operator/merchants/{merchant_id}/entitlements/{module}",
        "/api/operator/merchants/{merchant_id}/code-limits",
        "/api/operator/sms/packages/{package_id}",
        "/api/operator/sms/merchants/{merchant_id}/plan",
    ):
        url, body = await body_of(callers, path) or ("", {})
        client = callers.one_for(path)
        seen = await versions.seen(client, url)
        if "{product_id}" in path:
            body["title"] = "新名字"
        elif "{package_id}" in path:
            body["price_fen"] = 800
        first = await client.request("PUT", url, body | seen)
        assert first.status in (200, 204), (path, first.text)
        second = await client.request("PUT", url, body | seen)
        told[path] = second.refusal
        again = await client.request("PUT", url, body | await versions.seen(client, url))
        assert again.status in (200, 204), (path, again.text)
    assert set(told.values()) == {(409, "request.changed_meanwhile")}, told


async def test_a_sale_meanwhile_does_not_make_a_products_page_stale(world: Any) -> None:
    callers = await Callers.of(world)
    url, body = await body_of(callers, "/api/console/mall/products/{product_id}") or ("", {})
    seen = await versions.seen(callers.staff, url)
    code = callers.known["code"]
    assert (await callers.key.put(f"/api/v1/mall/skus/{code}/stock", {"stock": 3})).status == 204
    assert (await callers.staff.request("PUT", url, body | seen)).status == 204


@pytest.fixture
async def desk(world: Any) -> Desk:
    return await open_desk(world)


async def test_texts_and_recipients_are_guarded_too(desk: Desk) -> None:
    staff: Client = desk.staff
    text_id = await desk.sms_on()
    [text] = (await staff.get("/api/console/messaging/sms-templates")).json()["items"]
    names = ("name", "scenario", "content", "mapping", "codes", "state")
    url = f"/api/console/messaging/sms-templates/{text_id}"
    body = {name: text[name] for name in names} | {"name": "改名"}
    assert (await staff.request("PUT", url, body | {"version": text["version"]})).status == 200
    stale = await staff.request("PUT", url, body | {"name": "又改", "version": text["version"]})
    assert stale.refusal == (409, "request.changed_meanwhile")
    [kept] = (await staff.get("/api/console/messaging/sms-templates")).json()["items"]
    assert kept["name"] == "改名"
    staff_id = await desk.bind("张店长", "chenyiming")
    rows = (await staff.get("/api/console/messaging/recipients")).json()["items"]
    [row] = [one for one in rows if one["staff_id"] == str(staff_id)]
    url = f"/api/console/messaging/recipients/{staff_id}"
    wanted = {"scenarios": ["seller_order_paid"], "version": row["version"]}
    if row["scenarios"] == wanted["scenarios"]:
        wanted["scenarios"] = []
    assert (await staff.request("PUT", url, wanted)).status == 204
    assert (await staff.request("PUT", url, wanted)).refusal == (409, "request.changed_meanwhile")
