"""Subscribing in the member centre: the list of everything, and the entries inside other pages."""

import re
from uuid import UUID

import pytest
from playwright.sync_api import Route, expect

from huida.demo.stage import MINI
from tests.browser.member.kit import Centre, credits, enable, stop
from tests.browser.stage import CHEN, LIN
from tests.browser.watch import Watch

ANSWERED = re.compile(r"/api/member/subscriptions/results$")


@pytest.mark.covers("S1-73", "S1-74")
def test_the_entry_is_there_only_while_a_scenario_is_enabled_for_subscription(centre: Centre, lin: UUID) -> None:
    screen = centre.open()
    expect(screen.get_by_test_id("way-recharge")).to_be_visible()
    expect(screen.get_by_test_id("way-notices")).to_have_count(0)

    enable(centre.shop, "consumption")
    screen = centre.open()
    expect(screen.get_by_test_id("way-notices")).to_have_text("订阅消息通知")
    screen.get_by_test_id("way-notices").click()
    expect(screen.get_by_test_id("notice")).to_have_text([re.compile("会员消费.*还可收到 0 条.*订阅")])

    stop(centre.shop, "consumption")
    screen = centre.open()
    expect(screen.get_by_test_id("way-recharge")).to_be_visible()
    expect(screen.get_by_test_id("way-notices")).to_have_count(0)
    assert centre.asked() == []


@pytest.mark.covers("S1-75", "S1-76", "S1-77", "S1-78")
def test_the_list_shows_every_enabled_template_and_takes_any_number_of_subscriptions(centre: Centre, lin: UUID) -> None:
    # given
    templates = {code: enable(centre.shop, code) for code in ("consumption", "recharge", "points_change")}

    # when
    screen = centre.open("pages/subscribe/index")

    # then
    rows = screen.get_by_test_id("notice")
    expect(rows).to_have_text([re.compile("^会员消费"), re.compile("^积分变动"), re.compile("^会员充值")])
    assert centre.asked() == []

    # when: the member subscribes to one of them three times
    recharge = rows.filter(has_text="会员充值")
    for n in (1, 2, 3):
        recharge.get_by_role("button", name="订阅").click()
        expect(recharge).to_contain_text(f"还可收到 {n} 条")
    centre.shoot("subscribe-list")

    # then: only this one was asked for, and it adds up
    assert centre.asked() == [[templates["recharge"]]] * 3
    centre.shop.settle()
    assert credits(centre.shop, lin) == {templates["recharge"]: (3, 3)}


@pytest.mark.covers("S1-76", "S1-77")
def test_one_tap_subscribes_to_three_at_once_those_with_the_fewest_first(centre: Centre, lin: UUID) -> None:
    scenarios = ("consumption", "coupon_claimed", "points_change", "recharge")
    templates = {code: enable(centre.shop, code) for code in scenarios}
    screen = centre.open("pages/subscribe/index")
    button = screen.get_by_role("button", name="一键订阅 3 项")
    button.click()
    rows = screen.get_by_test_id("notice")
    expect(rows.filter(has_text="还可收到 1 条")).to_have_count(3)
    [left_out] = [code for code in scenarios if templates[code] not in centre.asked()[0]]
    button.click()
    expect(rows.filter(has_text="还可收到 0 条")).to_have_count(0)
    first, second = centre.asked()
    assert len(set(first)) == len(set(second)) == 3
    assert second[0] == templates[left_out]


@pytest.mark.covers("S1-85")
def test_a_refusal_in_the_list_is_explained_and_may_be_taken_back_there(centre: Centre, lin: UUID) -> None:
    template = enable(centre.shop, "consumption")
    screen = centre.open("pages/subscribe/index", choice="reject")
    screen.get_by_test_id("notice").get_by_role("button", name="订阅").click()
    expect(screen.get_by_role("status")).to_contain_text("您拒绝了部分消息，我们不会再主动询问。")
    expect(screen.get_by_test_id("notice")).to_contain_text("还可收到 0 条")
    centre.shop.settle()
    assert credits(centre.shop, lin)[template] == (0, 0)

    screen = centre.open("pages/subscribe/index")
    screen.get_by_test_id("notice").get_by_role("button", name="订阅").click()
    expect(screen.get_by_test_id("notice")).to_contain_text("还可收到 1 条")


PAGES = (
    ("pages/recharge/index", "recharge", "会员充值", "S1-79"),
    ("pages/spend-code/index", "stored_value_consumption", "储值卡消费", "S1-80"),
    ("pages/coupon/index", "coupon_claimed", "优惠券领取", "S1-81"),
    ("pages/receipt/index", "consumption", "会员消费", "S1-82"),
    ("pages/index/index", "consumption", "会员消费", "S1-83"),
    ("pages/balance/index", "balance_change", "储值余额变动", "S1-83"),
    ("pages/points/index", "points_change", "积分变动", "S1-83"),
    ("pages/order/index", "auto_sign_off", "自动签收提醒", "S1-83"),
)


@pytest.mark.parametrize(
    ("path", "scenario", "label"),
    [pytest.param(*case[:3], marks=pytest.mark.covers(case[3], "S1-84"), id=case[0]) for case in PAGES],
)
def test_a_page_asks_for_its_own_template_and_no_other(
    centre: Centre, lin: UUID, path: str, scenario: str, label: str
) -> None:
    # given: this page's scenario and one that belongs elsewhere
    template = enable(centre.shop, scenario)
    enable(centre.shop, "coupon_unused" if scenario != "coupon_claimed" else "points_change")

    # when
    screen = centre.open(path)

    # then: it offers, and asks nothing by itself
    expect(centre.entry()).to_contain_text(label)
    expect(centre.entry()).to_contain_text("订阅后用微信消息通知您")
    assert centre.asked() == []

    # when
    centre.entry().get_by_role("button", name="订阅", exact=True).click()

    # then
    expect(centre.entry()).to_contain_text("还可收到 1 条")
    expect(centre.entry().get_by_role("button")).to_have_text("再订阅一次")
    assert centre.asked() == [[template]]
    centre.shop.settle()
    assert credits(centre.shop, lin) == {template: (1, 1)}
    expect(screen.locator(".shell")).to_be_visible()


@pytest.mark.covers("S1-84")
def test_a_page_with_two_scenarios_asks_for_both_in_one_question(centre: Centre, lin: UUID) -> None:
    templates = {enable(centre.shop, code) for code in ("consumption", "stored_value_consumption")}
    enable(centre.shop, "points_change")
    centre.open("pages/receipt/index")
    expect(centre.entry()).to_contain_text("会员消费、储值卡消费")
    centre.entry().get_by_role("button").click()
    expect(centre.entry()).to_contain_text("还可收到 1 条")
    [asked] = centre.asked()
    assert (len(asked), set(asked)) == (2, templates)


@pytest.mark.covers("S1-85")
def test_what_was_refused_is_not_offered_again_by_any_page(centre: Centre, lin: UUID) -> None:
    # given
    template = enable(centre.shop, "consumption")
    screen = centre.open("pages/index/index", choice="reject")

    # when
    centre.entry().get_by_role("button", name="订阅").click()

    # then: gone here and on the next page
    expect(centre.entry()).to_have_count(0)
    screen.get_by_test_id("way-purchases").click()
    expect(screen.get_by_text("还没有消费记录")).to_be_visible()
    expect(centre.entry()).to_have_count(0)
    assert centre.asked() == [[template]]

    # and a new visit does not ask either, while the list still offers it
    screen = centre.open("pages/receipt/index")
    expect(screen.get_by_text("还没有消费记录")).to_be_visible()
    expect(centre.entry()).to_have_count(0)
    screen = centre.open("pages/subscribe/index")
    expect(screen.get_by_test_id("notice")).to_contain_text("会员消费")
    centre.shop.settle()
    assert credits(centre.shop, lin)[template] == (0, 0)


@pytest.mark.covers("S1-85")
def test_with_the_main_switch_off_the_page_tells_how_to_switch_it_on(centre: Centre, lin: UUID) -> None:
    enable(centre.shop, "consumption")
    centre.shop.stage.sim.post("/_sim/setting", {"person": LIN, "app": MINI, "main_switch": False})
    centre.open("pages/receipt/index")
    centre.entry().get_by_role("button", name="订阅").click()
    expect(centre.entry().get_by_role("status")).to_contain_text(
        "您关闭了订阅消息。请在小程序右上角“…”>“设置”>“订阅消息”中打开后再试。"
    )
    centre.shop.settle()
    assert credits(centre.shop, lin) == {}


@pytest.mark.covers("S1-76")
def test_an_answer_that_could_not_be_reported_is_reported_again_and_counts_once(
    centre: Centre, lin: UUID, watch: Watch
) -> None:
    watch.allow("net::ERR_FAILED")
    template = enable(centre.shop, "consumption")
    reports: list[str] = []

    def lose_the_first_answer(route: Route) -> None:
        reports.append(route.request.post_data_json["report_id"])
        if len(reports) > 1:
            route.continue_()
            return
        route.fetch()  # the server has it, but the answer is lost
        route.abort()

    centre.page.route(ANSWERED, lose_the_first_answer)
    centre.open("pages/receipt/index")
    centre.entry().get_by_role("button", name="订阅").click()
    expect(centre.entry()).to_contain_text("还可收到 1 条")
    assert len(reports) == 2
    assert reports[0] == reports[1]
    centre.shop.settle()
    assert credits(centre.shop, lin) == {template: (1, 1)}


@pytest.mark.covers("S1-73")
def test_subscriptions_belong_to_who_gave_them(centre: Centre, lin: UUID) -> None:
    enable(centre.shop, "consumption")
    centre.open("pages/subscribe/index")
    centre.screen.get_by_test_id("notice").get_by_role("button", name="订阅").click()
    expect(centre.screen.get_by_test_id("notice")).to_contain_text("还可收到 1 条")
    screen = centre.open("pages/subscribe/index", person=CHEN)
    expect(screen.get_by_test_id("notice")).to_contain_text("还可收到 0 条")
