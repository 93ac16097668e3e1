"""Types of template values: what passes, what is fitted, what cannot be (P-01)."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huida.providers.wechat.params import Field, Kind, Problem, Unfittable, check, fit, kind_of, template_fields


@pytest.mark.covers("P-01")
@pytest.mark.parametrize(
    ("kind", "longest", "too_long"),
    [
        ("thing", "会" * 20, "会" * 21),
        ("number", "1" * 32, "1" * 33),
        ("letter", "a" * 32, "a" * 33),
        ("symbol", "!!!!!", "!!!!!!"),
        ("character_string", "A-1_" * 8, "A-1_" * 8 + "x"),
        ("amount", "¥1234567890元", "¥12345678901元"),
        ("phone_number", "+86-0766-66888866", "+86-0766-668888666"),
        ("car_number", "粤A8Z888挂", "粤A8Z8888A挂"),
        ("name", "欧阳修文忠公集卷一二", "欧阳修文忠公集卷一二三"),
        ("name", "a" * 20, "a" * 21),
        ("phrase", "已经完成了", "已经完成了呀"),
    ],
)
def test_limits(kind: str, longest: str, too_long: str) -> None:
    assert check(kind, longest) is None
    problem = check(kind, too_long)
    assert problem is not None
    assert problem.kind == kind


@pytest.mark.covers("P-01")
@pytest.mark.parametrize(
    "value",
    [
        "15:01",
        "15:01:02",
        "2019年10月1日 15:01",
        "2019年10月1日",
        "10:00~12:00",
        "2019年10月1日 15:01~2019年10月2日 16:00",
    ],
)
def test_times_that_pass(value: str) -> None:
    assert check("time", value) is None


@pytest.mark.covers("P-01")
@pytest.mark.parametrize(
    "value",
    ["2019年10月1日", "2019-10-01 15:01", "2018/01/01", "2018.01.01", "2018-01", "01-01", "2019年10月", "10月1日",
     "2019-10-01~2019-10-07"],
)  # fmt: skip
def test_dates_that_pass(value: str) -> None:
    assert check("date", value) is None


@pytest.mark.parametrize(
    ("kind", "value", "trouble"),
    [
        ("thing", "", "empty"),
        ("thing", "两\n行", "characters"),
        ("thing", "笑😀", "characters"),
        ("thing", "   ", "format"),
        ("number", "12a", "format"),
        ("letter", "a1", "format"),
        ("character_string", "订单1", "format"),
        ("time", "25:00", "format"),
        ("date", "15:01", "format"),
        ("date", "2019-13-01", "format"),
        ("amount", "-3", "format"),
        ("amount", "¥¥3", "format"),
        ("phone_number", "call me", "format"),
        ("name", "用户410774", "format"),
        ("phrase", "done", "format"),
    ],
)
def test_what_is_objected_to(kind: str, value: str, trouble: str) -> None:
    problem = check(kind, value)
    assert problem is not None
    assert problem.trouble == trouble


def test_an_enum_takes_only_its_choices() -> None:
    assert check("enum", "已发货", choices=("已发货", "已签收")) is None
    assert check("enum", "丢失", choices=("已发货", "已签收")) == Problem(Kind.ENUM, "unknown_choice", 20)
    with pytest.raises(Unfittable):
        fit("enum", "丢失", choices=("已发货", "已签收"))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("date", "2026-02-30"),
        ("date", "2027-02-29"),
        ("date", "1900/2/29"),
        ("date", "2026.4.31 10:00"),
        ("date", "2月30日"),
        ("date", "4-31"),
        ("date", "0000-01-01"),
        ("date", "2026年2月1日~2026年2月30日"),
        ("time", "2026年2月30日 10:00"),
        ("time", "１5:01"),
        ("time", "15:0१"),
        ("time", "２０２６年1月1日"),
        ("name", "张１"),
        ("number", "٣"),
        ("amount", "５元"),
        ("phone_number", "１３８"),
    ],
)
def test_dates_exist_and_digits_are_ascii(kind: str, value: str) -> None:
    problem = check(kind, value)
    assert problem is not None
    assert problem.trouble == "format"


@pytest.mark.parametrize("value", ["2028-02-29", "2000/2/29 10:00", "2月29日", "4-30", "2026年12月31日~2027年1月1日"])
def test_days_of_the_calendar_pass(value: str) -> None:
    assert check("date", value) is None
    assert check("time", value) is None


def test_a_day_that_does_not_exist_cannot_be_fitted() -> None:
    for kind in ("time", "date"):
        with pytest.raises(Unfittable) as unfit:
            fit(kind, "2026-02-30")
        assert (unfit.value.kind, unfit.value.trouble) == (Kind(kind), "format")


@pytest.mark.parametrize(
    ("kind", "value", "fitted"),
    [
        ("thing", "您有一张优惠券将在三天之后的晚上过期请尽快使用", "您有一张优惠券将在三天之后的晚上过期请…"),
        ("thing", " 两\r\n行 ", "两 行"),
        ("thing", "生日快乐🎂", "生日快乐"),
        ("number", "１２３,４５６", "123456"),
        ("number", "0." + "3" * 40, "0." + "3" * 30),
        ("character_string", "no 123", "no-123"),
        ("amount", "12.5", "12.50元"),
        ("amount", "￥1,234.505", "¥1234.51"),
        ("amount", "100", "100元"),
        ("time", "2026-11-21T10:00:00+00:00", "2026年11月21日 18:00"),
        ("date", "2026-11-21", "2026-11-21"),
        ("name", "用户410774", "用户"),
        ("name", "Alexander Maximilian the Great", "Alexander Maximil..."),
        ("phrase", "已完成！", "已完成"),
        ("car_number", "粤B·12345", "粤B12345"),
        ("short_thing", "十一个字的短事物说明啊", "十一个字的短事物说…"),
    ],
)
def test_fitting(kind: str, value: str, fitted: str) -> None:
    assert fit(kind, value) == fitted


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("thing", "\n"),
        ("thing", "😀"),
        ("number", "many"),
        ("number", "1" * 33),
        ("amount", "12345678901"),
        ("phone_number", "138 0000 0001 0002 0003"),
        ("car_number", "粤B123456789"),
        ("phrase", "done"),
        ("character_string", "订单"),
        ("time", "soon"),
        ("name", "12345"),
    ],
)
def test_what_cannot_be_fitted(kind: str, value: str) -> None:
    with pytest.raises(Unfittable) as raised:
        fit(kind, value)
    assert value not in str(raised.value)


texts = st.one_of(
    st.text(max_size=80),
    st.text(alphabet=string.printable, max_size=60),
    st.text(alphabet="会达年月日:-/.~¥￥元0123456789 ,，。\n😀ab·", max_size=60),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.datetimes().map(lambda moment: moment.isoformat()),
)


@pytest.mark.covers("P-01")
@given(st.sampled_from(list(Kind)), texts)
def test_a_fitted_value_always_passes_and_fits_itself(kind: Kind, value: str) -> None:
    try:
        fitted = fit(kind, value)
    except Unfittable:
        return
    assert check(kind, fitted) is None
    assert "\n" not in fitted
    assert fit(kind, fitted) == fitted


@given(st.sampled_from([Kind.THING, Kind.SHORT_THING, Kind.CONST, Kind.TEXT, Kind.PHRASE]), texts)
def test_text_without_anything_to_change_stays(kind: Kind, value: str) -> None:
    if check(kind, value) is None and value == " ".join(value.split()):
        assert fit(kind, value) == value


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("thing1", Kind.THING),
        ("character_string12", Kind.CHARACTER_STRING),
        ("enum_string2", Kind.ENUM),
        ("enum3", Kind.ENUM),
        ("short_thing4", Kind.SHORT_THING),
        ("first", Kind.TEXT),
        ("keyword1", Kind.TEXT),
        ("Thing1", Kind.TEXT),
    ],
)
def test_kind_of_a_key(key: str, kind: Kind) -> None:
    assert kind_of(key) is kind


def test_template_fields() -> None:
    content = (
        "{{first.DATA}}\n会员名称：{{thing1.DATA}}\n变动时间:{{time12.DATA}}\n变动后余额 {{amount3.DATA}}\n"
        "状态：{{ enum_string2.DATA }}\n"
    )
    assert template_fields(content) == [
        Field("", "first", Kind.TEXT),
        Field("会员名称", "thing1", Kind.THING),
        Field("变动时间", "time12", Kind.TIME),
        Field("变动后余额", "amount3", Kind.AMOUNT),
        Field("状态", "enum_string2", Kind.ENUM),
    ]
