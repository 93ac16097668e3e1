"""Purchases as people look for them: in the order of what happened, with names, filters, sums and files (B-29, U-20), and the
files of members (U-17) and messages (U-18)."""

import base64
import csv
import io
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from huida.kernel.clock import SHOP_ZONE
from tests import make
from tests.asgi import Client
from tests.shop import Shop, open_shop

LIST = "/api/console/orders/purchases"


@pytest.fixture
async def shop(world: Any) -> Shop:
    return await open_shop(world)


def at(shop: Shop, days_ago: int) -> datetime:
    """Noon of a day in the shop's zone."""
    return (shop.world.system.db.clock.now().astimezone(SHOP_ZONE) - timedelta(days=days_ago)).replace(
        hour=12, minute=0, second=0, microsecond=0
    )


async def bought(shop: Shop, member: UUID, till_no: str, days_ago: int, total_fen: int, **more: Any) -> None:
    moment = {"occurred_at": at(shop, days_ago).isoformat()} if days_ago else {}
    assert (await shop.buy(member, till_no, total_fen, **moment, **more)).status == 201


async def numbers(client: Client, path: str = LIST, **asked: Any) -> list[str]:
    """Till numbers over all pages of two."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        reply = await client.get(path, limit=2, **asked, **cursor)
        assert reply.status == 200, reply.text
        found += [one["till_no"] for one in reply.json()["items"]]
        if reply.json()["next_cursor"] is None:
            return found
        cursor = {"cursor": reply.json()["next_cursor"]}


async def some(shop: Shop) -> tuple[UUID, UUID]:
    """Five purchases of two members in two stores, reported out of order."""
    lin, chen = await shop.member("linxiaoman"), await shop.member("chenyiming")
    await make.store(shop.db, shop.tenant, code="S02", name="解放路店")
    await bought(shop, lin, "T-3", 3, 3000)
    await bought(shop, lin, "T-1", 1, 1000)
    await bought(shop, chen, "T-5", 5, 5050, store="S02")
    await bought(shop, lin, "T-9", 9, 9000, store="S02")
    await bought(shop, chen, "T-2", 2, 2000)
    return lin, chen


async def test_lists_are_in_the_order_of_what_happened_and_pages_stay(shop: Shop) -> None:
    lin, _ = await some(shop)
    right = ["T-1", "T-2", "T-3", "T-5", "T-9"]
    assert await numbers(shop.staff) == right
    assert await numbers(shop.staff, member_id=str(lin)) == ["T-1", "T-3", "T-9"]
    assert await numbers(await shop.centre(lin), "/api/member/purchases") == ["T-1", "T-3", "T-9"]

    # when: between two pages something is reported late, and something just now
    first = (await shop.staff.get(LIST, limit=2)).json()
    await bought(shop, lin, "T-4", 4, 4000)
    await bought(shop, lin, "T-0", 0, 100)
    second = (await shop.staff.get(LIST, limit=2, cursor=first["next_cursor"])).json()

    # then: nothing comes twice, nothing is left out, the late one is where it belongs
    assert [one["till_no"] for one in first["items"]] == ["T-1", "T-2"]
    assert [one["till_no"] for one in second["items"]] == ["T-3", "T-4"]

    # then: two of one moment have an order too
    await bought(shop, lin, "T-6", 9, 1)
    assert await numbers(shop.staff) == ["T-0", *right[:3], "T-4", "T-5", "T-6", "T-9"]


@pytest.mark.parametrize("part", ["2026-01-01", "2026-01-01T00:00:00", "9999-12-31T23:59:59-23:59", 7])
async def test_a_made_up_time_in_a_cursor_is_refused(shop: Shop, part: Any) -> None:
    cursor = base64.urlsafe_b64encode(json.dumps([part, "0" * 32]).encode()).decode()
    assert (await shop.staff.get(LIST, cursor=cursor)).refusal == (422, "request.bad_cursor")


async def test_filters_and_sums_are_exact(shop: Shop) -> None:
    lin, chen = await some(shop)
    await shop.refund("F-1", "T-3", 1000)
    for asked, right in (
        ({}, ["T-1", "T-2", "T-3", "T-5", "T-9"]),
        ({"store": "S02"}, ["T-5", "T-9"]),
        ({"store": "S99"}, []),
        ({"since": at(shop, 3).isoformat()}, ["T-1", "T-2", "T-3"]),
        ({"until": at(shop, 3).isoformat()}, ["T-5", "T-9"]),
        ({"from_fen": 3000, "to_fen": 5050}, ["T-3", "T-5"]),
        ({"from_fen": 3001, "to_fen": 5049}, []),
        ({"member_id": str(chen), "store": "S01", "to_fen": 2000}, ["T-2"]),
    ):
        assert await numbers(shop.staff, **asked) == right, asked
    sums = (await shop.staff.get(f"{LIST}/totals")).json()
    points = sum(one["points"] for one in (await shop.staff.get(LIST)).json()["items"])
    assert sums == {
        "purchases": 5,
        "total_fen": 20050,
        "balance_fen": 0,
        "refunded_fen": 1000,
        "points": points,
    }
    some_of_them = (await shop.staff.get(f"{LIST}/totals", member_id=str(lin), from_fen=3000)).json()
    assert (some_of_them["purchases"], some_of_them["total_fen"]) == (2, 12000)
    nothing = (await shop.staff.get(f"{LIST}/totals", store="S99")).json()
    assert (nothing["purchases"], nothing["total_fen"], nothing["points"]) == (0, 0, 0)

    # then: whose they are, without a second question
    listed = (await shop.staff.get(LIST, limit=1)).json()["items"][0]
    assert (listed["member_name"], listed["card_no"]) == ("林小满", await shop.card_no(lin))


async def test_purchases_are_a_file_for_spreadsheets(shop: Shop) -> None:
    lin, chen = await some(shop)
    reply = await shop.staff.get(f"{LIST}/export", store="S02")
    assert reply.body[:3] == b"\xef\xbb\xbf"
    rows = list(csv.reader(io.StringIO(reply.body.decode("utf-8-sig"))))
    assert rows[0] == (
        [
            "消费时间",
            "门店",
            "流水号",
            "卡号",
            "姓名",
            "手机号",
            "消费金额（元）",
            "储值支付（元）",
            "已退金额（元）",
            "积分",
        ]
    )
    assert [row[:9] for row in rows[1:]] == [
        [f"{at(shop, 5):%Y-%m-%d} 12:00:00", "解放路店", '="T-5"', f'="{await shop.card_no(chen)}"', "陈一鸣"]
        + ['="13800000002"', "50.50", "0.00", "0.00"],
        [f"{at(shop, 9):%Y-%m-%d} 12:00:00", "解放路店", '="T-9"', f'="{await shop.card_no(lin)}"', "林小满"]
        + ['="13800000001"', "90.00", "0.00", "0.00"],
    ]
    clerk = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant, role="store_staff"))
    assert (await clerk.get(f"{LIST}/export")).refusal == (403, "auth.forbidden")


async def test_members_are_a_file_that_tells_what_they_own(shop: Shop) -> None:
    # given: a level that is reached at 100 of growth; two members, one of them in a store, the other frozen
    rules = (await shop.staff.get("/api/console/loyalty/rules")).json()
    normal = rules["levels"][0]
    rules["levels"] = [normal | {"name": "新芽"}, {"code": "gold", "name": "金叶", "growth": 100, "rate_bp": 10_000}]
    assert (await shop.staff.put("/api/console/loyalty/rules", rules)).status == 200
    lin, chen = await some(shop)
    await shop.recharge(lin, "R-1", 12345)
    profile = {"birthday": "1990-02-28", "store": "S02", "note": "=1+1"}
    assert (await shop.staff.patch(f"/api/console/members/{lin}", profile)).status == 204
    assert (await shop.staff.post(f"/api/console/members/{chen}/freeze")).status == 204
    points = {member: str((await shop.balances(member))["points"]) for member in (lin, chen)}
    items = (await shop.staff.get("/api/console/members")).json()["items"]
    joined = {
        UUID(one["id"]): f"{datetime.fromisoformat(one['joined_at']).astimezone(SHOP_ZONE):%Y-%m-%d %H:%M:%S}"
        for one in items
    }

    # when
    reply = await shop.staff.get("/api/console/members/export")

    # then
    heads, *rows = list(csv.reader(io.StringIO(reply.body.decode("utf-8-sig"))))
    assert ",".join(heads) == (
        "卡号,姓名,手机号,会员等级,状态,所属门店,积分,储值余额（元）,成长值,最近消费时间,生日,入会时间,备注,标签"
    )
    came = {days: f"{at(shop, days):%Y-%m-%d} 12:00:00" for days in (1, 2)}
    chens, lins = f'="{await shop.card_no(chen)}"', f'="{await shop.card_no(lin)}"'
    assert rows == [
        [chens, "陈一鸣", '="13800000002"', "新芽", "已冻结", "", points[chen], "0.00", "70"]
        + [came[2], "", joined[chen], "", ""],
        [lins, "林小满", '="13800000001"', "金叶", "正常", "解放路店", points[lin], "123.45", "130"]
        + [came[1], "1990-02-28", joined[lin], "'=1+1", ""],
    ]

    # then: what is typed above the list narrows the file too; in English the heads are English
    found = await shop.staff.get("/api/console/members/export", q="陈")
    assert [row[1] for row in csv.reader(io.StringIO(found.body.decode("utf-8-sig")))] == ["姓名", "陈一鸣"]
    english = await shop.staff.request("GET", "/api/console/members/export", headers={"accept-language": "en"})
    assert next(csv.reader(io.StringIO(english.body.decode("utf-8-sig"))))[:3] == ["Card number", "Name", "Phone"]


async def test_messages_are_a_file_that_tells_whom(shop: Shop) -> None:
    await shop.enable("consumption")
    lin = await shop.member("linxiaoman")
    await shop.buy(lin, "T-1")
    await shop.settle()
    reply = await shop.staff.get("/api/console/messaging/deliveries/export")
    heads, *rows = list(csv.reader(io.StringIO(reply.body.decode("utf-8-sig"))))
    told = [dict(zip(heads, row, strict=True)) for row in rows]
    assert [(one["接收人"], one["卡号"], one["手机号"]) for one in told] == [
        ("林小满", f'="{await shop.card_no(lin)}"', "138****0001")
    ]


async def test_a_clerk_sees_the_merchants_names_of_levels(shop: Shop) -> None:
    """U-08: names come with the member; a clerk may not see the rules."""
    lin = await shop.member("linxiaoman")
    rules = (await shop.staff.get("/api/console/loyalty/rules")).json()
    for level in rules["levels"]:
        level["name"] = {"normal": "新芽会员", "gold": "金叶会员"}.get(level["code"], level["name"])
    assert (await shop.staff.put("/api/console/loyalty/rules", rules)).status == 200
    clerk = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant, role="store_staff"))
    assert (await clerk.get("/api/console/loyalty/rules")).refusal == (403, "auth.forbidden")

    [listed] = (await clerk.get("/api/console/members")).json()["items"]
    assert (listed["level"], listed["level_name"]) == ("normal", "新芽会员")
    assert (await clerk.get(f"/api/console/members/{lin}")).json()["level_name"] == "新芽会员"
    levels = (await clerk.get("/api/console/members/levels")).json()["items"]
    assert levels == [{"code": one["code"], "name": one["name"]} for one in rules["levels"]]
