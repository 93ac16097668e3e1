"""The whole story, as its people see it: a platform opens a merchant; the merchant goes through the checklist; a member
joins, subscribes and buys; the card arrives and opens the receipt; the credit is spent, and the next purchase says so."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import BrowserContext, FrameLocator, Locator, Page, expect

from huida import faces
from huida.demo import stage as demo
from tests.browser.console.pages import agree, dialog, field, told
from tests.browser.stage import LIN, Api, Shop, Stage
from tests.browser.watch import login
from tests.make import PASSWORD, number
from wesim import seed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    assert (faces.STATIC / "h5" / "index.html").exists(), "the member centre is not built: make faces"


def open_merchant(page: Page, stage: Stage, name: str, admin: str) -> int:
    """The platform's operator opens a merchant and grants the paid module; returns the merchant's number."""
    login(page, stage, stage.operator, "/platform/merchants")
    page.get_by_role("button", name="开通商户").first.click()
    form = dialog(page, "开通商户")
    for label, value in (
        ("商户全称", name),
        ("商户简称", name),
        ("登录账号", admin),
        ("姓名", "沈掌柜"),
        ("初始密码", PASSWORD),
    ):
        field(form, label).fill(value)
    form.get_by_role("button", name="开通").click()
    expect(page).to_have_url(re.compile(r"/platform/merchants/\d+$"))
    page.get_by_role("button", name="开通模块").first.click()
    dialog(page, "开通模块").get_by_role("button", name="确认开通").click()
    expect(page.get_by_role("button", name="关闭模块")).to_be_visible()
    tenant = int(page.url.rsplit("/", 1)[1])
    page.context.clear_cookies()
    return tenant


class Checklist:
    """The set-up checklist in the console."""

    def __init__(self, page: Page, stage: Stage) -> None:
        self.page = page
        self.address = f"{stage.console}/checklist"

    def take(self, place: int, title: str) -> None:
        """Follow the step that is next."""
        self.page.goto(self.address)
        step = self.page.locator("ol").first.locator("li").nth(place)
        expect(step).to_have_class("next")
        expect(step.locator("h3")).to_contain_text(title)
        step.get_by_role("link").click()
        expect(self.page).not_to_have_url(self.address)  # links of the next page may have the step's name

    def done(self, count: int) -> None:
        self.page.goto(self.address)
        expect(self.page.locator("ol").first.locator("li").filter(has_text="已完成")).to_have_count(count)


def connect_mini_program(page: Page, stage: Stage) -> None:
    page.get_by_role("link", name="连接小程序").click()
    field(page, "名称").fill("会达小店会员中心")
    field(page, "AppID").fill(seed.MINI_APPID)
    field(page, "AppSecret").fill(seed.MINI_SECRET)
    page.get_by_role("button", name="保存并继续").click()
    callback = page.get_by_text(f"{stage.url}/callbacks/wechat/").first
    expect(callback).to_be_visible()
    # What the wizard shows is entered at WeChat's side.
    expect(page.locator("main dd .mono")).to_have_count(3)
    url, token, aes_key = page.locator("main dd .mono").all_inner_texts()
    entered = {"url": url, "token": token, "aes_key": aes_key, "mode": "safe", "format": "xml", "verify": True}
    assert stage.sim.post(f"/_sim/apps/{seed.MINI_APPID}/callback", entered)["verified"] is True
    page.get_by_role("button", name="已填写，下一步").click()
    expect(page.locator('li[data-state="ok"]').first).to_be_visible()
    page.get_by_role("button", name="完成").click()


def add_template(page: Page) -> None:
    page.get_by_role("button", name="添加模板").click()
    form = page.get_by_role("dialog", name="添加模板")
    form.get_by_role("textbox", name="输入模板标题的关键词").fill("会员消费")
    form.get_by_role("button", name="选用 会员消费通知").click()
    for keyword in ("卡号", "消费金额", "消费时间"):
        form.get_by_role("checkbox", name=re.compile(f"^{keyword}")).check()
    form.get_by_role("button", name="添加", exact=True).click()
    field(form, "服务场景描述").fill("消费后告知会员")
    form.get_by_role("button", name="保存").click()
    expect(form).to_be_hidden()


def enable_consumption(page: Page) -> None:
    page.get_by_role("link", name="设置 会员消费", exact=True).click()
    page.get_by_role("radiogroup", name="推送渠道").get_by_text("订阅消息", exact=True).click()
    page.get_by_label("消息模板").click()
    page.get_by_role("option", name="会员消费通知").locator("visible=true").first.click()
    page.get_by_role("button", name="填入推荐内容").click()
    page.get_by_role("button", name="保存并启用订阅").click()
    expect(page.get_by_role("status")).to_contain_text("「订阅消息」已启用")


def make_key(page: Page) -> str:
    page.get_by_role("button", name="创建密钥").first.click()
    form = dialog(page, "创建密钥")
    field(form, "用途").fill("南门店收银台")
    form.get_by_role("button", name="创建").click()
    made = dialog(page, "密钥已创建")
    key = made.get_by_test_id("key").inner_text()
    made.get_by_role("button", name="我已保存").click()
    return key


@contextmanager
def phones_of(context: BrowserContext, stage: Stage, tenant: int, key: str) -> Iterator[Page]:
    """The simulator's page with this merchant's member centre in the phones and its key in the till."""
    around = demo.Stage(stage.url, None, None, demo.Doors(stage.sim_url))  # type: ignore[arg-type]
    demo.show_pages(around, tenant)
    demo.set_up_till(around, key)
    page = context.new_page()
    page.set_viewport_size({"width": 1580, "height": 1040})
    page.goto(stage.sim_url)
    expect(page.locator(".phone")).to_have_count(3)
    yield page
    page.close()


def holder(phones: Page) -> Locator:
    return phones.locator(f'.holder[data-person="{LIN}"]')


def mini(phones: Page) -> FrameLocator:
    return holder(phones).frame_locator('iframe[data-testid="mini"]')


def join(phones: Page) -> None:
    holder(phones).locator('[data-act="open"]').click()
    mini(phones).get_by_role("button", name=re.compile("手机号")).first.click()
    holder(phones).locator('[data-act="accept"]').click()
    expect(mini(phones).locator(".face")).to_be_visible()


def subscribe(phones: Page) -> None:
    mini(phones).get_by_test_id("subscribe-entry").get_by_role("button").click()
    holder(phones).locator('[data-act="accept"]').click()
    expect(mini(phones).get_by_test_id("subscribe-entry")).to_contain_text("1")


def sell(phones: Page, yuan: str) -> None:
    till = phones.get_by_test_id("till")
    till.locator('[data-key="till-yuan"]').fill(yuan)
    till.locator('[data-ring="0"]').click()
    expect(phones.get_by_test_id("till-answer")).to_contain_text("已记账")


@pytest.mark.covers("S1-63", "S1-68", "S1-69", "S1-70", "S1-73", "S1-76", "S1-78", "S1-86", "S1-90", "S1-91")
def test_from_a_new_merchant_to_the_first_message_and_the_spent_credit(
    stage: Stage, context: BrowserContext, page: Page
) -> None:
    stage.sim.post("/_sim/reset")
    admin = f"shen-{number()}"
    tenant = open_merchant(page, stage, "南山茶事", admin)
    page.goto(f"{stage.console}/login")
    field(page, "账号").fill(admin)
    field(page, "密码").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    expect(page.get_by_role("heading", name="开店清单：已完成 1/10 步")).to_be_visible()

    steps = Checklist(page, stage)
    steps.take(1, "添加门店")
    page.get_by_role("button", name="添加门店").first.click()
    form = dialog(page, "添加门店")
    field(form, "门店代码").fill("S01")
    field(form, "门店名称").fill("南门店")
    form.get_by_role("button", name="保存").click()
    told(page, "已保存")

    steps.take(2, "连接小程序")
    connect_mini_program(page, stage)
    steps.take(3, "开通订阅消息功能")
    page.goto(f"{stage.console}/connections/{seed.MINI_APPID}")
    page.get_by_role("button", name="确认已开通").click()
    agree(page, "确认已开通")
    told(page, "已开通")

    steps.take(4, "添加订阅消息模板")
    add_template(page)
    steps.take(5, "启用一个消息场景")
    enable_consumption(page)
    page.goto(f"{stage.console}/keys")
    key = make_key(page)
    steps.done(7)

    with phones_of(context, stage, tenant, key) as phones:
        join(phones)
        subscribe(phones)
        steps.done(9)
        sell(phones, "25.00")
        phone = holder(phones)
        expect(phone.get_by_test_id("banner")).to_have_text("服务通知会达小店会员中心：会员消费通知")
        expect(phone.get_by_test_id("bell")).to_have_attribute("data-rings", "1")
        phone.get_by_test_id("banner").click()
        card = phone.locator(".card")
        expect(card.locator("dt")).to_have_text(["消费金额", "消费时间", "卡号"])
        expect(card.locator("dd").first).to_have_text("25.00元")
        card.locator(".detail").click()
        expect(mini(phones).get_by_text("¥25.00")).to_be_visible()
        expect(mini(phones).get_by_text("南门店")).to_be_visible()
        phone.locator('[data-act="close"]').click()
        sell(phones, "18.00")
        expect(phone.get_by_test_id("bell")).to_have_attribute("data-rings", "1")

    page.goto(steps.address)
    expect(page.get_by_text("全部完成，消息推送已经可以正常使用")).to_be_visible()
    page.get_by_role("link", name="会员列表").click()
    page.locator(".el-table__body-wrapper tbody tr").first.click()
    page.get_by_role("tab", name="微信与订阅").click()
    credit = page.get_by_role("row").filter(has_text="会员消费通知")
    expect(credit.get_by_role("cell").filter(has_text=re.compile(r"^\d+$"))).to_have_text(["1", "1", "0"])
    page.get_by_role("tab", name="动态").click()
    second = page.get_by_role("listitem").filter(has_text="¥18.00")
    second.get_by_role("button", name="为什么没发").click()
    trace = page.locator("section.trace").first
    expect(trace).to_contain_text("会员消费")
    expect(trace).to_contain_text("会员没有剩余的订阅次数")
    api = Api(stage.url)
    me = api.post("/api/console/login", {"login": admin, "password": PASSWORD})
    api.http.headers["X-CSRF-Token"] = me["csrf_token"]
    Shop(stage, tenant, stage.operator).settle()  # WeChat's report of the delivery comes a moment after the card
    rows = api.get("/api/console/messaging/deliveries")["items"]
    assert [(row["state"], row["reason"]) for row in rows] == [("not_attempted", "no_quota"), ("delivered", "")]
    api.post(f"/api/console/connections/{seed.MINI_APPID}/disconnect")
