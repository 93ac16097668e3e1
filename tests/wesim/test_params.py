"""Parameter types (reference §3.5)."""

import pytest

from wesim.params import accepts
from wesim.state import Settings

FREE = ("thing", "short_thing", "const", "enum", "enum_string", "unheard_of")
BLANKS = (" ", "\u3000", "\u200b", "\u0085", "\xa0\u2003", "\ufeff \u200d")
GOOD = [
    ("thing", "一" * 20),
    ("thing", "-100.00"),
    ("number", "1288"),
    ("number", "-3.5"),
    ("number", "9" * 32),
    ("letter", "abcXYZ"),
    ("symbol", "+-*/!"),
    ("character_string", "A-1_b#2"),
    ("time", "15:01"),
    ("time", "2019年10月1日 15:01"),
    ("time", "2020-10-25 15:01:30"),
    ("time", "15:01~16:30"),
    ("time", "2019年8月8日"),
    ("date", "2019年10月1日"),
    ("date", "2019-10-01 15:01"),
    ("date", "2018/01/01"),
    ("date", "2018.01"),
    ("date", "2020年10月25日~2020年11月25日"),
    ("amount", "¥100.00"),
    ("amount", "1234567890.55元"),
    ("amount", "$5"),
    ("phone_number", "+86-0766-66888866"),
    ("car_number", "粤A8Z888挂"),
    ("name", "一二三四五六七八九十"),
    ("name", "Jean-Luc van der Berg"[:20]),
    ("phrase", "金卡会员"),
    ("short_thing", "一二三四五六七八九十"),
    ("unheard_of", "whatever"),
    ("thing", " a"),
    ("thing", "a\u200b"),
    ("date", "2028-02-29"),
    ("date", "2000/2/29"),
    ("date", "2月29日"),
    ("date", "2026-12"),
    ("date", "4-30 23:59:59"),
    ("time", "2026年12月31日 23:59"),
    ("time", "2024年2月29日~2026年2月28日"),
]
BAD = [
    ("thing", "一" * 21),
    ("thing", "two\nlines"),
    ("number", "12a"),
    ("number", "9" * 33),
    ("letter", "abc1"),
    ("symbol", "a+"),
    ("symbol", "!!!!!!"),
    ("character_string", "中文"),
    ("character_string", "a b"),
    ("character_string", "x" * 33),
    ("time", "25:00"),
    ("time", "tomorrow"),
    ("time", "15:01~16:30~17:00"),
    ("date", "2019-10/01"),
    ("date", "15:01"),
    ("amount", "12345678901"),
    ("amount", "¥¥5"),
    ("amount", "-5"),
    ("phone_number", "1" * 18),
    ("car_number", "粤A8Z8888挂"),
    ("name", "用户410774"),
    ("name", "一二三四五六七八九十一"),
    ("phrase", "一二三四五六"),
    ("phrase", "VIP"),
    ("short_thing", "一二三四五六七八九十一"),
    ("amount", "５元"),
    ("amount", "٥"),
    ("amount", "1.५"),
    ("number", "１２"),
    ("number", "-٣"),
    ("phone_number", "１３８"),
    ("phone_number", "١٣٨"),
    ("name", "张１"),
    ("date", "2026年13月45日 10:00"),
    ("date", "2026-02-30"),
    ("date", "2027-02-29"),
    ("date", "1900/02/29"),
    ("date", "2026.4.31"),
    ("date", "2月30日"),
    ("date", "13-01"),
    ("date", "2026-00"),
    ("date", "2026-13"),
    ("date", "2026-00-10"),
    ("date", "2026-10-00"),
    ("date", "0000-01-01"),
    ("date", "２０２６-10-01"),
    ("date", "2026年2月30日~2026年3月1日"),
    ("date", "2026年2月1日~2026年2月30日"),
    ("time", "2026-02-30 10:00"),
    ("time", "１5:01"),
    ("time", "15:0१"),
    *((rule, blank) for rule in FREE for blank in BLANKS),
]


@pytest.mark.covers("P-01")
@pytest.mark.parametrize(("rule", "value"), GOOD)
def test_accepted(rule, value):
    assert accepts(rule, value, enum=(), settings=Settings()) is True


@pytest.mark.covers("P-01")
@pytest.mark.parametrize(("rule", "value"), BAD)
def test_refused(rule, value):
    assert accepts(rule, value, enum=(), settings=Settings()) is False


def test_enumerated_values_are_closed():
    enum = ("待付款", "已完成")
    assert accepts("enum_string", "已完成", enum=enum, settings=Settings()) is True
    assert accepts("enum_string", "已发货", enum=enum, settings=Settings()) is False


@pytest.mark.parametrize("rule", FREE)
def test_blank_things_are_a_switch(rule):
    settings = Settings(blank_thing_accepted=True)
    assert [accepts(rule, blank, enum=(), settings=settings) for blank in BLANKS] == [True] * 6
    assert accepts("letter", " ", enum=(), settings=settings) is False


def test_unconfirmed_rules_are_switches():
    assert accepts("time", "2019年8月8日", enum=(), settings=Settings(time_may_be_date_only=False)) is False
    assert accepts("number", "-3", enum=(), settings=Settings(number_may_be_negative=False)) is False
    assert accepts("character_string", "a b", enum=(), settings=Settings(character_string_may_hold_space=True)) is True
