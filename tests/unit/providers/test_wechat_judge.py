"""WeChat's error numbers and what they mean (reference: wechat-platform §0.2; P-02)."""

from datetime import UTC, datetime

import pytest

from huida.kernel.http import Refused, Unavailable
from huida.providers.wechat.judge import GROUPS, Group, TokenRefused, group_of, judge, seconds_to_midnight

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize("number", [-1, 43108, 44990, 45011, 268487001, 268487002])
def test_busy_was_not_processed(number: int) -> None:
    outcome = judge(number, "busy", now=NOON)
    assert type(outcome) is Unavailable


@pytest.mark.parametrize("number", [40001, 40014, 42001])
def test_a_refused_token_is_its_own_outcome(number: int) -> None:
    assert type(judge(number, "token", now=NOON)) is TokenRefused


@pytest.mark.parametrize(
    ("number", "group", "later_s"),
    [
        (45009, Group.QUOTA, 43200.0),
        (89507, Group.ACCOUNT, 3600.0),
        (89506, Group.ACCOUNT, 86400.0),
        (40164, Group.ACCOUNT, None),
        (48001, Group.ACCOUNT, None),
        (43101, Group.RECIPIENT, None),
        (43004, Group.RECIPIENT, None),
        (40003, Group.RECIPIENT, None),
        (47003, Group.CONTENT, None),
        (40037, Group.CONTENT, None),
        (99999, Group.OTHER, None),
    ],
)
def test_refusals(number: int, group: Group, later_s: float | None) -> None:
    outcome = judge(number, "text rid: 1-2-3", now=NOON)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.message, outcome.later_s) == (f"wechat.{number}", "text rid: 1-2-3", later_s)
    assert group_of(outcome.code) is group


def test_every_number_has_one_group() -> None:
    assert all(group_of(f"wechat.{number}") is group for number, group in GROUPS.items())


def test_other_codes_belong_to_no_group() -> None:
    assert group_of("http.404") is Group.OTHER


def test_the_day_ends_at_midnight_in_china() -> None:
    assert seconds_to_midnight(datetime(2026, 11, 21, 15, 59, 59, tzinfo=UTC)) == 1.0
