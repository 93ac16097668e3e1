"""Titles, units, faults: what a file means is read exactly or told, never guessed (B-02, B-03, B-20)."""

import io
from typing import Any

import pytest
from openpyxl import Workbook

from tests import make
from tests.asgi import Client
from tests.conftest import World
from tests.moving_kit import IMPORTS, MEMBERS, counts, everybody, lines, moved_in, understood, upload


def columns(made: Any) -> list[tuple[str, str | None, str | None, str | None]]:
    found = made["understood"]["columns"]
    return [(one["title"], one["field"], one.get("unit"), one.get("why")) for one in found]


def workbook(*rows: list[Any]) -> bytes:
    out, made = io.BytesIO(), Workbook()
    assert made.active is not None
    for row in rows:
        made.active.append(row)
    made.save(out)
    return out.getvalue()


async def balances(console: Client, card_no: str) -> dict[str, int]:
    person = (await everybody(console))[card_no]
    found: dict[str, int] = (await console.get(f"{MEMBERS}/{person['id']}")).json()["balances"]
    return found


def sums(done: Any) -> dict[str, tuple[int, int, int, int, int]]:
    """By unit: in the file, booked, booked before, refused, lines that cannot be read."""
    return {
        one["unit"]: (one["in_file"], one["booked"], one["before"], one["refused"], one["unread"])
        for one in done["balance"]
    }


async def test_a_unit_in_the_title_is_the_unit_of_the_column(world: World, console: Client) -> None:
    file = "卡号,储值余额(分),赠金（万元）,累计消费(分),积分(千)\nA0001,12345,0.5,20000,1.5\n"
    done = await moved_in(world, console, file)
    assert columns(done)[1:] == [
        ("储值余额(分)", "principal", "fen", None),
        ("赠金（万元）", "gift", "ten_thousand", None),
        ("累计消费(分)", "growth", "fen", None),
        ("积分(千)", "points", "thousand", None),
    ]
    assert await balances(console, "A0001") == {
        "cny_principal": 123_45,
        "cny_gift": 5_000_00,
        "growth": 200,
        "points": 1_500,
    }


async def test_purchases_in_fen(world: World, console: Client) -> None:
    await make.store(world.db, world.tenant, code="S01")
    await make.member(world.db, world.tenant, card_no="A0001")
    file = "门店,小票号,卡号,实付金额(分),时间\nS01,T1,A0001,12345,2024-01-05T09:05:00+08:00\n"
    done = await moved_in(world, console, file, kind="purchases")
    assert (counts(done), sums(done)) == ((1, 0, 0, 0), {"total_fen": (123_45, 123_45, 0, 0, 0)})


async def test_a_title_with_words_that_nobody_knows_is_ignored_and_says_why(world: World, console: Client) -> None:
    head = "卡号,储值余额（含赠金）,赠金,积分(已过期),手机号(紧急联系人)"
    done = await moved_in(world, console, f"{head}\nA0001,100,20,500,13900000001\n")
    assert columns(done) == [
        ("卡号", "card_no", None, None),
        ("储值余额（含赠金）", None, None, "（含赠金）里的说明看不懂"),
        ("赠金", "gift", None, None),
        ("积分(已过期)", None, None, "（已过期）里的说明看不懂"),
        ("手机号(紧急联系人)", None, None, "（紧急联系人）里的说明看不懂"),
    ]
    assert await balances(console, "A0001") == {"cny_gift": 20_00}
    assert (await everybody(console))["A0001"]["phone"] is None


@pytest.mark.parametrize("form", ["csv", "xlsx"])
async def test_a_cell_beyond_the_header_refuses_the_line(world: World, console: Client, form: str) -> None:
    """A comma in a number without quotes: 1,234.00 would be a balance of one yuan."""
    rows = [
        ["卡号", "储值余额", "积分"],
        ["A0001", "1", "234.00", "5"],
        ["A0002", "2", "3", ""],
        ["A0003", "4", "", "", "6"],
    ]
    file = "\n".join(",".join(row) for row in rows).encode() if form == "csv" else workbook(*rows)
    done = await moved_in(world, console, file, f"members.{form}")
    assert counts(done) == (1, 0, 0, 2)
    assert [(one["row"], one["error"]["code"]) for one in await lines(console, done["id"]) if "error" in one] == [
        (2, "moving.too_many_cells"),
        (4, "moving.too_many_cells"),
    ]
    assert sums(done) == {"points": (3, 3, 0, 0, 2), "cny_principal": (2_00, 2_00, 0, 0, 2)}
    assert sorted(await everybody(console)) == ["A0002"]


async def test_lines_of_formulas_without_results_and_of_errors_are_lines(world: World, console: Client) -> None:
    head = ["卡号", "手机号", "储值余额"]
    file = workbook(
        head, ["A0001", "13900000001", 5], ["=1+1", "=2+2", "=3+3"], ["#N/A", "#REF!", "#N/A"], [None, None, None]
    )
    done = await moved_in(world, console, file, "members.xlsx")
    found = await lines(console, done["id"])
    assert [(one["row"], one.get("error", {}).get("code")) for one in found] == [
        (2, None),
        (3, "moving.cell_uncomputed"),
        (4, "moving.cell_error"),
    ]
    assert sums(done) == {"cny_principal": (5_00, 5_00, 0, 0, 2)}
    assert (await console.post(f"{IMPORTS}/{done['id']}/sign-off", {})).refusal == (409, "moving.refused_not_accepted")


async def test_every_fault_of_a_line_is_told_and_every_unread_amount_counts(world: World, console: Client) -> None:
    done = await moved_in(world, console, "卡号,手机号,积分,储值余额\nA0001,123,十二,12.345\nA0002,,1,1\n")
    [bad, _] = await lines(console, done["id"])
    assert (bad["error"]["code"], [(one["code"], one["where"]) for one in bad["notes"]]) == (
        "member.bad_phone",
        [("moving.no_number", "points"), ("moving.not_fen", "principal_fen")],
    )
    assert sums(done) == {"points": (1, 1, 0, 0, 1), "cny_principal": (1_00, 1_00, 0, 0, 1)}
    path = f"{IMPORTS}/{done['id']}/sign-off"
    assert (await console.post(path, {})).refusal == (409, "moving.refused_not_accepted")


@pytest.mark.parametrize("word", ["-", "--", "无", "/", "N/A", "null", "00000000000", "—"])
async def test_words_for_nothing(world: World, console: Client, word: str) -> None:
    file = f"卡号,姓名,手机号,生日,积分,储值余额,等级,门店,备注\nA0001{f',{word}' * 8}\n{f',{word}' * 8}\n"
    done = await moved_in(world, console, file)
    [line] = await lines(console, done["id"])
    assert (counts(done), line["values"], line["notes"]) == ((1, 0, 0, 0), {"card_no": "A0001"}, [])
    person = (await everybody(console))["A0001"]
    assert (person["name"], person["phone"], person["birthday"]) == ("", None, None)


async def test_a_date_where_an_amount_belongs_says_so(console: Client) -> None:
    from datetime import date

    made = await understood(console, workbook(["卡号", "储值余额"], ["A0001", date(2026, 1, 5)]), "members.xlsx")
    [line] = await lines(console, made["id"])
    assert (line["error"]["code"], line["error"]["where"]) == ("moving.is_date", "principal_fen")


@pytest.mark.parametrize("file", ["卡号,姓名\n", "卡号,姓名\n,\n", "卡号,性别\n-,女\n"])
async def test_a_file_without_lines_is_refused(console: Client, file: str) -> None:
    refused = await upload(console, file)
    assert (refused.refusal, refused.json()["where"]) == ((422, "moving.no_lines"), "file")
    assert (await console.get(IMPORTS)).json()["items"] == []


async def test_record_numbers_are_no_cards(world: World, console: Client) -> None:
    """Systems number their members 1, 2, 3 under 会员ID: the column is ignored and says why; phones tell who is who."""
    file = "会员ID,姓名,手机号\n1,甲,13900000001\n2,乙,13900000002\n1003,丙,13900000003\n"
    made = await understood(console, file)
    [column, *_] = made["understood"]["columns"]
    assert (column["field"], column["why"]) == (
        None,
        "这一列的号码不到 4 位，像是序号而不是卡号；需要时请改成真正的卡号",
    )
    assert (made["counts"]["created"], made["counts"]["numbered"]) == (3, 3)
    await moved_in(world, console, file)
    people = await everybody(console)
    assert (sorted(one["name"] for one in people.values()), {len(card) for card in people}) == (
        ["丙", "乙", "甲"],
        {10},
    )
    refused = await upload(console, "会员ID,姓名\n1,甲\n2,乙\n")
    assert (refused.refusal, refused.json()["params"]) == ((422, "moving.only_running_numbers"), {"column": "会员ID"})


async def test_a_single_short_number_among_cards_refuses_its_line_alone(console: Client) -> None:
    made = await understood(console, "会员编号,姓名\n60880001,甲\n60880002,乙\n60,丙\n")
    assert (counts(made), made["understood"]["columns"][0]["field"]) == ((2, 0, 0, 1), "card_no")
    made = await understood(console, "卡号,姓名,手机号\n1,甲,13900000001\n")
    assert (counts(made), made["understood"]["columns"][0]["field"]) == ((0, 0, 0, 1), "card_no")


async def test_cards_with_letters_are_no_rewritten_numbers(world: World, console: Client) -> None:
    file = "卡号\n8001E001\n8001E5\n6088E12\n6.08E+15\n8001E+001\n6088E100\n"
    done = await moved_in(world, console, file)
    assert sorted(await everybody(console)) == ["8001E001"]
    found = await lines(console, done["id"])
    assert [one["error"]["code"] for one in found[1:]] == ["moving.rewritten"] * 5


async def test_lines_that_their_system_cancelled_are_left_out(world: World, console: Client) -> None:
    file = "卡号,会员状态,储值余额\nA0001,正常,1\nA0002,已注销,2\nA0003,未注销,4\nA0004,挂失,8\nA0005,观察中,16\nA0006,,32\n"
    done = await moved_in(world, console, file)
    assert done["understood"]["columns"][1] == {"place": 1, "title": "会员状态", "field": "status"}
    assert sorted(await everybody(console)) == ["A0001", "A0003", "A0005", "A0006"]
    found = await lines(console, done["id"])
    assert [(one["row"], one["error"]["code"], one["error"]["where"]) for one in found if "error" in one] == [
        (3, "moving.status_says_no", "status"),
        (5, "moving.status_says_no", "status"),
    ]
    assert [(one["row"], note["code"]) for one in found for note in one["notes"]] == [(6, "moving.status_unknown")]
    assert sums(done) == {"cny_principal": (63_00, 53_00, 0, 10_00, 0)}


async def test_purchases_that_were_given_back_are_left_out(world: World, console: Client) -> None:
    await make.store(world.db, world.tenant, code="S01")
    await make.member(world.db, world.tenant, card_no="A0001")
    rows = [("已完成", 1), ("已取消", 2), ("已退款", 4), ("未退款", 8), ("部分退款", 16), ("待付款", 32), ("作废", 64)]
    file = "门店,小票号,卡号,金额,时间,订单状态\n" + "".join(
        f"S01,T{amount},A0001,{amount},2020-01-01,{said}\n" for said, amount in rows
    )
    done = await moved_in(world, console, file, kind="purchases")
    assert (counts(done), sums(done)) == ((2, 0, 0, 5), {"total_fen": (127_00, 9_00, 0, 118_00, 0)})
