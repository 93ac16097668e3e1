"""Texts for people: amounts in the unit that they think in."""

from huida.kernel.i18n import text


def test_amounts_are_said_in_the_unit_that_people_use() -> None:
    params = {"unit": "stored_value", "needed": 30_000, "available": 1_000}
    assert text("ledger.insufficient_balance", "zh-CN", params) == "余额不足：需要 ¥300.00，可用 ¥10.00"
    points = {"unit": "points", "needed": 300, "available": 10}
    assert text("ledger.insufficient_balance", "en", points) == "Not enough: 300 needed, 10 available"
    growth = {"unit": "growth", "field": "成长值", "before": 80_000, "now": 500}
    assert "800" in text("moving.opened_before", "zh-CN", growth)
    assert "80000" not in text("moving.opened_before", "zh-CN", growth)
