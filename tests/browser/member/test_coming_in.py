"""Ways into the member centre: from a card, by a link outside WeChat, in the official account, for the first time."""

import re
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Route, expect

from huida.demo.stage import MINI, OA
from tests.browser.member.kit import Centre, enable
from tests.browser.stage import LIN
from tests.browser.watch import Watch

WECHAT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.50"


def adjust(centre: Centre, member: UUID, key: str, points: int) -> None:
    body = {"key": key, "points": points, "note": "周年庆"}
    centre.shop.api.post(f"/api/console/loyalty/members/{member}/adjust", body)


@pytest.mark.covers("S1-91", "S1-92")
def test_a_tap_on_the_card_in_the_phone_opens_the_receipt(centre: Centre, lin: UUID) -> None:
    # given
    template = enable(centre.shop, "consumption")
    centre.open("pages/subscribe/index")
    centre.screen.get_by_test_id("notice").get_by_role("button", name="订阅").click()
    expect(centre.screen.get_by_test_id("notice")).to_contain_text("还可收到 1 条")
    assert centre.asked() == [[template]]
    url, sim = centre.shop.stage.url, centre.shop.stage.sim
    sim.post(f"/_sim/apps/{MINI}", {"h5": f"{url}/h5/?m={centre.shop.tenant}"})

    # when: a purchase rings the phone, and its card is tapped
    centre.shop.buys(LIN, 2500, till_no="T-0099")
    page = centre.page
    page.set_viewport_size({"width": 1580, "height": 1056})
    page.goto(centre.shop.stage.sim_url)
    phone = page.locator(f'.holder[data-person="{LIN}"]')
    phone.locator('[data-chat="services"]').click()
    phone.locator(".card").last.locator(".detail").click()

    # then: the member centre is open at this receipt
    screen = phone.frame_locator("iframe")
    expect(screen.get_by_test_id("total")).to_have_text("¥25.00")
    expect(screen.get_by_test_id("till-no")).to_have_text("T-0099")
    expect(phone.locator(".mini-bar .title")).to_have_text("电子小票")


@pytest.mark.covers("S1-91", "S1-92")
def test_landings_mark_what_the_message_told(centre: Centre, lin: UUID) -> None:
    # given
    keys = [f"0190000000007000800000000000000{n}" for n in range(3)]
    for n, key in enumerate(keys):
        adjust(centre, lin, str(UUID(key)), 10 + n)
    row = {"card_no": "6088000001", "order_no": "E20261121001", "sign_at": "2030-11-24T10:00:00+08:00"}
    reminder = UUID(centre.shop.till().post("/api/v1/sign-off-reminders", row)["fact_id"])

    # when / then: points
    screen = centre.open(f"pages/points/index?id={keys[1]}")
    expect(screen.get_by_test_id("record")).to_have_count(3)
    marked = screen.get_by_test_id("record").filter(has_text="消息提到的这笔")
    expect(marked).to_have_text(re.compile(r"^门店调整 消息提到的这笔.*变动后 21\+11$"))
    centre.shoot("points-told")

    # when / then: the order
    screen = centre.open(f"pages/order/index?id={reminder.hex}")
    expect(screen.get_by_test_id("order-no")).to_have_text("E20261121001")
    expect(screen.get_by_test_id("sign-at")).to_have_text("2030-11-24 10:00")
    centre.shoot("order")

    # when / then: what is not one's own is not found
    screen = centre.open(f"pages/receipt/index?id={keys[0]}")
    expect(screen.get_by_text("没有这笔消费")).to_be_visible()
    expect(screen.get_by_role("button", name="重试")).to_be_visible()


@pytest.mark.covers("S1-73", "S1-87")
def test_a_newcomer_joins_with_the_phone_number(centre: Centre) -> None:
    # given
    screen = centre.open("pages/index/index", phone="deny")
    expect(screen.get_by_text("加入山月茶事会员")).to_be_visible()
    expect(screen.get_by_text("手机号不会用于其他用途")).to_be_visible()
    centre.shoot("join")

    # when: the number is not given
    screen.get_by_role("button", name="微信手机号快捷绑定").click()

    # then: said kindly, and nothing has changed
    expect(screen.get_by_role("alert")).to_have_text("您没有允许使用手机号，可以稍后再绑定")
    assert centre.shop.api.get("/api/console/members")["items"] == []

    # when: later
    screen.get_by_role("button", name="暂不绑定").click()
    expect(screen.get_by_text("绑定手机号，领取您的会员卡")).to_be_visible()

    # when: another page needs a card, and the number is given
    screen = centre.open("pages/points/index")
    screen.get_by_role("button", name="微信手机号快捷绑定").click()

    # then: the page goes on
    expect(screen.get_by_test_id("total")).to_have_text("0")
    [member] = centre.shop.api.get("/api/console/members")["items"]
    assert member["phone"].startswith("138")


def test_a_session_that_ended_is_renewed_without_a_word(centre: Centre, lin: UUID) -> None:
    screen = centre.open()
    expect(screen.get_by_test_id("points")).to_have_text("0积分")

    async def end() -> None:
        async with centre.shop.stage.db.tx(centre.shop.tenant) as tx:
            await tx.execute("DELETE FROM member_sessions WHERE tenant_id = $1", centre.shop.tenant)

    centre.shop.stage.run(end())
    screen.get_by_test_id("points").click()
    expect(screen.get_by_text("还没有积分记录")).to_be_visible()
    assert len(centre.calls("login")) == 2


@pytest.mark.covers("S1-87", "S1-117")
def test_outside_wechat_the_page_leads_into_the_mini_program(centre: Centre, lin: UUID) -> None:
    # given: as behind the link of an SMS
    screen = centre.open(f"pages/receipt/index?id={lin.hex}", kind="web")
    expect(screen.get_by_text("山月茶事会员中心")).to_be_visible()
    assert centre.calls("login") == []
    centre.shoot("outside")

    # when
    screen.get_by_role("button", name="打开小程序").click()

    # then: a link of WeChat that opens the same page
    expect(screen.get_by_role("button", name="打开小程序")).to_be_enabled()
    [opened] = centre.calls("open")
    assert re.fullmatch(r"https://wxaurl\.cn/\S+", opened["url"])
    led = centre.shop.stage.sim.post("/_sim/scan", {"person": LIN, "content": opened["url"]})
    assert led["openid"]
    assert led["page"] == f"pages/receipt/index?id={lin.hex}"


@pytest.mark.covers("S1-87")
def test_a_plain_browser_sees_what_it_is_and_a_hurt_network_says_so(centre: Centre, watch: Watch) -> None:
    page = centre.page
    page.goto(f"{centre.shop.stage.url}/h5/?m={centre.shop.tenant}")
    expect(page.get_by_text("山月茶事会员中心")).to_be_visible()
    expect(page.get_by_role("button", name="打开小程序")).to_be_visible()

    watch.allow("net::ERR_FAILED")
    page.route("**/api/member/site*", lambda route: route.abort())
    page.reload()
    expect(page.get_by_text("网络不通，请检查后重试")).to_be_visible()
    page.unroute("**/api/member/site*")
    page.get_by_role("button", name="重试").click()
    expect(page.get_by_text("山月茶事会员中心")).to_be_visible()


@pytest.mark.covers("S1-87")
def test_inside_wechat_the_official_account_logs_in_by_authorization(
    centre: Centre, lin: UUID, browser: Browser, watch: Watch
) -> None:
    # given
    enable(centre.shop, "points_change")
    opened = browser.new_context(viewport={"width": 375, "height": 667}, user_agent=WECHAT, locale="zh-CN")
    watch.over(opened)
    asked: list[dict[str, str]] = []
    sim, url = centre.shop.stage.sim, centre.shop.stage.url

    def authorize(route: Route) -> None:
        """WeChat's page: the person agrees."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()}
        asked.append(query)
        code = sim.post("/_sim/oauth-code", {"person": LIN, "app": OA, "scope": "snsapi_userinfo"})["code"]
        back = f"{unquote(query['redirect_uri'])}&code={code}&state={query['state']}"
        route.fulfill(status=302, headers={"Location": back})

    opened.route("**/connect/oauth2/authorize*", authorize)
    page = opened.new_page()

    # when
    page.goto(f"{url}/h5/?m={centre.shop.tenant}#/pages/points/index")

    # then: WeChat was asked as it wants to be asked, and the page that was wanted is there
    expect(page.get_by_test_id("total")).to_have_text("0")
    [query] = asked
    assert query["appid"] == OA
    assert (query["response_type"], query["scope"]) == ("code", "snsapi_userinfo")
    assert re.fullmatch("[0-9a-f]{32}", query["state"])
    assert page.url == f"{url}/h5/?m={centre.shop.tenant}#/pages/points/index"

    # when: somebody else's code with a state that is not ours
    page.evaluate("localStorage.clear()")
    page.goto("about:blank")
    stolen = sim.post("/_sim/oauth-code", {"person": "chenyiming", "app": OA, "scope": "snsapi_userinfo"})["code"]
    page.goto(f"{url}/h5/?m={centre.shop.tenant}&code={stolen}&state=forged#/pages/points/index")

    # then: it is not used; the page asks WeChat itself
    expect(page.get_by_test_id("total")).to_have_text("0")
    assert len(asked) == 2
    opened.close()
