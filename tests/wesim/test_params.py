"""Parameter types (reference §3.5)."""

import pytest

from wesim.params import accepts
from wesim.state import Settings

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


def test_unconfirmed_rules_are_switches():
    assert accepts("time", "2019年8月8日", enum=(), settings=Settings(time_may_be_date_only=False)) is False
    assert accepts("number", "-3", enum=(), settings=Settings(number_may_be_negative=False)) is False
    assert accepts("character_string", "a b", enum=(), settings=Settings(character_string_may_hold_space=True)) is True
