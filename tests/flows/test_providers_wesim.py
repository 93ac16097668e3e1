"""Our provider clients against the simulator over a real loopback port."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
import uvicorn

from huida.kernel.clock import SystemClock, business_day
from huida.kernel.http import Outgoing, Refused, Unavailable, Unknown
from huida.kernel.secrets import Secret
from huida.providers.sms.aliyun import AliyunSms
from huida.providers.sms.parts import billed_parts
from huida.providers.sms.provider import Audit, SmsCredentials, SmsProvider, SmsState
from huida.providers.sms.tencent import TencentSms
from huida.providers.wechat.callbacks import CallbackKeys, Mode, open_push
from huida.providers.wechat.calls import AppCredentials
from huida.providers.wechat.events import (
    Followed,
    MessageReceived,
    Push,
    Scanned,
    SubscribeAnswered,
    SubscribeChanged,
    SubscribeSendFinished,
    TemplateSendFinished,
    Unfollowed,
)
from huida.providers.wechat.mini_program import MiniProgram, subscribe_body
from huida.providers.wechat.official_account import OfficialAccount, template_body
from huida.providers.wechat.params import Kind, fit, template_fields
from huida.providers.wechat.tokens import AccessTokens
from wesim import acts, seed
from wesim.app import create_app
from wesim.faults import Fault
from wesim.mini.popup import change_setting, request_subscribe
from wesim.oa.web import mint_code
from wesim.sms import catalogue
from wesim.sms.account import sms_of
from wesim.sms.reports import aliyun_receipt, tencent_receipt
from wesim.state import App, AppUser
from wesim.world import World

OA = AppCredentials(seed.OA_APPID, Secret(seed.OA_SECRET))
MINI = AppCredentials(seed.MINI_APPID, Secret(seed.MINI_SECRET))
ALIYUN = SmsCredentials(catalogue.ALIYUN_KEY_ID, Secret(catalogue.ALIYUN_KEY_SECRET))
TENCENT = SmsCredentials(
    catalogue.TENCENT_SECRET_ID, Secret(catalogue.TENCENT_SECRET_KEY), catalogue.TENCENT_SDK_APP_ID
)
PERSON = "linxiaoman"
PHONE = "13800000001"
SUBSCRIBE_PATH = "/cgi-bin/message/subscribe/send"


@dataclass
class Stage:
    """The simulated world, our clients pointed at it, and the pushes that it made."""

    world: World
    base: str
    outgoing: Outgoing
    pushed: list[tuple[str, dict[str, str], bytes]]

    def __post_init__(self) -> None:
        clock = SystemClock()
        api = f"{self.base}/api.weixin.qq.com"
        self.tokens = AccessTokens(self.outgoing, clock=clock, base_url=api)
        self.mini = MiniProgram(self.outgoing, self.tokens, clock=clock, base_url=api)
        self.oa = OfficialAccount(
            self.outgoing,
            self.tokens,
            clock=clock,
            base_url=api,
            open_url=f"{self.base}/open.weixin.qq.com",
            pages_url=f"{self.base}/mp.weixin.qq.com",
        )

    def app(self, cred: AppCredentials) -> App:
        return self.world.apps[cred.app_id]

    def person(self, cred: AppCredentials) -> AppUser:
        return self.world.user(self.app(cred), PERSON)

    async def pushes(self) -> list[Push]:
        """The pushes so far, opened by our own code."""
        await self.world.settle()
        opened = []
        for path, query, body in self.pushed:
            app = self.world.apps[path.removeprefix("/")]
            keys = CallbackKeys(
                app.id, Secret(app.callback.token), Secret(app.callback.aes_key), Mode(app.callback.mode)
            )
            opened.append(open_push(keys, query, body, now=SystemClock().now()))
        return opened


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    pushed: list[tuple[str, dict[str, str], bytes]] = []

    async def poster(
        method: str, url: str, headers: dict[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, bytes]:
        parts = urlsplit(url)
        pushed.append((parts.path, dict(parse_qsl(parts.query)), body))
        return 200, b"success"

    world = seed.seeded_world(poster=poster)
    for app, mode, form in zip(world.apps.values(), ("safe", "compatible"), ("xml", "json"), strict=True):
        app.callback.url = f"http://merchant.test/{app.id}"
        app.callback.mode, app.callback.format = mode, form
    config = uvicorn.Config(create_app(world), port=0, log_level="error", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    outgoing = Outgoing()
    yield Stage(world, f"http://127.0.0.1:{port}", outgoing, pushed)
    await outgoing.aclose()
    server.should_exit = True
    await serving


async def added_subscribe_template(stage: Stage) -> tuple[str, dict[str, str]]:
    """A member notice with fitted values, from the library's own keywords."""
    categories = await stage.mini.categories(MINI)
    _, titles = await stage.mini.library_titles(MINI, [one.id for one in categories])
    title = next(one for one in titles if one.title == "会员消费通知")
    keywords = await stage.mini.library_keywords(MINI, title.tid)
    chosen = [one.kid for one in keywords][:5]
    template_id = await stage.mini.add_template(MINI, tid=title.tid, keyword_ids=chosen, scene="消费后通知会员")
    template = next(one for one in await stage.mini.templates(MINI) if one.template_id == template_id)
    fields = template_fields(template.content)
    assert [one.key for one in fields] == [one.key for one in keywords][:5]
    given = {
        Kind.THING: "一个很长很长很长很长很长很长很长很长很长很长的\n说明",
        Kind.AMOUNT: "1234.5",
        Kind.TIME: "2026-11-21T10:00:00+08:00",
        Kind.DATE: "2026-11-21T10:00:00+08:00",
        Kind.CHARACTER_STRING: "8888 0001",
    }
    return template_id, {one.key: fit(one.kind, given[one.kind]) for one in fields}


@pytest.mark.covers("P-01", "P-02")
async def test_a_subscribe_message_from_library_to_phone(stage: Stage) -> None:
    template_id, data = await added_subscribe_template(stage)
    user = stage.person(MINI)
    body = subscribe_body(user.openid, template_id, data, page="/pages/coupon/detail?id=1")

    with pytest.raises(Refused) as refused:
        await stage.mini.send_subscribe(MINI, body)
    assert refused.value.code == "wechat.43101"

    request_subscribe(stage.world, stage.app(MINI), user, templates=[template_id], choices={})
    msgid = await stage.mini.send_subscribe(MINI, body)

    message = stage.world.persons[PERSON].inbox[-1]
    assert (message.kind, [value for _, value in message.fields]) == ("subscribe", list(data.values()))
    change_setting(stage.world, stage.app(MINI), user, template=template_id, status="reject")
    answered, finished, changed = await stage.pushes()
    assert isinstance(answered, SubscribeAnswered)
    assert [(one.template_id, one.accepted) for one in answered.choices] == [(template_id, True)]
    assert isinstance(finished, SubscribeSendFinished)
    assert [(one.msgid, one.delivered) for one in finished.deliveries] == [(msgid, True)]
    assert isinstance(changed, SubscribeChanged)
    assert [one.accepted for one in changed.choices] == [False]


@pytest.mark.covers("P-02")
async def test_refusals_of_a_subscribe_message(stage: Stage) -> None:
    template_id, data = await added_subscribe_template(stage)
    user = stage.person(MINI)
    request_subscribe(stage.world, stage.app(MINI), user, templates=[template_id], choices={})
    thing = next(key for key in data if key.startswith("thing"))
    for body, code in [
        (subscribe_body(user.openid, "no-such-template", data), "wechat.40037"),
        (subscribe_body("nobody", template_id, data), "wechat.40003"),
        (subscribe_body(user.openid, template_id, data | {thing: "长" * 21}), "wechat.47003"),
    ]:
        with pytest.raises(Refused) as refused:
            await stage.mini.send_subscribe(MINI, body)
        assert refused.value.code == code
    assert len(stage.world.persons[PERSON].inbox) == 0


async def test_faults_become_the_three_outcomes(stage: Stage) -> None:
    template_id, data = await added_subscribe_template(stage)
    user = stage.person(MINI)
    body = subscribe_body(user.openid, template_id, data)
    request_subscribe(stage.world, stage.app(MINI), user, templates=[template_id], choices={})
    for fault, outcome in [
        (Fault("busy", path=SUBSCRIBE_PATH, count=1), Unavailable),
        (Fault("status", path=SUBSCRIBE_PATH, count=1, http_status=502), Unknown),
        (Fault("drop", path=SUBSCRIBE_PATH, count=1), Unknown),
        (Fault("refuse", path=SUBSCRIBE_PATH, count=1, errcode=45009), Refused),
        (Fault("process_then_drop", path=SUBSCRIBE_PATH, count=1), Unknown),
    ]:
        stage.world.faults.add(fault)
        with pytest.raises(outcome):
            await stage.mini.send_subscribe(MINI, body)
    assert len(stage.world.persons[PERSON].inbox) == 1  # the last one was processed, and that cannot be known here


async def test_a_template_message_and_its_repeat(stage: Stage) -> None:
    user = stage.person(OA)
    acts.follow(stage.world, stage.app(OA), user)
    library = next(iter(stage.world.library_oa.values()))
    names = [one.name for one in library.keywords][:3]
    template_id = await stage.oa.add_template(OA, short_id=library.id, keywords=names)
    template = next(one for one in await stage.oa.templates(OA) if one.template_id == template_id)
    examples = {one.name: one.example for one in library.keywords}
    data = {one.key: fit(one.kind, examples[one.label]) for one in template_fields(template.content)}
    assert len(data) == 3
    body = template_body(user.openid, template_id, data, client_msg_id="n-1", url="https://h.test/m")

    stage.world.faults.add(Fault("process_then_drop", path="/cgi-bin/message/template/send", count=1))
    with pytest.raises(Unknown):
        await stage.oa.send_template(OA, body)
    msgid = await stage.oa.send_template(OA, body)

    assert [message.kind for message in stage.world.persons[PERSON].inbox] == ["oa_template"]
    acts.unfollow(stage.world, stage.app(OA), user)
    with pytest.raises(Refused) as refused:
        await stage.oa.send_template(OA, template_body(user.openid, template_id, data, client_msg_id="n-2"))
    assert refused.value.code == "wechat.43004"
    followed, finished, unfollowed = await stage.pushes()
    assert isinstance(followed, Followed)
    assert isinstance(finished, TemplateSendFinished)
    assert (finished.msgid, finished.delivered) == (msgid, True)
    assert isinstance(unfollowed, Unfollowed)
    await stage.oa.delete_template(OA, template_id)
    assert template_id not in [one.template_id for one in await stage.oa.templates(OA)]


async def test_followers_codes_and_scans(stage: Stage) -> None:
    user = stage.person(OA)
    assert (await stage.oa.follower(OA, user.openid)).follows is False
    qr = await stage.oa.create_qr(OA, "shop7", expire_s=600)
    assert qr.expire_seconds == 600
    acts.scan(stage.world, stage.app(OA), user, stage.world.qrs[qr.ticket])
    acts.scan(stage.world, stage.app(OA), user, stage.world.qrs[qr.ticket])
    acts.say(stage.world, stage.app(OA), user, "你好 <&>")
    follower = await stage.oa.follower(OA, user.openid)
    assert (follower.follows, follower.subscribe_scene, follower.qr_scene_str) == (True, "ADD_SCENE_QR_CODE", "shop7")
    assert (await stage.oa.followers(OA)).data.openid == [user.openid]
    followed, scanned, said = await stage.pushes()
    assert isinstance(followed, Followed)
    assert isinstance(scanned, Scanned)
    assert isinstance(said, MessageReceived)
    assert (followed.scene, scanned.scene, said.text) == ("shop7", "shop7", "你好 <&>")


async def test_menu_industry_and_page_signature(stage: Stage) -> None:
    buttons: list[dict[str, Any]] = [{"type": "view", "name": "会员", "url": "https://h.test/m"}]
    await stage.oa.create_menu(OA, buttons)
    assert (await stage.oa.menu(OA))["button"][0]["name"] == "会员"
    await stage.oa.delete_menu(OA)
    industries = await stage.oa.industries(OA)
    assert industries.primary_industry is not None
    config = await stage.oa.jssdk_config(OA, "https://h.test/m#x", nonce="n", now=SystemClock().now())
    assert len(config.signature) == 40


async def test_logins_and_the_phone(stage: Stage) -> None:
    js_code = acts.open_mini(stage.world, stage.app(MINI), stage.person(MINI), page="", scene="")["code"]
    session = await stage.mini.code2session(MINI, js_code)
    assert session.openid == stage.person(MINI).openid
    assert session.session_key not in repr(session)
    with pytest.raises(Refused) as refused:
        await stage.mini.code2session(MINI, js_code)
    assert refused.value.code == "wechat.40163"
    phone_code = mint_code(stage.world, kind="phone", app=MINI.app_id, person=PERSON)
    assert (await stage.mini.phone_number(MINI, phone_code)).pure_phone_number == PHONE
    web_code = mint_code(stage.world, kind="oauth", app=OA.app_id, person=PERSON, scope="snsapi_base")
    identity = await stage.oa.exchange_code(OA, web_code)
    assert (identity.openid, identity.may_be_bound) == (stage.person(OA).openid, True)


async def test_links(stage: Stage) -> None:
    link = await stage.mini.url_link(MINI, path="pages/coupon/detail", query_text="id=1", days=30)
    scheme = await stage.mini.scheme(MINI, path="pages/coupon/detail", query_text="id=1")
    assert link.startswith("http")
    assert scheme.startswith("weixin://")


async def test_a_token_that_another_process_killed_is_renewed(stage: Stage) -> None:
    other = AccessTokens(stage.outgoing, clock=SystemClock(), base_url=f"{stage.base}/api.weixin.qq.com")
    first = await stage.tokens.get(MINI)
    assert await other.get(MINI) == first
    second = await other.renew(MINI, refused=first)
    assert second != first
    assert len(await stage.mini.categories(MINI)) > 0
    assert await stage.tokens.get(MINI) == second


async def test_a_wrong_secret_is_said(stage: Stage) -> None:
    with pytest.raises(Refused) as refused:
        await stage.tokens.get(AppCredentials(MINI.app_id, Secret("wrong")))
    assert refused.value.code == "wechat.40125"


@pytest.fixture(params=["aliyun", "tencent"])
def sms(request: pytest.FixtureRequest, stage: Stage) -> tuple[SmsProvider, SmsCredentials, str]:
    """The provider, a key, and the code of the template with p1, p2 and code."""
    if request.param == "aliyun":
        base = f"{stage.base}/dysmsapi.aliyuncs.com"
        return AliyunSms(stage.outgoing, clock=SystemClock(), base_url=base), ALIYUN, "SMS_100000002"
    base = f"{stage.base}/sms.tencentcloudapi.com"
    return TencentSms(stage.outgoing, clock=SystemClock(), base_url=base), TENCENT, "2000002"


@pytest.mark.covers("S1-104", "S1-107")
async def test_an_sms_is_taken_shown_as_one_and_billed_as_we_count(
    stage: Stage, sms: tuple[SmsProvider, SmsCredentials, str]
) -> None:
    provider, cred, template_code = sms
    simulated = sms_of(stage.world)
    simulated.settings.receipt_delay_s = 0
    values = {"p1": "0001", "p2": "2026年11月21日10:00", "code": "abcdefgh" * 3}
    accepted = await provider.send(
        cred, phone=PHONE, sign_name="会达", template_code=template_code, params=values, out_id="n-1"
    )
    (message,) = stage.world.persons[PERSON].inbox
    (sent,) = simulated.sent
    assert message.text.startswith("【会达】您尾号0001的会员卡于2026年11月21日10:00消费成功")
    assert (billed_parts(message.text), sent.parts, accepted.parts or 2) == (2, 2, 2)
    assert (sent.id, sent.echo) == (accepted.provider_ref, "n-1")
    receipt = aliyun_receipt(sent) if cred is ALIYUN else tencent_receipt(sent)
    (report,) = provider.parse_report(msgspec.json.encode([receipt]))
    assert (report.provider_ref, report.out_id, report.state) == (sent.id, "n-1", SmsState.DELIVERED)


async def test_sms_refusals_send_nothing(stage: Stage, sms: tuple[SmsProvider, SmsCredentials, str]) -> None:
    provider, cred, template_code = sms
    for sign_name, secret in (("没有的", cred.secret), ("会达", Secret("wrong"))):
        with pytest.raises(Refused):
            await provider.send(
                SmsCredentials(cred.key_id, secret, cred.sdk_app_id),
                phone=PHONE,
                sign_name=sign_name,
                template_code=template_code,
                params={"p1": "0001", "p2": "今天", "code": "a"},
                out_id="n-1",
            )
    assert len(sms_of(stage.world).sent) == 0


@pytest.mark.parametrize("sms", ["aliyun"], indirect=True)
async def test_an_sms_that_may_have_been_sent_is_found_by_our_number(
    stage: Stage, sms: tuple[SmsProvider, SmsCredentials, str]
) -> None:
    provider, cred, template_code = sms
    sms_of(stage.world).settings.receipt_delay_s = 0
    stage.world.faults.add(Fault("process_then_drop", host="dysmsapi.aliyuncs.com", count=1))
    with pytest.raises(Unknown):
        await provider.send(
            cred,
            phone=PHONE,
            sign_name="会达",
            template_code=template_code,
            params={"p1": "0001", "p2": "今天", "code": "a"},
            out_id="n-1",
        )
    day = business_day(SystemClock().now())
    found = await provider.query(cred, phone=PHONE, day=day, out_id="n-1")
    assert found is not None
    assert (found.state, found.code) == (SmsState.DELIVERED, "DELIVERED")
    assert await provider.query(cred, phone=PHONE, day=day, out_id="n-2") is None
    assert await provider.query(cred, phone=PHONE, day=day - timedelta(days=3), out_id="n-1") is None


@pytest.mark.parametrize("sms", ["aliyun"], indirect=True)
async def test_sms_reviews(stage: Stage, sms: tuple[SmsProvider, SmsCredentials, str]) -> None:
    provider, cred, template_code = sms
    assert (await provider.sign(cred, "会达")).state is Audit.APPROVED
    assert (await provider.sign(cred, "会达被驳回")).state is Audit.REJECTED
    template = await provider.template(cred, template_code)
    assert (template.state, "会员卡" in template.content) == (Audit.APPROVED, True)
