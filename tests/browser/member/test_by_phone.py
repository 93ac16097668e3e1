"""The member centre outside WeChat: register, log in and set a new password with the phone; bind it in the official account."""

import re
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from huida.demo.stage import OA, SMS_ACCOUNT
from tests.browser.member.kit import Centre
from tests.browser.stage import Shop
from tests.browser.watch import Watch
from tests.flows.verification_kit import ALIYUN_CODE, CODE_TEXT

WECHAT = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.50"
CHEN = ("chenyiming", "13800000002")


def open_codes(shop: Shop, *scenarios: str) -> None:
    """Switch code scenarios on, each with a template of its own."""

    async def forget() -> None:
        async with shop.stage.db.tx(0) as tx:
            await tx.execute("DELETE FROM verification_counts")

    shop.stage.run(forget())
    shop.stage.sim.post("/_sim/sms/settings", {"flow_control": False})  # time does not move here
    operator = shop.stage.as_operator()
    operator.put("/api/operator/sms/accounts/aliyun", {**SMS_ACCOUNT, "sdk_app_id": "", "weight": 100})
    if scenarios:
        operator.post("/api/operator/sms/prices", {"part_fen": 10})
    for scenario in scenarios:
        body = {
            "name": f"验证码 {scenario}",
            "scenario": f"code_{scenario}",
            "content": CODE_TEXT,
            "codes": {"aliyun": ALIYUN_CODE},
            "mapping": {"code": "code"},
        }
        made = shop.api.post("/api/console/messaging/sms-templates", body)
        shop.api.put(f"/api/console/verification/{scenario}", {"live": True, "template_id": made["id"]})


def read_code(shop: Shop, person: str) -> str:
    """The newest code on a person's phone."""
    shop.settle()
    texts = [m for sender in shop.stage.sim.get(f"/_sim/phones/{person}")["sms"] for m in sender["messages"]]
    found = re.search(r"验证码为(\d{6})", texts[-1]["text"])
    assert found, texts
    return found[1]


def ask(page: Page, phone: str) -> None:
    page.get_by_test_id("phone").locator("input").fill(phone)
    page.get_by_test_id("ask-code").click()
    expect(page.get_by_role("status").filter(has_text="验证码已发送，5 分钟内有效")).to_be_visible()
    expect(page.get_by_test_id("ask-code")).to_have_text(re.compile(r"^\d+ 秒后重发$"))


@pytest.mark.covers("S2-38", "S2-39", "S2-40")
def test_a_stranger_registers_comes_back_and_forgets_the_password(centre: Centre) -> None:
    # given
    person, phone = CHEN
    open_codes(centre.shop, "register", "login", "recover")
    page = centre.page
    page.goto(f"{centre.shop.stage.url}/h5/?m={centre.shop.tenant}")
    expect(page.get_by_test_id("enter")).to_be_visible()
    centre.shoot("enter")

    # when: a code to log in is asked for, but the phone is nobody's yet
    ask(page, phone)
    centre.shoot("enter-asked")
    page.get_by_test_id("code").locator("input").fill(read_code(centre.shop, person))
    page.get_by_test_id("enter-go").click()
    expect(page.get_by_role("alert")).to_have_text("这个手机号还不是会员，可以直接注册，刚才的验证码仍可使用")
    centre.shoot("enter-unknown")

    # then: the same code registers
    page.get_by_role("button", name="用这个手机号注册会员").click()
    page.get_by_test_id("name").locator("input").fill("陈一鸣")
    page.get_by_test_id("password").locator("input").fill("first pass 1234")
    centre.shoot("enter-register")
    page.get_by_test_id("enter-go").click()
    expect(page.get_by_role("region", name="会员卡")).to_contain_text("陈一鸣")
    centre.shoot("entered")
    page.reload()
    expect(page.get_by_role("region", name="会员卡")).to_contain_text("陈一鸣")

    # when: logged out, and in by password
    page.get_by_test_id("log-out").click()
    page.get_by_role("tab", name="密码登录").click()
    page.get_by_test_id("phone").locator("input").fill(phone)
    page.get_by_test_id("password").locator("input").fill("not my password")
    page.get_by_test_id("enter-go").click()
    expect(page.get_by_role("alert")).to_have_text("手机号或密码不正确")
    page.get_by_test_id("password").locator("input").fill("first pass 1234")
    page.get_by_test_id("enter-go").click()
    expect(page.get_by_role("region", name="会员卡")).to_contain_text("陈一鸣")

    # when: the password is forgotten, and the pause between two codes is told
    page.get_by_test_id("log-out").click()
    page.get_by_role("button", name="忘记密码").click()
    page.get_by_test_id("phone").locator("input").fill(phone)
    page.get_by_test_id("ask-code").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile(r"^请在 \d+ 秒后再获取验证码$"))
    centre.shoot("enter-recover")
    open_codes(centre.shop)
    ask(page, phone)
    page.get_by_test_id("code").locator("input").fill(read_code(centre.shop, person))
    page.get_by_test_id("password").locator("input").fill("second pass 5678")
    page.get_by_test_id("enter-go").click()
    expect(page.get_by_role("region", name="会员卡")).to_contain_text("陈一鸣")


@pytest.mark.covers("S2-41")
def test_in_the_official_account_the_phone_is_bound_by_code(centre: Centre, browser: Browser, watch: Watch) -> None:
    # given
    person, phone = CHEN
    open_codes(centre.shop, "bind")
    opened = browser.new_context(viewport={"width": 375, "height": 667}, user_agent=WECHAT, locale="zh-CN")
    watch.over(opened)
    sim = centre.shop.stage.sim

    def authorize(route: Route) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(route.request.url).query).items()}
        code = sim.post("/_sim/oauth-code", {"person": person, "app": OA, "scope": "snsapi_userinfo"})["code"]
        route.fulfill(
            status=302, headers={"Location": f"{unquote(query['redirect_uri'])}&code={code}&state={query['state']}"}
        )

    opened.route("**/connect/oauth2/authorize*", authorize)
    page = opened.new_page()
    page.goto(f"{centre.shop.stage.url}/h5/?m={centre.shop.tenant}#/pages/points/index")
    expect(page.get_by_test_id("bind")).to_be_visible()

    # when
    ask(page, phone)
    page.get_by_test_id("code").locator("input").fill(read_code(centre.shop, person))
    page.get_by_role("button", name="绑定手机号").click()

    # then
    expect(page.get_by_test_id("total")).to_have_text("0")
    [member] = centre.shop.api.get("/api/console/members")["items"]
    assert member["phone"].startswith("138")
    opened.close()


def test_above_the_usual_hour_the_page_works_a_proof_out_by_itself(centre: Centre) -> None:
    # given: the shop's hour is above its usual
    person, phone = CHEN
    shop = centre.shop
    open_codes(shop, "login")

    async def busy() -> None:
        async with shop.stage.db.tx(shop.tenant) as tx:
            await tx.execute(
                "INSERT INTO verification_settings (tenant_id, hour_most, day_most, usual_hour) VALUES ($1, 500, 5000, 1)",
                shop.tenant,
            )

    shop.stage.run(busy())
    page = centre.page
    page.goto(f"{shop.stage.url}/h5/?m={shop.tenant}")
    shop.api.post("/api/member/codes", {"m": shop.tenant, "scenario": "login", "phone": "13900000001"})
    asked: list[str] = []
    page.on(
        "request", lambda request: asked.append(request.post_data or "") if "/member/codes" in request.url else None
    )
    # when / then
    with page.expect_response(lambda answer: answer.url.endswith("/member/codes") and answer.status == 428):
        ask(page, phone)
    assert ["challenge" in body for body in asked if body] == [False, True]
    page.get_by_test_id("code").locator("input").fill(read_code(shop, person))
    page.get_by_test_id("enter-go").click()
    expect(page.get_by_role("alert")).to_have_text("这个手机号还不是会员，可以直接注册，刚才的验证码仍可使用")
