"""What the member centre shows of a member's card, money, points, coupons and purchases."""

import re
from uuid import UUID

import pytest
from playwright.sync_api import expect

from tests.browser.member.kit import Centre
from tests.browser.stage import LIN, Refused
from tests.shop import whole_rules

SPEND = re.compile(r"^\d{4} \d{4} \d{4} \d{4} \d\d$")


def recharge(centre: Centre, paid_fen: int, till_no: str = "R-1") -> UUID:
    row = {"store": "S01", "till_no": till_no, "card_no": "6088000001", "paid_fen": paid_fen}
    return UUID(centre.shop.till().post("/api/v1/recharges", row)["id"])


def coupon_template(centre: Centre, **terms: object) -> str:
    body = {
        "name": "满30减5元券",
        "kind": "cash",
        "total": 2,
        "amount_fen": 500,
        "threshold_fen": 3000,
        "valid_days": 30,
    }
    template_id = str(centre.shop.api.post("/api/console/coupons/templates", body | terms)["id"])
    centre.shop.api.post(f"/api/console/coupons/templates/{template_id}/on")
    return template_id


@pytest.mark.covers("S1-87")
def test_the_home_page_shows_the_card_and_what_is_on_it(centre: Centre, lin: UUID) -> None:
    # given
    gifts = [{"from_fen": 10000, "gift_fen": 1000}]
    levels = [{"code": "normal", "name": "普通会员"}, {"code": "gold", "name": "金卡会员", "growth": 20}]
    centre.shop.api.put("/api/console/loyalty/rules", whole_rules(gift_tiers=gifts, levels=levels))
    recharge(centre, 10000)
    centre.shop.buys(LIN, 2500, balance_fen=2500)
    template = coupon_template(centre)
    centre.shop.api.post("/api/console/coupons/issue", {"card_no": "6088000001", "template_id": template, "key": "k"})

    # when
    screen = centre.open()

    # then
    card = screen.get_by_role("region", name="会员卡")
    expect(card).to_contain_text("林小满")
    expect(card).to_contain_text("金卡会员")
    expect(card).to_contain_text("6088 0000 01")
    expect(screen.get_by_test_id("points")).to_have_text("25积分")
    expect(screen.get_by_test_id("balance")).to_have_text("¥85.00余额")
    expect(screen.get_by_test_id("coupons")).to_have_text("1优惠券")
    names = ["储值充值", "消费码", "优惠券", "积分", "余额", "消费记录"]
    expect(screen.locator(".way")).to_have_text(names)
    assert [call["text"] for call in centre.calls("title")][-1] == "会员中心"
    centre.shoot("home")

    # when: the code is enlarged, and put away
    card.get_by_role("button", name="会员码").click()
    sheet = screen.get_by_role("dialog", name="会员码")
    expect(sheet.get_by_role("img", name="会员卡二维码")).to_be_visible()
    expect(sheet).to_contain_text("6088 0000 01")
    centre.shoot("home-code")
    sheet.get_by_role("button", name="关闭").click()
    expect(sheet).to_have_count(0)


@pytest.mark.covers("S1-87")
def test_recharging_is_explained_and_the_code_for_the_till_is_at_hand(centre: Centre, lin: UUID) -> None:
    recharge(centre, 12345)
    screen = centre.open("pages/recharge/index")
    expect(screen.get_by_test_id("total")).to_have_text("¥123.45")
    expect(screen.get_by_text("线上充值还未开放，目前请到店充值")).to_be_visible()
    centre.shoot("recharge")
    screen.get_by_role("button", name="出示会员码").click()
    expect(screen.get_by_role("dialog", name="会员码")).to_contain_text("6088 0000 01")


@pytest.mark.covers("S1-87")
def test_the_spend_code_works_at_the_till_once(centre: Centre, lin: UUID) -> None:
    # given
    recharge(centre, 5000)
    screen = centre.open("pages/spend-code/index")
    digits = screen.get_by_test_id("digits")
    expect(digits).to_have_text(SPEND)
    expect(screen.get_by_role("img", name="储值卡消费码二维码")).to_be_visible()
    expect(screen.get_by_role("timer")).to_have_text(re.compile(r"^\d\d 秒后自动更新$"))
    expect(screen.get_by_test_id("total")).to_have_text("¥50.00")
    centre.shoot("spend-code")
    code = digits.inner_text().replace(" ", "")

    # when
    till = centre.shop.till()
    used = till.post(f"/api/v1/spend-codes/{code}/use", {"store": "S01", "till_no": "T-1"})

    # then
    assert (used["card_no"], used["name"]) == ("6088000001", "林小满")
    with pytest.raises(Refused):
        till.post(f"/api/v1/spend-codes/{code}/use", {"store": "S01", "till_no": "T-2"})


@pytest.mark.covers("S1-87")
def test_the_spend_code_changes_by_a_tap_and_before_it_ends(centre: Centre, lin: UUID) -> None:
    # given
    centre.page.clock.install()
    screen = centre.open("pages/spend-code/index")
    digits = screen.get_by_test_id("digits")
    expect(digits).to_have_text(SPEND)
    first = digits.inner_text()

    # when: by a tap
    screen.get_by_role("button", name="立即更新").click()
    expect(digits).not_to_have_text(first)
    second = digits.inner_text()

    # then: the old one is worth nothing
    with pytest.raises(Refused):
        body = {"store": "S01", "till_no": "T-1"}
        centre.shop.till().post(f"/api/v1/spend-codes/{first.replace(' ', '')}/use", body)

    # when: nearly a minute passes
    centre.page.clock.run_for(50_000)
    expect(digits).to_have_text(second)
    centre.page.clock.run_for(6_000)
    expect(digits).not_to_have_text(second)
    expect(digits).to_have_text(SPEND)

    # when: the page is left, no more codes are made
    screen.get_by_role("button", name="返回会员中心").click()
    expect(screen.get_by_test_id("points")).to_be_visible()
    made: list[str] = []
    centre.page.on("request", lambda request: made.append(request.url))
    centre.page.clock.run_for(120_000)
    assert [url for url in made if "spend-codes" in url] == []


@pytest.mark.covers("S1-87")
def test_a_coupon_is_claimed_found_and_shown(centre: Centre, lin: UUID) -> None:
    # given
    coupon_template(centre)
    coupon_template(centre, name="生日赠饮券", kind="gift", amount_fen=0, threshold_fen=0, total=1, note="限到店自取")
    screen = centre.open("pages/coupon/index")
    offers = screen.get_by_test_id("offer")
    expect(offers).to_have_count(2)
    offer = offers.filter(has_text="满30减5元券")
    expect(offer).to_have_text(re.compile("^¥5满30减5元券满 30 元可用 · 每单限用 1 张 · 领取后 30 天内有效领取$"))
    expect(screen.get_by_test_id("coupon")).to_have_count(0)
    expect(screen.get_by_text("这里还没有优惠券")).to_be_visible()

    # when
    offer.get_by_role("button", name="领取").click()

    # then
    expect(offer.get_by_role("button")).to_have_text("已领取")
    mine = screen.get_by_test_id("coupon")
    expect(mine).to_have_count(1)
    expect(mine).to_contain_text("满30减5元券")
    centre.shoot("coupons")

    # when
    mine.click()

    # then
    [coupon] = centre.shop.api.get(f"/api/console/coupons/members/{lin}")["items"]
    expect(screen.get_by_test_id("code")).to_have_text(coupon["code"])
    expect(screen.get_by_role("img", name="优惠券二维码")).to_be_visible()
    centre.shoot("coupon")

    # when: it is used at the till
    centre.shop.till().post(f"/api/v1/coupons/{coupon['code']}/redeem", {"order_fen": 5000})
    screen = centre.open("pages/coupon/index")
    expect(screen.get_by_test_id("coupon")).to_have_count(0)
    screen.get_by_role("tab", name="已使用").click()
    screen.get_by_test_id("coupon").click()
    expect(screen.get_by_text("使用时间")).to_be_visible()
    expect(screen.get_by_test_id("code")).to_have_count(0)


def test_a_coupon_says_what_it_takes_off_at_most(centre: Centre, lin: UUID) -> None:
    """U-14: in the list of offers, among one's own, and beside the code that the till scans."""
    terms = {"kind": "discount", "discount_bp": 8500, "amount_fen": 3000, "note": "酒水除外"}
    template = coupon_template(centre, name="老友8.5折券", threshold_fen=0, **terms)
    centre.shop.api.post("/api/console/coupons/issue", {"card_no": "6088000001", "template_id": template, "key": "k"})
    screen = centre.open("pages/coupon/index")
    expect(screen.get_by_test_id("offer")).to_have_text(
        re.compile("^8.5折老友8.5折券无门槛 · 最多减 30 元 · 每单限用 1 张 · 领取后 30 天内有效酒水除外已领取$")
    )
    mine = screen.get_by_test_id("coupon")
    expect(mine).to_contain_text("8.5折")
    expect(mine.get_by_test_id("limits")).to_have_text("无门槛 · 最多减 30 元 · 每单限用 1 张")
    mine.click()
    expect(screen.get_by_role("img", name="优惠券二维码")).to_be_visible()
    expect(screen.get_by_test_id("limits").locator("visible=true")).to_have_text(
        "无门槛 · 最多减 30 元 · 每单限用 1 张"
    )
    expect(screen.get_by_text("酒水除外").locator("visible=true")).to_be_visible()


@pytest.mark.covers("S1-87")
def test_receipts_balance_and_points_tell_each_movement(centre: Centre, lin: UUID) -> None:
    # given
    centre.shop.api.put("/api/console/loyalty/rules", whole_rules(gift_tiers=[{"from_fen": 10000, "gift_fen": 1000}]))
    recharge(centre, 10000)
    items = [{"name": "明前龙井", "count": 2, "price_fen": 2800}]
    centre.shop.buys(LIN, 5600, balance_fen=5500, till_no="T-0042", items=items, occurred_at="2026-11-21T06:32:00Z")

    # when / then
    screen = centre.open("pages/receipt/index")
    purchase = screen.get_by_test_id("purchase")
    expect(purchase).to_have_text("南门店2026-11-21 14:32¥56.00")
    centre.shoot("receipts")
    purchase.click()
    expect(screen.get_by_test_id("total")).to_have_text("¥56.00")
    expect(screen.get_by_test_id("item")).to_have_text("明前龙井×2¥56.00")
    expect(screen.get_by_test_id("paid-balance")).to_have_text("¥55.00")
    expect(screen.get_by_test_id("earned")).to_have_text("+56")
    expect(screen.get_by_test_id("till-no")).to_have_text("T-0042")
    centre.shoot("receipt")

    screen = centre.open("pages/balance/index")
    expect(screen.get_by_test_id("total")).to_have_text("¥55.00")
    expect(screen.get_by_test_id("principal")).to_have_text("¥50.00")
    expect(screen.get_by_test_id("gift")).to_have_text("¥5.00")
    records = screen.get_by_test_id("record")
    expect(records).to_have_count(2)
    expect(records.nth(0)).to_have_text(re.compile("^消费.*本金 -50.00，赠送金 -5.00-55.00$"))
    expect(records.nth(1)).to_have_text(re.compile(r"^充值.*本金 \+100.00，赠送金 \+10.00\+110.00$"))
    centre.shoot("balance")

    screen = centre.open("pages/points/index")
    expect(screen.get_by_test_id("total")).to_have_text("56")
    expect(screen.get_by_test_id("record")).to_have_text(re.compile(r"^消费.*变动后 56\+56$"))
    centre.shoot("points")


@pytest.mark.covers("S1-87")
def test_a_long_list_of_purchases_goes_on_where_it_is_scrolled_to(centre: Centre, lin: UUID) -> None:
    till = centre.shop.till()
    rows = [{"store": "S01", "till_no": f"T-{n}", "card_no": "6088000001", "total_fen": 100 + n} for n in range(25)]
    till.post("/api/v1/purchases/batch", {"purchases": rows})
    screen = centre.open("pages/receipt/index")
    expect(screen.get_by_test_id("purchase")).to_have_count(20)
    screen.get_by_test_id("purchase").last.scroll_into_view_if_needed()
    expect(screen.get_by_test_id("purchase")).to_have_count(25)
    expect(screen.get_by_role("button", name="加载更多")).to_have_count(0)
