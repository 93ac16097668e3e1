"""The whole of a member's record in the console: another card, two records of one person, leaving, being erased."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.console.pages import agree, dialog, field, pick_member, told, wider_than_screen
from tests.browser.stage import CHEN, LIN, Shop, Stage
from tests.browser.watch import login


def more(page: Page, item: str) -> None:
    """Choose something under 更多."""
    page.get_by_role("button", name="更多").click()
    page.get_by_role("menuitem", name=item).click()


@pytest.mark.covers("G-25")
def test_two_records_of_one_person_are_merged_and_taken_apart_again(stage: Stage, shop: Shop, page: Page) -> None:
    # given: one person with two cards
    shop.store()
    stays, goes = shop.member(LIN), shop.member(CHEN)
    shop.buys(LIN, 6000)
    shop.buys(CHEN, 8000)
    login(page, stage, shop.admin, f"/members/{stays}")

    # when: the other record is found and compared
    more(page, "合并会员")
    form = dialog(page, "合并会员")
    pick_member(page, form, shop.cards[CHEN], "陈一鸣")
    expect(form.get_by_role("row", name="积分")).to_contain_text("60")
    expect(form.get_by_role("row", name="积分")).to_contain_text("80")
    expect(form.get_by_role("row", name="卡号")).to_have_text(f"卡号{shop.cards[LIN]}{shop.cards[CHEN]}")
    form.get_by_role("button", name="换一换").click()
    expect(form.get_by_role("row", name="卡号")).to_have_text(f"卡号{shop.cards[CHEN]}{shop.cards[LIN]}")
    form.get_by_role("button", name="换一换").click()
    expect(form).to_contain_text(f"都归到“林小满”（卡号 {shop.cards[LIN]}）名下")
    form.get_by_role("button", name="合并会员").click()

    # then: one member has both
    told(page, "已合并")
    expect(page.locator(".member-card dd").first).to_have_text("140")
    expect(page.get_by_role("status").filter(has_text=f"并入了“陈一鸣”（卡号 {shop.cards[CHEN]}）")).to_be_visible()
    expect(page.get_by_text("其他可用卡号")).to_be_visible()
    shop.buys(CHEN, 1000)
    page.reload()
    expect(page.locator(".member-card dd").first).to_have_text("150")
    expect(page.get_by_text(f"并入卡号 {shop.cards[CHEN]} 的资料")).to_be_visible()

    # then: the other record leads here
    page.goto(f"{stage.console}/members/{goes}")
    expect(page.get_by_role("button", name="更多")).to_have_count(0)
    page.get_by_role("status").get_by_role("button", name="打开").click()
    expect(page.get_by_role("heading", name="林小满")).to_be_visible()

    # when
    page.get_by_role("button", name="撤销合并").click()
    expect(page.locator(".el-message-box")).to_contain_text(f"“陈一鸣”（卡号 {shop.cards[CHEN]}）")
    agree(page, "撤销合并")

    # then: apart again; what was bought since stays
    told(page, "已撤销合并")
    expect(page.locator(".member-card dd").first).to_have_text("70")
    expect(page.get_by_role("button", name="撤销合并")).to_have_count(0)
    page.goto(f"{stage.console}/members/{goes}")
    expect(page.locator(".member-card dd").first).to_have_text("80")


def test_a_lost_card_is_replaced(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    member_id = shop.member(LIN)
    login(page, stage, shop.admin, f"/members/{member_id}")

    # when
    more(page, "换卡")
    form = dialog(page, "更换卡号")
    expect(form).to_contain_text(shop.cards[LIN])
    field(form, "新卡号").fill("88880001")
    form.get_by_role("button", name="换卡").click()

    # then
    told(page, "新卡号是 88880001")
    expect(page.locator(".member-card")).to_contain_text("88880001")
    expect(page.locator("dd").filter(has_text=f"{shop.cards[LIN]}（遗失）")).to_be_visible()

    # then: the old number finds the member
    page.goto(f"{stage.console}/members?q={shop.cards[LIN]}")
    expect(page.locator(".el-table__body-wrapper tbody tr")).to_contain_text("88880001")


def test_a_member_leaves_and_is_erased(stage: Stage, shop: Shop, page: Page) -> None:
    # given: ¥50 and 25 points
    shop.store()
    member_id = shop.member(LIN)
    shop.buys(LIN, 2500)
    recharge = {"store": "S01", "till_no": "R-1", "card_no": shop.cards[LIN], "paid_fen": 5000}
    shop.till().post("/api/v1/recharges", recharge)
    login(page, stage, shop.admin, f"/members/{member_id}")

    # when: it must be agreed, and said how the money is paid out
    more(page, "退会")
    form = dialog(page, "办理退会")
    for words, amount in (("储值本金（退还给会员）", "¥50.00"), ("积分（作废）", "25")):
        expect(form.locator("dt", has_text=words).locator("xpath=following-sibling::dd[1]")).to_have_text(amount)
    expect(form.get_by_role("button", name="退会")).to_be_disabled()
    form.get_by_text("已核对以上数额，并已把 ¥50.00 退给“林小满”").click()
    form.get_by_role("button", name="退会").click()
    expect(form.locator(".el-form-item__error")).to_have_text("请选择退款方式")
    form.get_by_text("现金", exact=True).click()
    form.get_by_role("button", name="退会").click()

    # then
    told(page, "已退会")
    expect(page.get_by_role("status").filter(has_text="退会")).to_be_visible()
    expect(page.get_by_text("退会：退还储值 ¥50.00（现金）")).to_be_visible()
    expect(page.get_by_role("button", name="修改资料")).to_have_count(0)

    # when
    more(page, "删除个人信息")
    form = dialog(page, "删除个人信息")
    field(form, f"输入卡号 {shop.cards[LIN]} 确认").fill("123")
    form.get_by_role("button", name="删除个人信息").click()
    expect(form.locator(".el-form-item__error")).to_have_count(1)
    field(form, f"输入卡号 {shop.cards[LIN]} 确认").fill(shop.cards[LIN])
    form.get_by_role("button", name="删除个人信息").click()

    # then
    told(page, "已删除个人信息")
    expect(page.get_by_role("heading", name="林小满")).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="个人信息已删除，只保留账目")).to_be_visible()
    expect(page.get_by_role("button", name="更多")).to_have_count(0)


def test_staff_without_the_right_see_no_menu(stage: Stage, shop: Shop, page: Page) -> None:
    member_id = shop.member(LIN)
    login(page, stage, shop.staff("store_staff"), f"/members/{member_id}")
    expect(page.get_by_role("heading", name="林小满")).to_be_visible()
    expect(page.get_by_role("button", name="更多")).to_have_count(0)


def test_dialogs_fit_a_phone(stage: Stage, shop: Shop, page: Page) -> None:
    # given
    page.set_viewport_size({"width": 390, "height": 800})
    member_id = shop.member(LIN)
    shop.member(CHEN)
    login(page, stage, shop.admin, f"/members/{member_id}")

    # then
    for item, title in (("合并会员", "合并会员"), ("退会", "办理退会"), ("换卡", "更换卡号")):
        more(page, item)
        form = dialog(page, title)
        if item == "合并会员":
            pick_member(page, form, shop.cards[CHEN], "陈一鸣")
            expect(form.get_by_role("row", name="卡号")).to_be_visible()
        box = form.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
        assert wider_than_screen(page) == 0
        form.get_by_role("button", name="取消").click()
        expect(form).to_have_count(0)
