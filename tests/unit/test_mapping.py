"""Variable assignment, pure: what may be saved, what is suggested, what a message says."""

from datetime import UTC, datetime

import pytest

from huida.modules.messaging import mapping as pure
from huida.modules.messaging.catalogue import BY_CODE, SCENARIOS
from huida.providers.wechat.params import Field, Kind, Unfittable, template_fields

CONSUMPTION = BY_CODE["consumption"]
BALANCE = BY_CODE["balance_change"]
VALUES = {
    "member_name": "林小满",
    "card_no": "6088000001",
    "card_tail": "0001",
    "level_name": "金卡会员",
    "shop_name": "山月茶事",
    "store_name": "南门店",
    "till_no": "T-1",
    "time": datetime(2026, 11, 21, 6, 32, tzinfo=UTC),
    "amount": 2500,
    "points_delta": 25,
    "points_after": 1250,
    "balance_delta": -10000,
    "balance_after": 99999,
    "reason": "消费",
}


def one(kind: Kind, value: str, scenario: str = "consumption", **values: object) -> str:
    field = Field("栏", f"{kind.value}1", kind)
    compiled = pure.compile_mapping(BY_CODE[scenario], [field], {field.key: value})
    return compiled.render(VALUES | values)[field.key]


def trouble(kind: Kind, value: str, scenario: str = "consumption") -> list[str]:
    field = Field("栏", f"{kind.value}1", kind)
    return [t.code for t in pure.check_mapping(BY_CODE[scenario], [field], {field.key: value})]


@pytest.mark.covers("S1-41", "S1-70", "P-01")
@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (Kind.THING, "{{member_name}}", "林小满"),
        (Kind.THING, "感谢{{member_name}}光临{{store_name}}", "感谢林小满光临南门店"),
        (Kind.THING, "{{amount}}", "25.00元"),
        (Kind.AMOUNT, "{{amount}}", "25.00元"),
        (Kind.NUMBER, "{{points_after}}", "1250"),
        (Kind.NUMBER, "{{amount}}", "25.00"),
        (Kind.CHARACTER_STRING, "{{card_no}}", "6088000001"),
        (Kind.CHARACTER_STRING, "{{time}}", "2026-11-21/14:32"),
        (Kind.TIME, "{{time}}", "2026年11月21日 14:32"),
        (Kind.DATE, "{{time}}", "2026年11月21日 14:32"),
        (Kind.THING, "固定文字", "固定文字"),
    ],
)
def test_each_kind_of_field_shows_its_value(kind: Kind, value: str, shown: str) -> None:
    assert trouble(kind, value) == []
    assert one(kind, value) == shown


@pytest.mark.covers("S1-49")
@pytest.mark.parametrize(
    ("fen", "shown"), [(-10000, "-100.00元"), (10000, "+100.00元"), (0, "0.00元"), (-1, "-0.01元")]
)
def test_a_signed_amount_is_text(fen: int, shown: str) -> None:
    assert one(Kind.THING, "{{balance_delta}}", "balance_change", balance_delta=fen) == shown
    assert trouble(Kind.AMOUNT, "{{balance_delta}}", "balance_change") == ["messaging.variable_misfit"]


@pytest.mark.covers("S1-71")
@pytest.mark.parametrize(
    "kind", [Kind.PHRASE, Kind.LETTER, Kind.SYMBOL, Kind.PHONE_NUMBER, Kind.CAR_NUMBER, Kind.CONST]
)
def test_some_fields_take_no_variable(kind: Kind) -> None:
    assert trouble(kind, "{{member_name}}") == ["messaging.variable_misfit"]


@pytest.mark.covers("S1-71")
@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        (Kind.NUMBER, "{{card_no}}", "messaging.variable_misfit"),
        (Kind.NAME, "{{card_no}}", "messaging.variable_misfit"),
        (Kind.TIME, "{{card_no}}", "messaging.variable_misfit"),
        (Kind.TIME, "刚才", "messaging.value_misfit"),
        (Kind.AMOUNT, "约{{amount}}", "messaging.value_misfit"),
        (Kind.CHARACTER_STRING, "{{card_no}}/{{till_no}}", "messaging.value_misfit"),
        (Kind.THING, "{{card_no", "messaging.variable_broken"),
        (Kind.THING, "card_no}}", "messaging.variable_broken"),
        (Kind.THING, "{{amount}} {{who}}", "messaging.variable_unknown"),
        (Kind.THING, "{{coupon_name}}", "messaging.variable_unknown"),
        (Kind.THING, " ", "messaging.field_empty"),
    ],
)
def test_what_could_break_is_named(kind: Kind, value: str, code: str) -> None:
    assert trouble(kind, value) == [code]


@pytest.mark.covers("S1-71")
def test_an_enum_takes_only_its_choices() -> None:
    field = Field("状态", "enum1", Kind.ENUM)
    choices = {"enum1": ["已完成", "已取消"]}
    assert pure.check_mapping(CONSUMPTION, [field], {"enum1": "已完成"}, choices) == []
    [bad] = pure.check_mapping(CONSUMPTION, [field], {"enum1": "别的"}, choices)
    assert bad.code == "messaging.value_misfit"


def test_a_long_text_is_shortened_to_twenty_characters() -> None:
    shown = one(Kind.THING, "{{shop_name}}", shop_name="很" * 30)
    assert len(shown) == 20


def test_a_value_that_cannot_be_made_is_said() -> None:
    with pytest.raises(Unfittable):
        one(Kind.CHARACTER_STRING, "{{till_no}}", till_no="单号")


@pytest.mark.covers("S1-45", "S1-46", "S1-47", "S1-48", "S1-51")
@pytest.mark.parametrize(
    ("scenario", "content", "expected"),
    [
        (
            "auto_sign_off",
            "签收时间:{{date1.DATA}}\n提醒时间:{{date3.DATA}}\n订单编号:{{character_string2.DATA}}\n",
            {"date1": "{{sign_at}}", "date3": "{{remind_at}}", "character_string2": "{{order_no}}"},
        ),
        (
            "consumption",
            "卡号:{{character_string4.DATA}}\n会员姓名:{{thing1.DATA}}\n时间:{{time3.DATA}}\n金额:{{amount2.DATA}}\n"
            "温馨提示:{{thing5.DATA}}\n",
            {
                "character_string4": "{{card_no}}",
                "thing1": "{{member_name}}",
                "time3": "{{time}}",
                "amount2": "{{amount}}",
                "thing5": "如非本人操作请联系门店",
            },
        ),
        (
            "stored_value_consumption",
            "温馨提示:{{thing2.DATA}}\n卡号:{{character_string1.DATA}}\n账户余额:{{amount5.DATA}}\n",
            {
                "thing2": "如非本人操作请联系门店",
                "character_string1": "{{card_no}}",
                "amount5": "{{balance_after}}",
            },
        ),
        (
            "balance_change",
            "变动原因:{{thing3.DATA}}\n流水号:{{character_string2.DATA}}\n变动金额:{{thing4.DATA}}\n"
            "当前余额:{{amount5.DATA}}\n",
            {
                "thing3": "{{reason}}",
                "character_string2": "{{till_no}}",
                "thing4": "{{balance_delta}}",
                "amount5": "{{balance_after}}",
            },
        ),
    ],
)
def test_sample_templates_are_assigned_by_their_labels(scenario: str, content: str, expected: dict[str, str]) -> None:
    fields = template_fields(content)
    assert pure.suggest(BY_CODE[scenario], fields) == expected
    assert pure.check_mapping(BY_CODE[scenario], fields, expected) == []


@pytest.mark.covers("S1-92")
def test_every_scenario_has_a_landing_page_with_its_parameter_and_readable_samples() -> None:
    for scenario in SCENARIOS:
        if scenario.family not in ("seller", "code"):
            page, _, query = scenario.page.partition("?")
            assert page.startswith("pages/")
            assert query == "id={id}"
        for variable in scenario.variables:
            assert pure.shown(variable.type, pure.raw_sample(variable), Kind.THING) != ""
