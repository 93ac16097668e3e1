"""Slips that were 500s, half files or pictures that are none (R-13, R-19, R-27): a word at the field, and nothing kept."""

import base64
from typing import Any

import pytest

from tests import make
from tests.asgi import Client, call
from tests.contracts.test_isolation import counts, furnished
from tests.pictures import JPEG, PNG, png
from tests.shop import Shop, open_shop

CONSOLE, OPERATOR = "/api/console", "/api/operator"
DEEP = base64.urlsafe_b64encode(b"[" * 3000).decode()


@pytest.fixture
async def shop(world: Any) -> Shop:
    return await open_shop(world)


@pytest.fixture
async def operator(shop: Shop) -> Client:
    return await make.logged_in(Client(shop.world.app), await make.operator(shop.db))


async def test_a_package_that_is_over_before_it_begins_is_refused(operator: Client) -> None:
    packages = f"{OPERATOR}/sms/packages"
    before = (await operator.get(packages)).json()
    body = {"name": "过期", "parts": 10, "price_fen": 90}
    for dates in (
        {"valid_until": "2020-01-01T00:00:00+08:00"},
        {"valid_from": "2099-01-02T00:00:00+08:00", "valid_until": "2099-01-01T00:00:00+08:00"},
        {"valid_until": "0001-01-01T00:00:00+00:00"},
    ):
        refused = await operator.post(packages, body | dates)
        assert (refused.refusal, refused.json()["where"]) == ((422, "sms.bad_package"), "valid_until")
    assert (await operator.get(packages)).json() == before
    made = (await operator.post(packages, body)).json()["id"]
    kept = {"on_sale": True, "valid_from": None, "valid_until": "2020-01-01T00:00:00+08:00", "position": 0}
    refused = await operator.put(f"{packages}/{made}", body | kept)
    assert (refused.refusal, refused.json()["where"]) == ((422, "sms.bad_package"), "valid_until")


@pytest.mark.parametrize("number", ["75361", "-1", "9" * 30, "1.5", "x"])
async def test_a_number_that_no_paper_has_is_refused(shop: Shop, operator: Client, number: str) -> None:
    some = "01a22d5f-f9ec-74e9-9a8f-0c8c6c1f3b11"
    for client, path in (
        (shop.staff, f"{CONSOLE}/sms/signatures/{some}/files/{number}"),
        (operator, f"{OPERATOR}/sms/reviews/{shop.tenant}/{some}/files/{number}"),
    ):
        refused = await client.get(path)
        assert (refused.refusal, refused.json()["where"]) == ((422, "request.invalid"), "number")


EXPORTS = (
    "/api/console/members/export?{}",
    "/api/console/messaging/deliveries/export?{}",
    "/api/console/mall/orders/export?{}",
    "/api/console/sms/usage/export?{}",
)


async def test_an_export_is_refused_before_its_first_byte_or_comes_whole(shop: Shop) -> None:
    await furnished(shop)
    names = ("channel", "state", "scenario", "level", "since", "until", "member_id")
    for path in EXPORTS:
        assert (await shop.staff.get(path.format(""))).status == 200
        for name in names:
            refused = await shop.staff.get(path.format(f"{name}=%00"))
            assert (refused.refusal, refused.json()["where"]) == ((422, "request.invalid"), name), path
        for far in ("since=0001-01-01T00:00:00%2B00:00", "until=9999-12-31T00:00:00%2B00:00", "since=-1"):
            reply = await shop.staff.get(path.format(far))
            assert reply.status in (200, 422), (path, far, reply.text)
            if reply.status == 200:
                assert reply.body.startswith("\ufeff".encode()), path


async def test_a_cursor_of_nothing_but_brackets_is_refused(shop: Shop, operator: Client) -> None:
    for client, path in ((shop.staff, f"{CONSOLE}/members"), (operator, f"{OPERATOR}/merchants")):
        assert (await client.get(path, cursor=DEEP)).refusal == (422, "request.bad_cursor")


@pytest.mark.parametrize("until", ["2027-11-30", "2027-11-30T00:00:00", "1795968000", 1795968000])
async def test_a_time_without_a_zone_is_refused(shop: Shop, operator: Client, until: Any) -> None:
    path = f"{OPERATOR}/merchants/{shop.tenant}/entitlements/mall"
    before = await counts(shop)
    refused = await operator.put(path, {"until": until})
    assert (refused.refusal, refused.json()["where"]) == ((422, "request.invalid"), "until")
    assert await counts(shop) == before
    orders = await shop.staff.get(f"{CONSOLE}/mall/orders", since=until)
    assert (orders.refusal, orders.json()["where"]) == ((422, "request.invalid"), "since")


async def test_only_pictures_become_pictures(shop: Shop, operator: Client) -> None:
    assert (await operator.put(f"{OPERATOR}/merchants/{shop.tenant}/entitlements/mall", {"until": None})).status == 204
    before = await counts(shop)
    huge = await shop.staff.upload(f"{CONSOLE}/mall/pictures", "huge.png", png(50_000, 50_000, bytes(1000)))
    assert (huge.refusal, huge.json()["where"]) == ((422, "mall.picture_too_many_pixels"), "file")
    for name, content in (
        ("script.png", b"\x89PNG\r\n\x1a\n<script>alert(1)</script>"),
        ("half.png", PNG[:-12]),
        ("half.jpg", JPEG[:-2]),
        ("empty.png", b""),
    ):
        refused = await shop.staff.upload(f"{CONSOLE}/mall/pictures", name, content)
        assert (refused.refusal, refused.json()["where"]) == ((422, "mall.bad_picture_file"), "file"), name
    assert await counts(shop) == before
    for content, kind in ((PNG, "image/png"), (JPEG, "image/jpeg")):
        made = await shop.staff.upload(f"{CONSOLE}/mall/pictures", "a", content + b"<script>alert(1)</script>")
        seen = await call(shop.world.app, "GET", made.json()["url"])
        assert (seen.status, seen.headers["content-type"], seen.body) == (200, kind, content)
