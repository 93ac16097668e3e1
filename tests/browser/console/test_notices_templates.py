"""Subscription messages: opening the function, my templates, adding one from the public library, proposing one."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.console.notices_kit import DOOR, MINI, add_template, connect_mini, live, mine, phone, row_of, saved
from tests.browser.mallshop import grant
from tests.browser.stage import Shop, Stage
from tests.browser.watch import login

AT_REST = "() => ![...document.querySelectorAll('.box li')].some(row => row.getAnimations().length)"
COLUMNS = ["序号", "模板ID", "模板标题", "模板内容", "内容示例", "模板类型", "枚举值范围", "操作"]


def adding(page: Page, stage: Stage, shop: Shop) -> Locator:
    """The open dialog 添加模板."""
    login(page, stage, shop.admin, "/my-templates")
    page.get_by_role("button", name="添加模板").click()
    return page.get_by_role("dialog", name="添加模板")


def take(page: Page, dialog: Locator, title: str) -> None:
    """Search a public template and choose it."""
    dialog.get_by_role("textbox", name="输入模板标题的关键词").fill(title)
    dialog.get_by_role("button", name=f"选用 {title}").click()
    expect(dialog.get_by_role("region", name="模板关键词").get_by_role("listitem")).not_to_have_count(0)


def names(dialog: Locator, side: str) -> Locator:
    return dialog.get_by_role("region", name=side).get_by_role("listitem").locator("label")


def mark(dialog: Locator, *keywords: str) -> None:
    for keyword in keywords:
        dialog.get_by_role("checkbox", name=re.compile(f"^{keyword}")).check()


def drag(page: Page, what: Locator, to: Locator, *, down: float = 24) -> None:
    """Take it by its grip and let it go over `to`, once what was moved before has come to rest."""
    expect(page.locator(".sortable-ghost, .sortable-fallback")).to_have_count(0)
    what.hover(position={"x": 14, "y": 16})
    start, end = what.bounding_box(), to.bounding_box()
    assert start and end
    page.mouse.down()
    page.mouse.move(start["x"] + 30, start["y"] + start["height"] / 2 + 6, steps=4)
    # Rows that make room are no targets while they move: a hand waits for them too.
    for nudge in (0, 2, 4):
        page.mouse.move(end["x"] + end["width"] / 2 + nudge, end["y"] + down, steps=14)
        page.wait_for_function(AT_REST)
    page.mouse.up()


@pytest.mark.covers("S1-30", "S1-32")
def test_the_function_is_opened_per_mini_program_and_later_steps_wait_for_it(
    stage: Stage, shop: Shop, page: Page
) -> None:
    login(page, stage, shop.admin, "/notices")
    menu = page.get_by_role("navigation", name="主菜单")
    expect(menu.get_by_text("微平台", exact=True)).to_be_visible()
    expect(menu.get_by_text("微平台管理")).to_be_visible()
    menu.get_by_role("link", name="会员订阅消息推送").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("会员订阅消息推送")
    expect(page.get_by_text("还没有连接小程序")).to_be_visible()
    expect(page.get_by_role("link", name="去连接小程序")).to_have_attribute("href", "/console/connections")

    shop.connect()
    page.reload()
    expect(page.get_by_text("未开通", exact=True)).to_be_visible()
    expect(page.get_by_text("尚未开通")).to_have_count(9)
    page.goto(f"{stage.console}/my-templates")
    expect(page.get_by_role("button", name="添加模板")).to_be_disabled()
    page.goto(f"{stage.console}/subscribe-push")
    page.get_by_role("main").get_by_role("button", name="开通", exact=True).click()
    asked = page.get_by_role("dialog", name="为“会达小店会员中心”开通订阅消息")
    asked.get_by_role("button", name="取消").click()
    expect(asked).to_be_hidden()
    [app] = [one for one in shop.api.get("/api/console/connections")["items"] if one["app_id"] == MINI]
    assert app["subscribe_open"] is False
    page.get_by_role("main").get_by_role("button", name="开通", exact=True).click()
    asked.get_by_role("button", name="开通", exact=True).click()
    expect(page.get_by_text("已开通", exact=True)).to_be_visible()
    [app] = [one for one in shop.api.get("/api/console/connections")["items"] if one["app_id"] == MINI]
    assert app["subscribe_open"] is True
    expect(page.get_by_role("link", name="启用订阅 会员消费", exact=True)).to_be_visible()


@pytest.mark.covers("S1-31")
def test_what_to_read_before_use_says_how_the_function_is_opened(stage: Stage, shop: Shop, page: Page) -> None:
    login(page, stage, shop.admin, "/subscribe-push")
    page.get_by_role("button", name="使用前必读").click()
    guide = page.get_by_role("dialog", name="使用前必读：开通订阅消息")
    expect(guide.get_by_role("heading", level=3)).to_have_text(
        ["登录微信小程序后台", "设置服务类目", "启用订阅消息", "连接小程序", "在本页点“开通”", "添加模板", "启用场景"]
    )
    expect(guide).to_contain_text("打开 mp.weixin.qq.com，由会员中心小程序的管理员用微信扫码登录。")
    expect(guide).to_contain_text("在左侧菜单「功能」→「订阅消息」中点击启用。")


@pytest.mark.covers("S1-34", "S1-35", "S1-36", "S1-37", "S1-38", "S1-39", "S1-40")
def test_my_templates_are_listed_as_wechat_has_them(stage: Stage, shop: Shop, page: Page) -> None:
    connect_mini(shop)
    template_id = add_template(shop, "自动签收提醒", ["签收时间", "提醒时间", "订单编号"])
    add_template(shop, "订单状态通知", ["订单编号", "订单状态"])
    login(page, stage, shop.admin, "/subscribe-push")
    page.get_by_role("link", name="我的订阅消息模板").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("我的订阅消息模板")
    expect(page.get_by_role("columnheader")).to_have_text(COLUMNS)
    cells = row_of(page, template_id).get_by_role("cell")
    expect(cells.nth(2)).to_have_text("自动签收提醒")
    expect(cells.nth(3)).to_have_text(
        "签收时间:{{date1.DATA}}\n提醒时间:{{date3.DATA}}\n订单编号:{{character_string2.DATA}}"
    )
    expect(cells.nth(4)).to_contain_text("订单编号:20201025150100001")
    expect(cells.nth(5)).to_have_text("一次性订阅")
    expect(cells.nth(6)).to_have_text("–")
    expect(row_of(page, "订单状态通知").get_by_role("cell").nth(6)).to_contain_text("待付款 / 待自提 / 已完成 / 已取消")


def test_a_sync_tells_what_is_new_and_what_is_gone(stage: Stage, shop: Shop, page: Page) -> None:
    connect_mini(shop)
    login(page, stage, shop.admin, "/my-templates")
    page.get_by_role("button", name="从微信同步").click()
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"同步完成：共 \d+ 个模板，新增 0 个，减少 0 个。"))


@pytest.mark.covers("S1-42", "S1-43")
def test_deleting_a_template_in_use_names_the_scenarios_that_will_stop(stage: Stage, shop: Shop, page: Page) -> None:
    shop.open_for_business()
    template_id = saved(shop, "consumption", "subscribe")["template_id"]
    login(page, stage, shop.admin, "/my-templates")
    page.get_by_role("button", name="删除 会员消费通知").click()
    asked = page.get_by_role("dialog", name="删除模板“会员消费通知”")
    expect(asked).to_contain_text("「会员消费」正在使用这个模板。删除后，这些场景会停止推送，微信侧也会一并删除。")
    asked.get_by_role("button", name="取消").click()
    expect(asked).to_be_hidden()
    assert [one["template_id"] for one in mine(shop)] == [template_id]
    assert live(shop)["consumption"] == "subscribe"

    page.get_by_role("button", name="删除 会员消费通知").click()
    asked.get_by_role("button", name="停止场景并删除").click()
    expect(page.get_by_role("status")).to_have_text("模板“会员消费通知”已删除，「会员消费」已停止推送。")
    assert mine(shop) == []
    assert live(shop) == {"recharge": "sms", "points_change": "template"}
    page.goto(f"{stage.console}/notices")
    expect(row_of(page, "会员消费")).to_contain_text("已暂停")
    expect(row_of(page, "会员消费")).to_contain_text("订阅消息: 所用模板已被删除")


@pytest.mark.covers("S1-52", "S1-53", "S1-64")
def test_the_library_is_searched_while_one_types(stage: Stage, shop: Shop, page: Page) -> None:
    connect_mini(shop)
    dialog = adding(page, stage, shop)
    expect(dialog.get_by_text("选择公共模板")).to_be_visible()
    expect(dialog.get_by_role("button", name="刷新")).to_be_visible()
    expect(dialog.get_by_role("columnheader")).to_have_text(["标题", "常用关键词", "服务类目", "操作"])
    expect(dialog.get_by_role("status").filter(has_text="共")).to_have_text("共 22 个")
    dialog.get_by_role("textbox", name="输入模板标题的关键词").press_sequentially("消费")
    expect(dialog.get_by_role("status").filter(has_text="共")).to_have_text("共 2 个")
    cells = row_of(page, "储值卡消费通知").get_by_role("cell")
    expect(cells.nth(1)).to_have_text("卡号、温馨提示、消费时间、消费金额、账户余额")
    expect(cells.nth(2)).to_have_text("工具>会员卡")
    expect(cells.nth(3)).to_have_text("选用")


@pytest.mark.covers("S1-54", "S1-55", "S1-58", "S1-59", "S1-60")
def test_keywords_are_dragged_over_and_their_order_is_that_of_the_card(stage: Stage, shop: Shop, page: Page) -> None:
    connect_mini(shop)
    dialog = adding(page, stage, shop)
    take(page, dialog, "充值成功通知")
    right = dialog.get_by_role("region", name="已选关键词").locator("ul")
    left = dialog.get_by_role("region", name="模板关键词").get_by_role("listitem")
    drag(page, left.filter(has_text="充值时间"), right)
    expect(names(dialog, "已选关键词")).to_have_text(["充值时间time3"])
    drag(page, left.filter(has_text="充值金额"), right, down=180)
    expect(names(dialog, "已选关键词")).to_have_text(["充值时间time3", "充值金额amount1"])
    drag(page, left.filter(has_text="账户余额"), right, down=180)
    expect(names(dialog, "已选关键词")).to_have_text(["充值时间time3", "充值金额amount1", "账户余额amount4"])
    chosen = right.get_by_role("listitem")
    drag(page, chosen.filter(has_text="账户余额"), chosen.filter(has_text="充值时间"), down=6)
    expect(names(dialog, "已选关键词")).to_have_text(["账户余额amount4", "充值时间time3", "充值金额amount1"])
    expect(phone(page)).to_contain_text(re.compile("充值成功通知.*账户余额.*充值时间.*充值金额", re.S))
    drag(page, chosen.filter(has_text="充值金额"), dialog.get_by_role("region", name="模板关键词").locator("ul"))
    expect(names(dialog, "已选关键词")).to_have_text(["账户余额amount4", "充值时间time3"])
    dialog.get_by_label("服务场景描述").fill("充值后通知余额")
    dialog.get_by_role("button", name="保存").click()
    expect(dialog).to_be_hidden()
    [row] = mine(shop)
    assert (row["title"], row["scene"]) == ("充值成功通知", "充值后通知余额")
    assert [field["label"] for field in row["fields"]] == ["账户余额", "充值时间"]
    expect(row_of(page, "充值成功通知")).to_be_visible()


@pytest.mark.covers("S1-56", "S1-57", "S1-58")
def test_keywords_are_chosen_and_ordered_with_the_keyboard(stage: Stage, shop: Shop, page: Page) -> None:
    connect_mini(shop)
    dialog = adding(page, stage, shop)
    take(page, dialog, "会员消费通知")
    add, remove = dialog.get_by_role("button", name="添加"), dialog.get_by_role("button", name="移除")
    expect(add).to_be_disabled()
    for keyword in ("会员姓名", "消费金额", "卡号"):
        dialog.get_by_role("checkbox", name=re.compile(f"^{keyword}")).press("Space")
    add.press("Enter")
    expect(names(dialog, "已选关键词")).to_have_text(["会员姓名thing1", "消费金额amount2", "卡号character_string4"])
    expect(dialog.get_by_text("3/5 个，顺序即卡片显示顺序")).to_be_visible()
    dialog.get_by_role("button", name="上移“卡号”").press("Enter")
    expect(dialog.get_by_role("button", name="上移“卡号”")).to_be_focused()
    page.keyboard.press("Enter")
    expect(names(dialog, "已选关键词")).to_have_text(["卡号character_string4", "会员姓名thing1", "消费金额amount2"])
    expect(dialog.get_by_role("button", name="上移“卡号”")).to_be_disabled()
    dialog.get_by_role("checkbox", name=re.compile("^消费金额")).press("Space")
    remove.press("Enter")
    expect(names(dialog, "已选关键词")).to_have_text(["卡号character_string4", "会员姓名thing1"])
    dialog.get_by_label("服务场景描述").fill("消费后通知会员")
    dialog.get_by_label("服务场景描述").press("Enter")
    expect(dialog).to_be_hidden()
    assert [field["label"] for field in mine(shop)[0]["fields"]] == ["卡号", "会员姓名"]


@pytest.mark.covers("S1-57", "S1-61")
def test_a_sixth_keyword_no_keyword_and_no_scene_are_refused_with_the_reason(
    stage: Stage, shop: Shop, page: Page
) -> None:
    connect_mini(shop)
    dialog = adding(page, stage, shop)
    take(page, dialog, "会员消费通知")
    dialog.get_by_label("服务场景描述").fill("消费后通知会员")
    dialog.get_by_role("button", name="保存").click()
    expect(dialog.get_by_role("alert")).to_have_text("请选择关键词")
    mark(dialog, "会员姓名", "消费金额", "消费时间", "卡号", "温馨提示", "消费门店")
    dialog.get_by_role("button", name="添加").click()
    expect(names(dialog, "已选关键词")).to_have_count(5)
    expect(names(dialog, "模板关键词")).to_have_text(["消费门店thing6"])
    expect(dialog.get_by_role("alert")).to_have_text("最多选择 5 个关键词，要换请先移除一个")
    drag(
        page, dialog.get_by_role("region", name="模板关键词").get_by_role("listitem"), names(dialog, "已选关键词").first
    )
    expect(names(dialog, "已选关键词")).to_have_count(5)
    dialog.get_by_label("服务场景描述").fill("")
    dialog.get_by_role("button", name="保存").click()
    expect(dialog.get_by_text("请填写场景说明")).to_be_visible()
    dialog.get_by_label("服务场景描述").fill("一二三四五六七八九十一二三四五六七八")
    expect(dialog.get_by_label("服务场景描述")).to_have_value("一二三四五六七八九十一二三四五")
    assert mine(shop) == []


@pytest.mark.covers("S1-60", "S1-62")
def test_cancelling_adds_nothing_and_the_same_template_twice_is_reported(stage: Stage, shop: Shop, page: Page) -> None:
    connect_mini(shop)
    kept = add_template(shop, "会员消费通知", ["会员姓名", "消费金额"])
    dialog = adding(page, stage, shop)
    take(page, dialog, "会员消费通知")
    mark(dialog, "会员姓名", "消费金额")
    dialog.get_by_role("button", name="添加").click()
    dialog.get_by_label("服务场景描述").fill("消费后通知会员")
    dialog.get_by_role("button", name="保存").click()
    expect(dialog.get_by_role("alert")).to_have_text("已添加过相同的模板")
    mark(dialog, "卡号")
    dialog.get_by_role("button", name="添加").click()
    dialog.get_by_role("button", name="取消").click()
    expect(dialog).to_be_hidden()
    assert [one["template_id"] for one in mine(shop)] == [kept]
    page.get_by_role("button", name="添加模板").click()
    expect(dialog.get_by_role("columnheader").first).to_have_text("标题")


@pytest.mark.covers("S1-63", "S1-65", "S1-66", "S1-67")
def test_what_the_library_lacks_can_be_proposed(stage: Stage, shop: Shop, page: Page) -> None:
    connect_mini(shop)
    dialog = adding(page, stage, shop)
    expect(dialog.get_by_role("button", name="选用 会员消费通知", exact=True)).to_be_visible()
    expect(dialog.get_by_role("button", name="帮助我们完善模板库")).to_have_count(0)
    dialog.get_by_role("textbox", name="输入模板标题的关键词").fill("12345678")
    expect(dialog.get_by_text("公共模板库里没有找到“12345678”")).to_be_visible()
    sign_in = dialog.get_by_role("link", name="扫码登录微信公众平台")
    expect(sign_in).to_have_attribute("href", shop.api.get(f"{DOOR}/library", keyword="12345678")["wechat_console"])
    expect(sign_in).to_have_attribute("target", "_blank")
    dialog.get_by_role("button", name="帮助我们完善模板库").click()
    form = page.get_by_role("dialog", name="帮助我们完善模板库")
    form.get_by_role("button", name="提交申请").click()
    expect(form.get_by_text("请填写完整")).to_be_visible()
    assert shop.api.get(f"{DOOR}/proposals")["items"] == []
    form.get_by_label("模板标题").fill("茶会预约提醒")
    for keyword in ("茶会名称", "开始时间"):
        form.get_by_label("关键词").fill(keyword)
        form.get_by_label("关键词").press("Enter")
    form.get_by_label("服务场景描述").fill("茶会开始前提醒报名的会员")
    form.get_by_role("button", name="提交申请").click()
    expect(form).to_be_hidden()
    row = row_of(page, "茶会预约提醒")
    expect(row).to_contain_text("已提交")
    row.get_by_role("button", name="微信已受理").click()
    expect(row).to_contain_text("审核中")
    row.get_by_role("button", name="登记驳回").click()
    refusal = page.get_by_role("dialog", name="登记驳回")
    refusal.get_by_role("button", name="保存").click()
    expect(refusal.get_by_text("请填写此项")).to_be_visible()
    refusal.get_by_label("驳回原因").fill("与已有模板重复")
    refusal.get_by_role("button", name="保存").click()
    expect(row).to_contain_text("已驳回")
    expect(row).to_contain_text("与已有模板重复")
    [kept] = shop.api.get(f"{DOOR}/proposals")["items"]
    assert (kept["title"], kept["keywords"], kept["state"], kept["reason"]) == (
        "茶会预约提醒",
        ["茶会名称", "开始时间"],
        "rejected",
        "与已有模板重复",
    )


def test_who_looks_for_changes_too_often_is_told_when_it_can_be_done_again(
    stage: Stage, shop: Shop, page: Page
) -> None:
    grant(shop)
    for _ in range(4):
        shop.api.post(f"{DOOR}/drift")
    login(page, stage, shop.admin, "/notify/templates")
    look = page.get_by_role("button", name="立即检查模板")
    look.click()
    expect(page.get_by_text("正在检查，发现变化会暂停相关通知")).to_be_visible()
    look.click()
    expect(page.get_by_text(re.compile(r"^模板刚刚检查过，请在 \d+ 秒后再检查$"))).to_be_visible()
    expect(look).to_be_enabled()
