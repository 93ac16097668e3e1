"""Real shops' files, each with what must come of it, through the console's doors (B-01 to B-04, B-10, B-15, B-16, B-18 to B-22)."""

from typing import Any

import pytest

from tests.asgi import Client
from tests.conftest import World
from tests.moving_kit import case, counts, everybody, lines, moved_in, understood, upload

Person = tuple[str, str | None, str | None]
"""Name, phone and birthday."""

TAKEN: dict[str, dict[str, Person]] = {
    "wps-dimension-a1.xlsx": {
        "WPS0001": ("甲一", "13730000001", "1990-01-02"),
        "WPS0002": ("乙二", "13730000002", "1991-01-02"),
    },
    "dimension-short.xlsx": {f"DIM000{n}": (f"丙{n}", f"1373000001{n}", "1990-01-02") for n in range(1, 6)},
    "card-header-unknown.csv": {"60880001": ("甲", "13730000501", None), "60880002": ("乙", "13730000502", None)},
    "english.csv": {"ENG0001": ("甲", "13730000434", None)},
    "header-variants2.csv": {"HVB0001": ("丑四", "13730000103", "1990-01-02")},
    "header-variants.csv": {"HVA0001": ("丑三", "13730000102", "1990-01-02")},
    "title-row.xlsx": {"TIT0001": ("丑一", "13730000100", "1990-01-02")},
    "first-row-empty.xlsx": {"FRE0001": ("甲", "13730000600", None)},
    "header-spaces.xlsx": {"HSP0001": ("丑二", "13730000101", "1990-01-02")},
    "utf16-tabs.csv": {"UTF0001": ("卯一", "13730000121", None)},
    "utf16-commas.csv": {"UTF0002": ("卯二", "13730000122", None)},
    "utf8-tabs.csv": {"TAB0001": ("卯三", "13730000123", None)},
    "utf8-semicolons.csv": {"SEM0001": ("卯四", "13730000124", None)},
    "sep-line.csv": {"SEP0001": ("卯五", "13730000125", None)},
    "excel-text-formula.csv": {"00001236": ("子", "13730000411", None)},
    "card-spaces.csv": {
        "608800010001": ("庚", "13730000406", None),
        "6088-0001-0002": ("辛", "13730000407", None),
        "608800010002": ("壬", "13730000408", None),
    },
    "card-float.csv": {"10000001": ("壬一", "13730000072", None)},
    "phone-thousands.csv": {"THO0001": ("甲", "13730000513", None), "THO0002": ("乙", "13730000514", None)},
    "birthday-forms.csv": {
        "BIR0001": ("癸一", "13730000080", None),
        "BIR0002": ("癸二", "13730000081", "1990-05-07"),
        "BIR0003": ("癸三", "13730000082", "1990-05-07"),
        "BIR0004": ("癸四", "13730000083", "1990-05-07"),
        "BIR0005": ("癸五", "13730000084", None),
        "BIR0006": ("癸六", "13730000085", "1990-05-07"),
        "BIR0007": ("癸七", "13730000086", None),
        "BIR0008": ("癸八", "13730000087", None),
    },
    "birthday-serial.xlsx": {
        "BIS0001": ("子一", "13730000090", None),
        "BIS0002": ("子二", "13730000091", "1990-05-07"),
    },
    "too-long.csv": {"LON0001": ("长" * 60, "13730000412", None)},
    "points-balance-columns.csv": {"OPB0001": ("亥四", "13730000183", None)},
    "phone-float.csv": {"FLT0001": ("辛一", "13730000070", None)},
    "full-width.csv": {
        "FW0001": ("未一", "13730000140", None),
        "FWD0002": ("未二", "13730000141", "1990-01-02"),
        "FWD0003": ("未三", "13730000142", None),
        "FWD0004": ("未四", "13730000143", None),
        "FWD0005": ("未五", "13730000144", None),
        "FWD0006": ("未六", "13730000145", None),
        "FWD0007": ("未七", "13730000146", None),
    },
    "merged.xlsx": {"MER0001": ("巳二", "13730000132", "1990-01-02")},
    "card-case.csv": {"VIP0001": ("亥二", "13730000181", None)},
    "card-19-digit-one.xlsx": {},
    "card-16-digits-number.xlsx": {},
    "card-as-date.csv": {},
    "date-in-card.xlsx": {},
    "card-scientific.csv": {},
}
REFUSED: dict[str, list[tuple[int, str, str]]] = {
    "phone-float.csv": [(3, "member.bad_phone", "phone")],
    "full-width.csv": [(9, "member.two_phones", "phone")],
    "merged.xlsx": [(3, "moving.cell_merged", "card_no")],
    "card-case.csv": [(3, "moving.twice", "card_no")],
    "card-19-digit-one.xlsx": [(2, "moving.too_many_digits", "card_no")],
    "card-16-digits-number.xlsx": [(2, "moving.too_many_digits", "card_no")],
    "card-as-date.csv": [(2, "moving.rewritten", "card_no"), (3, "moving.rewritten", "card_no")],
    "date-in-card.xlsx": [(2, "moving.is_date", "card_no"), (3, "moving.is_date", "phone")],
    "card-scientific.csv": [(2, "moving.rewritten", "card_no"), (3, "moving.rewritten", "card_no")],
}
TOLD: dict[str, list[tuple[int, str, str]]] = {
    "birthday-forms.csv": [(row, "moving.dropped", "birthday") for row in (2, 6, 8, 9)],
    "birthday-serial.xlsx": [(2, "moving.dropped", "birthday")],
    "too-long.csv": [(2, "moving.cut", "name"), (2, "moving.cut", "note")],
    "points-balance-columns.csv": [(2, "moving.dropped", "store"), (2, "moving.dropped", "level")],
}
NO_TABLE: dict[str, tuple[str, dict[str, Any]]] = {
    "two-phone-columns.csv": ("moving.two_columns", {"first": "手机号", "second": "电话"}),
    "two-phone-landline.csv": ("moving.two_columns", {"first": "手机号", "second": "电话"}),
    "unclosed-quote.csv": ("moving.open_quote", {"line": 2}),
}


@pytest.mark.parametrize("name", TAKEN)
async def test_what_comes_of_a_file(world: World, console: Client, name: str) -> None:
    made = await understood(console, case(name), name)
    found = await lines(console, made["id"])
    refused, told = REFUSED.get(name, []), TOLD.get(name, [])
    assert counts(made) == (len(TAKEN[name]), 0, 0, len(refused))
    assert [(one["row"], one["error"]["code"], one["error"]["where"]) for one in found if "error" in one] == refused
    assert [(one["row"], note["code"], note["where"]) for one in found for note in one["notes"]] == told
    shown = {one["values"]["card_no"]: one["values"] for one in found if "error" not in one}
    assert {
        card_no: (values.get("name"), values.get("phone"), values.get("birthday")) for card_no, values in shown.items()
    } == TAKEN[name]
    assert await everybody(console) == {}, "a dry run writes nothing"
    done = await moved_in(world, console, case(name), name)
    assert (done["state"], counts(done)) == ("done", (len(TAKEN[name]), 0, 0, len(refused)))
    people = await everybody(console)
    assert {card_no: (one["name"], one["phone"], one["birthday"]) for card_no, one in people.items()} == TAKEN[name]


@pytest.mark.parametrize("name", NO_TABLE)
async def test_what_could_be_read_in_two_ways_is_refused(console: Client, name: str) -> None:
    code, params = NO_TABLE[name]
    refused = await upload(console, case(name), name)
    assert (refused.refusal, refused.json()["where"]) == ((422, code), "file")
    assert {word: refused.json()["params"][word] for word in params} == params
    assert await everybody(console) == {}
    assert (await console.get("/api/console/imports")).json()["items"] == []


SWAPPED = {
    "phone-swap.csv": {"SWA0001": "13730000421", "SWA0002": "13730000420"},
    "phone-chain.csv": {"SWA0001": "13730000422", "SWA0002": "13730000420"},
}


@pytest.mark.parametrize("name", SWAPPED)
async def test_phones_that_change_hands_in_one_file(world: World, console: Client, name: str) -> None:
    """B-26: what is free after the file has been carried out is taken."""
    await moved_in(world, console, "卡号,姓名,手机号\nSWA0001,换一,13730000420\nSWA0002,换二,13730000421\n")
    done = await moved_in(world, console, case(name), name)
    assert counts(done) == (0, 2, 0, 0)
    assert {card_no: one["phone"] for card_no, one in (await everybody(console)).items()} == SWAPPED[name]


async def test_a_phone_whose_owner_keeps_it_is_refused_with_the_other_line(world: World, console: Client) -> None:
    await moved_in(world, console, "卡号,手机号\nSWA0001,13730000420\nSWA0002,13730000421\n")
    made = await understood(console, "卡号,手机号\nSWA0001,13730000421\nSWA0002,\n")
    [first, second] = await lines(console, made["id"])
    assert (first["error"]["code"], "3" in first["error"]["text"], second["status"]) == (
        "moving.phone_stays",
        True,
        "unchanged",
    )
    # Nobody gives up what a refused line would have taken: a chain falls as a whole.
    chain = "卡号,手机号\nSWA0001,13730000421\nSWA0002,137\n"
    found = await lines(console, (await understood(console, chain))["id"])
    assert [one["error"]["code"] for one in found] == ["member.phone_taken", "member.bad_phone"]


async def test_how_a_file_was_read_is_said(console: Client) -> None:
    made = await understood(console, case("utf16-tabs.csv"), "a.csv")
    assert {key: made["understood"][key] for key in ("form", "encoding", "separator", "header_line")} == {
        "form": "csv",
        "encoding": "utf-16",
        "separator": "\t",
        "header_line": 1,
    }
    made = await understood(console, "名单\n*卡 號,姓名（必填）,性别,\nA0001,甲,男,x\n".encode("gb18030"))
    assert (made["understood"]["encoding"], made["understood"]["header_line"]) == ("gb18030", 2)
    assert made["understood"]["columns"] == [
        {"place": 0, "title": "*卡 號", "field": "card_no"},
        {"place": 1, "title": "姓名（必填）", "field": "name"},
        {"place": 2, "title": "性别", "field": None},
        {"place": 3, "title": "", "field": None},
    ]
