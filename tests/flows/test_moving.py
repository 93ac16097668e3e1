"""A shop moves in: members with what they bring and purchases of earlier years (B-03, B-23, G-04, G-12)."""

import csv
import io
from typing import Any

import pytest
from openpyxl import Workbook

from huida.kernel.facts import SHARDS
from huida.modules import loyalty, members, orders
from tests import make
from tests.asgi import Client
from tests.conftest import World
from tests.moving_kit import (
    AGREED,
    IMPORTS,
    MEMBERS,
    carried_out,
    counts,
    everybody,
    lines,
    moved_in,
    understood,
    upload,
)

TABLE = """卡号,姓名,手机号,生日
60880001,林小满,13900000001,1990-02-28
60880002,陈一鸣,139 0000 0002,1991/3/5
,王思远,13900000003,
60880004,坏号码,12345,
60880005,坏生日,,2021-02-30
60880001,重复,,
,,,
,无键,,
"""
LEVELS = [
    {"code": "normal", "name": "普通会员", "growth": 0, "rate_bp": 10_000},
    {"code": "silver", "name": "银卡", "growth": 1_000, "rate_bp": 12_000},
    {"code": "gold", "name": "金卡", "growth": 5_000, "rate_bp": 15_000},
]


@pytest.fixture
async def shop(world: World, console: Client) -> World:
    """A merchant with two stores and three levels."""
    await make.store(world.db, world.tenant, code="S01", name="一号店")
    await make.store(world.db, world.tenant, code="S02", name="二号店")
    rules = (await console.get("/api/console/loyalty/rules")).json() | {"levels": LEVELS, "points_expire_months": 12}
    assert (await console.put("/api/console/loyalty/rules", rules)).status == 200
    await world.settle()
    return world


async def balances(console: Client, card_no: str) -> dict[str, int]:
    people = await everybody(console)
    found: dict[str, int] = (await console.get(f"{MEMBERS}/{people[card_no]['id']}")).json()["balances"]
    return found


def balance(done: Any) -> dict[str, tuple[int, int, int, int, bool]]:
    """By unit: in the file, booked, booked before, refused, and whether that agrees."""
    keys = ("in_file", "booked", "before", "refused", "balanced")
    return {one["unit"]: tuple(one[key] for key in keys) for one in done["balance"]}  # type: ignore[misc]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
async def test_every_line_is_answered(world: World, console: Client, encoding: str) -> None:
    done = await moved_in(world, console, TABLE.encode(encoding))
    assert counts(done) == (4, 0, 0, 3)
    found = await lines(console, done["id"])
    assert [(one["row"], one["status"], one.get("error", {}).get("code")) for one in found] == [
        (2, "created", None),
        (3, "created", None),
        (4, "created", None),
        (5, "refused", "member.bad_phone"),
        (6, "created", None),
        (7, "refused", "moving.twice"),
        (9, "refused", "moving.no_key"),
    ]
    assert [(note["code"], note["text"]) for note in found[4]["notes"]] == [
        ("moving.dropped", "“生日”看不懂，不导入这一格：2021-02-30")
    ]
    names = {one["name"]: (one["phone"], one["birthday"]) for one in (await everybody(console)).values()}
    assert names == {
        "林小满": ("13900000001", "1990-02-28"),
        "陈一鸣": ("13900000002", "1991-03-05"),
        "王思远": ("13900000003", None),
        "坏生日": (None, None),
    }


async def test_the_same_file_twice_changes_nothing_and_a_changed_one_updates(world: World, console: Client) -> None:
    await moved_in(world, console, TABLE)
    assert counts(await moved_in(world, console, TABLE)) == (0, 0, 4, 3)
    table = "card_no,name,phone\n60880002,陈鸣,13900000009\n,王远,13900000003\n"
    assert counts(await moved_in(world, console, table)) == (0, 2, 0, 0)
    people = {one["name"]: (one["phone"], one["birthday"]) for one in (await everybody(console)).values()}
    assert people == {
        "林小满": ("13900000001", "1990-02-28"),
        "陈鸣": ("13900000009", "1991-03-05"),
        "王远": ("13900000003", None),
        "坏生日": (None, None),
    }
    assert [one["channel"] for one in await world.facts("member.joined")] == ["import"] * 4
    assert [(one["created"], one["updated"]) for one in await world.facts("member.imported")] == [(4, 0), (0, 2)]


async def test_a_phone_of_another_member_is_refused(world: World, console: Client) -> None:
    await make.member(world.db, world.tenant, card_no="60880001", phone="13900000001")
    await make.member(world.db, world.tenant, card_no="60880002")
    done = await moved_in(world, console, "card_no,phone\n60880002,13900000001\n60880003,13900000001\n")
    found = await lines(console, done["id"])
    assert [one["error"]["code"] for one in found] == ["member.phone_taken", "moving.twice"]
    assert sorted(await everybody(console)) == ["60880001", "60880002"]


def book(*rows: list[Any], **formats: str) -> bytes:
    """A workbook with these lines; `formats` are of cells (`A2="0000"`)."""
    out, made = io.BytesIO(), Workbook()
    sheet = made.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for place, number_format in formats.items():
        sheet[place].number_format = number_format
    made.save(out)
    return out.getvalue()


HEAD = ["会员卡号", "姓名", "手机"]
SHOWN: dict[str, tuple[Any, str, str]] = {
    "leading zeros": (1236, "00000000", "00001236"),
    "grouped": (60880001, "#,##0", "60880001"),
    "decimals": (60880001, "0.00", "60880001"),
    "as text": (60880001, "@", "60880001"),
    "in a colour": (60880001, "[Red]0_ ", "60880001"),
    "in thousands": (60880001000, "0,", "moving.shown_otherwise"),
    "in groups of four": (60880001, "0000-0000", "moving.shown_otherwise"),
    "per cent": (60880001, "0%", "moving.shown_otherwise"),
    "a fraction": (60880001.5, "0", "moving.shown_otherwise"),
    "a date": (43831, "yyyy-mm-dd", "moving.is_date"),
    "a truth value": (True, "General", "True"),
}


@pytest.mark.parametrize("how", SHOWN)
async def test_a_card_is_what_the_cell_shows(console: Client, how: str) -> None:
    """B-02: where stored and shown differ and nobody can tell the digits, the line is refused."""
    value, number_format, expected = SHOWN[how]
    made = await understood(console, book(HEAD, [value, "林小满", 13900000001], A2=number_format), "m.xlsx")
    [line] = await lines(console, made["id"])
    assert (line["error"]["code"] if "error" in line else line["values"]["card_no"]) == expected
    assert line["values"]["name"] == "林小满"


async def test_a_formula_that_nobody_computed_is_no_empty_cell(console: Client) -> None:
    made = await understood(
        console, book(HEAD, ["=1+1", "林小满", 13900000001], ["60880002", '="陈"', 13900000002]), "m.xlsx"
    )
    [first, second] = await lines(console, made["id"])
    assert first["error"]["code"] == "moving.cell_uncomputed"
    assert [(note["code"], note["where"]) for note in second["notes"]] == [("moving.cell_dropped", "name")]


async def test_the_first_sheet_with_a_header_is_read_and_named(console: Client) -> None:
    made, out = Workbook(), io.BytesIO()
    assert made.active is not None
    made.active.append(["说明", "请填写第二页"])
    for title, card_no in (("会员", "60880001"), ("旧会员", "60880002")):
        sheet = made.create_sheet(title)
        sheet.append(HEAD)
        sheet.append([card_no, "林小满", None])
    made.save(out)
    told = await understood(console, out.getvalue(), "m.xlsx")
    assert (told["understood"]["sheet"], told["understood"]["other_sheets"]) == ("会员", ["旧会员"])
    assert [one["values"]["card_no"] for one in await lines(console, told["id"])] == ["60880001"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"a,b\n1,2\n", "moving.no_header"),
        (b"", "moving.no_header"),
        (b"\xff\xfe\x00\x81", "moving.no_header"),
        (b"PK\x03\x04 no zip", "moving.unreadable"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "moving.old_workbook"),
        (b"<html><table><tr><td>\xe5\x8d\xa1\xe5\x8f\xb7</td></tr></table></html>", "moving.web_page"),
        (b"card_no\n" + b"60880001\n" * 20_001, "moving.too_many_rows"),
        ('卡号,备注\n60880001,"a"b\n'.encode(), "moving.open_quote"),
        ("卡号,姓名,会员编号\n1,2,3\n".encode(), "moving.two_columns"),
        ("卡号,姓名,姓名\n1,2,3\n".encode(), "moving.two_columns"),
    ],
    ids=["header", "empty", "binary", "broken", "xls", "web page", "long", "quote", "synonyms", "twice"],
)
async def test_files_that_cannot_be_imported(console: Client, content: bytes, code: str) -> None:
    refused = await upload(console, content)
    assert (refused.refusal, refused.json()["where"]) == ((422, code), "file")
    assert await everybody(console) == {}


OPENINGS = """卡号,姓名,积分,储值余额,赠送金额,成长值,等级,开卡门店,注册时间,标签
A00001,林小满,"1,288",356.50,20,1500,银卡,一号店,2021-05-01,老客、茶友
A00002,陈一鸣,100.0,¥10,,,金卡,s02,2020/1/2 09:30:00,
A00003,王思远,,,,800,金卡,三号店,,茶友;Ａ类 茶友
A00004,赵坏,12.5,1.005,,,,,,
A00005,钱负,-3,99.99,,,,,,
"""


async def test_openings_stand_in_the_ledger_and_nobody_is_told(shop: World, console: Client) -> None:
    done = await moved_in(shop, console, OPENINGS)
    assert counts(done) == (3, 0, 0, 2)
    assert balance(done) == {
        "points": (1_388, 1_388, 0, 0, True),
        "cny_principal": (466_49, 366_50, 0, 99_99, True),
        "cny_gift": (20_00, 20_00, 0, 0, True),
        "growth": (7_300_00, 7_300_00, 0, 0, True),
    }
    assert {one["unit"]: one["unread"] for one in done["balance"]} == {
        "points": 2,
        "cny_principal": 1,
        "cny_gift": 0,
        "growth": 0,
    }
    assert await balances(console, "A00001") == {
        "points": 1288,
        "cny_principal": 356_50,
        "cny_gift": 20_00,
        "growth": 1_500,
    }
    people = await everybody(console)
    shown = {card: (one["level"], one["joined_at"][:19], one["tags"]) for card, one in people.items()}
    assert shown["A00001"] == ("silver", "2021-04-30T16:00:00", ["老客", "茶友"])
    assert shown["A00002"][:2] == ("gold", "2020-01-01T16:00:00")
    assert (shown["A00003"][0], shown["A00003"][2]) == ("normal", ["茶友", "A类"])
    stores = {one["id"]: one["code"] for one in (await console.get("/api/console/stores")).json()["items"]}
    assert [stores.get(people[card]["store_id"]) for card in ("A00001", "A00002", "A00003")] == ["S01", "S02", None]
    found = {one["row"]: one for one in await lines(console, done["id"])}
    assert [(note["code"], note["where"]) for note in found[4]["notes"]] == [
        ("moving.dropped", "store"),
        ("moving.level_from_growth", "level"),
    ]
    assert [found[row]["error"]["code"] for row in (5, 6)] == ["moving.not_whole", "moving.negative"]
    moved = (
        await console.get(f"/api/console/loyalty/members/{people['A00001']['id']}/transfers", unit="balance")
    ).json()
    assert {(one["unit"], one["amount"], one["reason"], one["source_type"]) for one in moved["items"]} == {
        ("cny_principal", 356_50, "opening", "opening"),
        ("cny_gift", 20_00, "opening", "opening"),
    }
    for told in (loyalty.ValueMoved, orders.RechargeRecorded, members.LevelChanged):
        assert await shop.facts(told.kind) == []
    async with shop.db.read(shop.tenant) as tx:
        assert await tx.value("SELECT count(*) FROM deliveries WHERE tenant_id = $1", shop.tenant) == 0
        assert (
            await tx.value(
                "SELECT sum(remaining) FROM ledger_lots WHERE tenant_id = $1 AND unit = 'points'", shop.tenant
            )
            == 1_388
        ), "points of an opening expire as the rules say"


async def test_points_of_an_opening_may_have_a_day_of_their_own(shop: World, console: Client) -> None:
    await moved_in(shop, console, "卡号,积分,积分到期日\nA00001,10,2030-12-31\nA00002,20,\nA00003,30,哪天\n")
    async with shop.db.read(shop.tenant) as tx:
        rows = await tx.fetch(
            "SELECT remaining, expires_at FROM ledger_lots WHERE tenant_id = $1 ORDER BY remaining", shop.tenant
        )
        months = (await loyalty.rules_of(tx)).points_expire_months
    assert [row["remaining"] for row in rows] == [10, 20, 30]
    assert rows[0]["expires_at"].isoformat() == "2030-12-31T16:00:00+00:00"
    assert (months, rows[1]["expires_at"], rows[1]["expires_at"] < rows[0]["expires_at"]) == (
        12,
        rows[2]["expires_at"],
        True,
    )


async def test_an_opening_is_booked_once(shop: World, console: Client) -> None:
    await moved_in(shop, console, OPENINGS)
    again = await moved_in(shop, console, OPENINGS)
    assert counts(again) == (0, 0, 3, 2)
    assert balance(again)["points"] == (1_388, 0, 1_388, 0, True)
    other = await moved_in(shop, console, "卡号,积分,储值余额\nA00001,2000,356.50\nA00003,30,5\nA00002,100,\n")
    assert counts(other) == (0, 1, 1, 1)
    assert balance(other) == {
        "points": (2_130, 30, 100, 2_000, True),
        "cny_principal": (361_50, 5_00, 0, 356_50, True),
    }
    [refused, *_] = await lines(console, other["id"])
    assert (refused["error"]["code"], refused["error"]["text"]) == (
        "moving.opened_before",
        "“积分”以前已导入过期初 1288，与现在的 2000 不同；不会相加，请先核对",
    )
    assert (await balances(console, "A00001"))["points"] == 1_288
    assert await balances(console, "A00003") == {"growth": 800, "points": 30, "cny_principal": 5_00}


async def test_the_balance_is_signed_off_once_and_refused_amounts_are_agreed_to(shop: World, console: Client) -> None:
    made = await understood(console, OPENINGS)
    path = f"{IMPORTS}/{made['id']}/sign-off"
    assert (await console.post(path, {})).refusal == (409, "moving.not_done")
    await carried_out(shop, console, made["id"])
    assert (await console.post(path, {})).refusal == (409, "moving.refused_not_accepted")
    assert (await console.get(f"{IMPORTS}/{made['id']}")).json()["signed_at"] is None
    signed = (await console.post(path, {"accept_refused": True})).json()
    assert signed["signed_by"] == signed["created_by"] and signed["signed_at"] is not None
    assert (await console.post(path, {"accept_refused": True})).refusal == (409, "moving.signed_already")
    assert [one["import_id"] for one in await shop.facts("moving.balance_signed")] == [made["id"]]


async def test_what_would_be_lost_or_made_up_is_asked_first(world: World, console: Client) -> None:
    made = await understood(console, "姓名,手机号,生日\n林小满,13900000001,八月\n")
    assert (made["counts"]["numbered"], made["counts"]["losing"]) == (1, 1)
    path = f"{IMPORTS}/{made['id']}/start"
    assert (await console.post(path, {"accept_losses": True})).refusal == (409, "moving.numbers_not_confirmed")
    assert (await console.post(path, {"make_numbers": True})).refusal == (409, "moving.losses_not_confirmed")
    await world.settle()
    assert await everybody(console) == {}
    done = await carried_out(world, console, made["id"])
    [line] = await lines(console, done["id"])
    [card_no] = await everybody(console)
    assert (line["values"]["card_no"], len(card_no)) == (card_no, 10)


async def test_one_import_of_a_merchant_runs_and_another_merchants_beside_it(
    world: World, console: Client, other: Client
) -> None:
    first, second = [(await understood(console, f"卡号\nA0000{n}\n"))["id"] for n in range(2)]
    theirs = (await understood(other, "卡号\nA00001\n"))["id"]
    assert (await console.post(f"{IMPORTS}/{first}/start", {})).status == 202
    assert (await console.post(f"{IMPORTS}/{second}/start", {})).refusal == (409, "moving.another_runs")
    assert (await other.post(f"{IMPORTS}/{theirs}/start", {})).status == 202
    await world.settle()
    assert (await console.get(f"{IMPORTS}/{first}")).json()["state"] == "done"
    assert (await console.post(f"{IMPORTS}/{first}/start", {})).refusal == (409, "state.wrong")
    assert counts(await carried_out(world, console, second)) == (1, 0, 0, 0)
    assert (await other.get(f"{IMPORTS}/{first}")).refusal == (404, "moving.not_found")


async def test_an_import_is_carried_out_in_portions_and_goes_on_where_it_stopped(world: World, console: Client) -> None:
    many = "卡号,积分\n" + "".join(f"B{number:05d},1\n" for number in range(600))
    import_id = (await understood(console, many))["id"]
    path = f"{IMPORTS}/{import_id}"
    await console.post(f"{path}/start", {})
    await world.worker.turn(range(SHARDS), world.tenant, only_tenant=world.tenant)
    now = (await console.get(path)).json()
    assert (now["state"], now["done"], now["total"]) == ("running", 250, 600)
    assert (await console.post(f"{path}/stop")).json()["state"] == "stopped"
    await world.settle()
    assert (await console.get(path)).json()["done"] == 250
    done = await carried_out(world, console, import_id)
    assert (done["state"], done["done"], counts(done)) == ("done", 600, (600, 0, 0, 0))
    assert balance(done) == {"points": (600, 600, 0, 0, True)}


async def test_lines_come_in_pages_and_as_a_file(world: World, console: Client) -> None:
    made = await understood(console, TABLE)
    first = (await console.get(f"{IMPORTS}/{made['id']}/lines", limit=2)).json()
    assert [one["row"] for one in first["items"]] == [2, 3]
    troubled = await lines(console, made["id"], troubled="true")
    assert [one["row"] for one in troubled] == [5, 6, 7, 9]
    file = await console.get(f"{IMPORTS}/{made['id']}/report", troubled="true")
    rows = list(csv.reader(io.StringIO(file.body.decode("utf-8-sig"))))
    assert rows[0] == ["行", "结果", "说明", "卡号", "姓名", "手机号", "小票号"]
    assert rows[1] == ["5", "拒绝", "不是有效的大陆手机号", '="60880004"', "坏号码", "", ""]
    assert [row[0] for row in rows[1:]] == ["5", "6", "7", "9"]


PAST = """门店,小票号,卡号,手机号,金额,时间,储值支付
一号店,T1,,13900000001,1000.00,1999-03-04 10:20:30,5
S02,T1,A00001,,"4,000.50",2021/5/6,
S01,T2,A00001,,0,2022-01-01,
S01,T3,NOBODY,,10,2022-01-01,
S01,T1,A00001,,7,2022-01-01,
九号店,T5,A00001,,7,2022-01-01,
S01,T6,A00001,,7,明天,
"""


async def test_purchases_of_earlier_years_count_for_growth_and_are_told_to_nobody(shop: World, console: Client) -> None:
    member_id = await make.member(shop.db, shop.tenant, card_no="A00001", phone="13900000001")
    made = await understood(console, PAST, kind="purchases")
    assert [(one["title"], one["field"]) for one in made["understood"]["columns"]][-1] == ("储值支付", None)
    done = await carried_out(shop, console, made["id"])
    assert counts(done) == (3, 0, 0, 4)
    assert balance(done) == {"total_fen": (5_031_50, 5_000_50, 0, 31_00, True)}
    found = await lines(console, done["id"])
    assert [one["error"]["code"] for one in found if "error" in one] == [
        "member.not_found",
        "moving.till_no_twice",
        "moving.no_such_store",
        "moving.no_time",
    ]
    assert await balances(console, "A00001") == {"growth": 5_000}
    assert (await everybody(console))["A00001"]["level"] == "gold"
    async with shop.db.read(shop.tenant) as tx:
        rows = await tx.fetch(
            "SELECT till_no, total_fen, points, growth_fen, history, occurred_at FROM purchases WHERE tenant_id = $1 "
            "AND member_id = $2 ORDER BY occurred_at",
            *(shop.tenant, member_id),
        )
        assert await tx.value("SELECT count(*) FROM deliveries WHERE tenant_id = $1", shop.tenant) == 0
    assert [(row["till_no"], row["total_fen"], row["points"], row["growth_fen"], row["history"]) for row in rows] == [
        ("T1", 1_000_00, 0, 1_000_00, True),
        ("T1", 4_000_50, 0, 4_000_50, True),
        ("T2", 0, 0, 0, True),
    ]
    assert rows[0]["occurred_at"].isoformat() == "1999-03-04T02:20:30+00:00"
    for told in (orders.PurchaseRecorded, loyalty.ValueMoved, members.LevelChanged):
        assert await shop.facts(told.kind) == []
    assert [(one["purchases"], one["total_fen"]) for one in await shop.facts("moving.history_loaded")] == [
        (3, 5_000_50)
    ]
    again = await moved_in(shop, console, PAST, kind="purchases")
    assert counts(again) == (0, 0, 3, 4)
    assert await balances(console, "A00001") == {"growth": 5_000}


async def test_history_beside_an_opening_of_growth_does_not_count_it_twice(shop: World, console: Client) -> None:
    await moved_in(shop, console, "卡号,成长值\nA00001,1200\n")
    file = "门店,小票号,卡号,金额,时间\nS01,T1,A00001,900,2020-01-01\n"
    made = await understood(console, file, kind="purchases")
    assert made["grows_by_default"] is False
    await carried_out(shop, console, made["id"], grow=False)
    assert await balances(console, "A00001") == {"growth": 1_200}


async def test_who_may_not_import_sees_and_starts_nothing(shop: World, console: Client) -> None:
    made = await understood(console, OPENINGS)
    staff = await make.logged_in(Client(shop.app), await make.staff(shop.db, shop.tenant, role="store_staff"))
    assert (await staff.post(f"{IMPORTS}/{made['id']}/start", AGREED)).refusal == (403, "auth.forbidden")
    assert (await staff.get(IMPORTS)).refusal == (403, "auth.forbidden")


async def test_tags_are_edited_and_filtered_by(console: Client, world: World) -> None:
    member_id = await make.member(world.db, world.tenant, card_no="A00001")
    assert (await console.patch(f"{MEMBERS}/{member_id}", {"tags": ["茶友", " 茶友", "ＶＩＰ"]})).status == 204
    assert (await console.get(f"{MEMBERS}/{member_id}")).json()["tags"] == ["茶友", "VIP"]
    assert [one["card_no"] for one in (await console.get(MEMBERS, tag="VIP")).json()["items"]] == ["A00001"]
    assert (await console.get(MEMBERS, tag="新客")).json()["items"] == []
    refused = await console.patch(f"{MEMBERS}/{member_id}", {"tags": [str(n) for n in range(21)]})
    assert refused.refusal == (422, "member.bad_tags")
