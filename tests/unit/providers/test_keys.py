"""Every field of an answer that becomes an identity or a key: missing, empty, of another type, too long, and nothing is taken."""

import copy
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import msgspec
import pytest

from huida.kernel.http import Outgoing, Unavailable, Unknown
from huida.kernel.secrets import Secret
from huida.providers.sms.aliyun import AliyunSms
from huida.providers.sms.provider import SmsCredentials
from huida.providers.sms.tencent import TencentSms
from huida.providers.wechat.calls import AppCredentials
from huida.providers.wechat.events import Unusable, typed
from huida.providers.wechat.mini_program import MiniProgram
from huida.providers.wechat.official_account import OfficialAccount
from huida.providers.wechat.tokens import AccessTokens
from huida.providers.wechatpay.answers import NativeCode, Prepaid, Refund, RefundNotice, Transaction, decoded
from tests.unit.providers.fakes import Script, StillClock

CRED: Final = AppCredentials("wx1", Secret("s"))
SMS: Final = SmsCredentials("id", Secret("s"), "1400")
MISSING: Final = object()
TEXTS: Final = (MISSING, "", None, 7, True, ["a"], {"a": "b"}, "a" * 500_000, "a\x00b", "a b", "会")
NUMBERS: Final = (MISSING, "", None, "x", [1], {"a": 1}, 0, -1, 2**63, 10**400)


class _Tokens:
    async def get(self, cred: AppCredentials) -> str:
        return "t"

    async def renew(self, cred: AppCredentials, *, refused: str) -> str:
        return "t2"


def mini(outgoing: Outgoing) -> MiniProgram:
    return MiniProgram(outgoing, _Tokens(), clock=StillClock())


def oa(outgoing: Outgoing) -> OfficialAccount:
    return OfficialAccount(outgoing, _Tokens(), clock=StillClock())


def sms(client: AliyunSms | TencentSms) -> Awaitable[Any]:
    return client.send(SMS, phone="13800000001", sign_name="会达", template_code="1", params={}, out_id="1.2.3")


def asked(client: AliyunSms | TencentSms) -> Awaitable[Any]:
    return client.query(SMS, phone="13800000001", day=date(2026, 11, 21), provider_ref="r1")


@dataclass(frozen=True)
class Call:
    """One call, an answer to it that is fine, and where in it a key stands."""

    do: Callable[[Outgoing], Awaitable[Any]]
    answer: Any
    at: tuple[str | int, ...]
    bad: tuple[Any, ...] = TEXTS
    outcome: type[Exception] = Unknown


TEMPLATE: Final = {"priTmplId": "t1", "title": "x", "content": "y"}
CALLS: Final = {
    "login": Call(lambda o: mini(o).code2session(CRED, "c"), {"openid": "o1", "session_key": "k"}, ("openid",)),
    "web login": Call(lambda o: oa(o).exchange_code(CRED, "c"), {"openid": "o1"}, ("openid",)),
    "unionid": Call(
        lambda o: mini(o).code2session(CRED, "c"),
        {"openid": "o1", "unionid": "u1"},
        ("unionid",),
        tuple(one for one in TEXTS if one not in (MISSING, "", None)),
    ),
    "phone": Call(
        lambda o: mini(o).phone_number(CRED, "c"),
        {"phone_info": {"purePhoneNumber": "13800000001", "countryCode": "86"}},
        ("phone_info", "purePhoneNumber"),
        (*TEXTS, "1", "1" * 21),
    ),
    "no phone": Call(
        lambda o: mini(o).phone_number(CRED, "c"),
        {"phone_info": {"purePhoneNumber": "13800000001"}},
        ("phone_info",),
        (MISSING, None, "", []),
    ),
    "subscribe message": Call(
        lambda o: mini(o).send_subscribe(CRED, b"{}"),
        {"msgid": 9},
        ("msgid",),
        tuple(one for one in NUMBERS if one not in (MISSING, None)),
    ),
    "template message": Call(lambda o: oa(o).send_template(CRED, b"{}"), {"msgid": 9}, ("msgid",), NUMBERS),
    "mini template": Call(
        lambda o: mini(o).add_template(CRED, tid=1, keyword_ids=[1], scene=""), {"priTmplId": "t1"}, ("priTmplId",)
    ),
    "oa template": Call(
        lambda o: oa(o).add_template(CRED, short_id="1", keywords=[]), {"template_id": "t1"}, ("template_id",)
    ),
    "mini templates": Call(lambda o: mini(o).templates(CRED), {"data": [TEMPLATE]}, ("data", 0, "priTmplId")),
    "oa templates": Call(
        lambda o: oa(o).templates(CRED),
        {"template_list": [{"template_id": "t1", "title": "x", "content": "y"}]},
        ("template_list", 0, "template_id"),
    ),
    "no list": Call(lambda o: mini(o).templates(CRED), {"data": [TEMPLATE]}, ("data",), (MISSING, None, "", {}, 7)),
    "follower": Call(lambda o: oa(o).follower(CRED, "o1"), {"openid": "o1"}, ("openid",), (*TEXTS, "o2")),
    "followers": Call(lambda o: oa(o).followers(CRED), {"data": {"openid": ["o1"]}}, ("data", "openid", 0), TEXTS[1:]),
    "qr ticket": Call(lambda o: oa(o).create_qr(CRED, "s"), {"ticket": "q1", "url": "http://w/q"}, ("ticket",)),
    "link": Call(lambda o: mini(o).url_link(CRED, path="p"), {"url_link": "https://w/l"}, ("url_link",)),
    "scheme": Call(lambda o: mini(o).scheme(CRED, path="p"), {"openlink": "weixin://l"}, ("openlink",)),
    "js ticket": Call(
        lambda o: oa(o).jssdk_config(CRED, "https://h", nonce="n", now=StillClock().now()),
        {"ticket": "j1", "expires_in": 7200},
        ("ticket",),
    ),
    "access token": Call(
        lambda o: AccessTokens(o, clock=StillClock()).get(CRED),
        {"access_token": "a1", "expires_in": 7200},
        ("access_token",),
        outcome=Unavailable,
    ),
    "its lifetime": Call(
        lambda o: AccessTokens(o, clock=StillClock()).get(CRED),
        {"access_token": "a1", "expires_in": 7200},
        ("expires_in",),
        NUMBERS,
        outcome=Unavailable,
    ),
    "aliyun": Call(
        lambda o: sms(AliyunSms(o, clock=StillClock())), {"Code": "OK", "BizId": "9^0"}, ("BizId",)
    ),
    "tencent": Call(
        lambda o: sms(TencentSms(o, clock=StillClock())),
        {"Response": {"SendStatusSet": [{"Code": "Ok", "SerialNo": "9"}]}},
        ("Response", "SendStatusSet", 0, "SerialNo"),
    ),
    "tencent parts": Call(
        lambda o: sms(TencentSms(o, clock=StillClock())),
        {"Response": {"SendStatusSet": [{"Code": "Ok", "SerialNo": "9", "Fee": 1}]}},
        ("Response", "SendStatusSet", 0, "Fee"),
        tuple(one for one in NUMBERS if one not in (MISSING, 0)),
    ),
    "tencent time": Call(
        lambda o: asked(TencentSms(o, clock=StillClock())),
        {"Response": {"PullSmsSendStatusSet": [{"SerialNo": "r1", "UserReceiveTime": 1}]}},
        ("Response", "PullSmsSendStatusSet", 0, "UserReceiveTime"),
        tuple(one for one in NUMBERS if one not in (MISSING, 0)),
    ),
}  # fmt: skip


def changed(answer: Any, at: tuple[str | int, ...], value: Any) -> Any:
    answer = copy.deepcopy(answer)
    holder = answer
    for step in at[:-1]:
        holder = holder[step]
    if value is MISSING:
        del holder[at[-1]]
    else:
        holder[at[-1]] = value
    return answer


def named(value: Any) -> str:
    return "missing" if value is MISSING else repr(value)[:20]


@pytest.mark.parametrize("name", CALLS)
async def test_a_fine_answer_is_taken(name: str) -> None:
    call = CALLS[name]
    assert await call.do(Script(lambda _: call.answer).outgoing())


@pytest.mark.parametrize(
    ("name", "value"),
    [pytest.param(name, value, id=f"{name}-{named(value)}") for name, call in CALLS.items() for value in call.bad],
)
async def test_a_key_that_is_none_makes_the_answer_unknown(name: str, value: Any) -> None:
    call = CALLS[name]
    body = changed(call.answer, call.at, value)
    with pytest.raises(call.outcome) as raised:
        await call.do(Script(lambda _: body).outgoing())
    assert type(raised.value) is call.outcome
    assert len(str(raised.value)) < 200


async def test_an_empty_unionid_is_none_and_a_message_without_a_number_has_none() -> None:
    who = await mini(Script(lambda _: {"openid": "o1", "unionid": ""}).outgoing()).code2session(CRED, "c")
    assert (who.openid, who.unionid or None) == ("o1", None)
    assert await mini(Script(lambda _: {"errcode": 0}).outgoing()).send_subscribe(CRED, b"{}") is None


PAID: Final = {"mchid": "1900", "out_trade_no": "n1", "trade_state": "SUCCESS", "transaction_id": "4200"}
REFUND: Final = {"refund_id": "50", "out_refund_no": "r1", "status": "SUCCESS"}
NOTICE: Final = {
    "mchid": "1900",
    "out_trade_no": "n1",
    "refund_id": "50",
    "out_refund_no": "r1",
    "refund_status": "SUCCESS",
}
PAY: Final = [
    *((Transaction, PAID, field) for field in ("mchid", "out_trade_no", "trade_state", "transaction_id")),
    *((Refund, REFUND, field) for field in ("refund_id", "out_refund_no", "status")),
    *((RefundNotice, NOTICE, field) for field in ("mchid", "out_trade_no", "refund_id", "out_refund_no")),
    (Prepaid, {"prepay_id": "wx1"}, "prepay_id"),
    (NativeCode, {"code_url": "weixin://wxpay/1"}, "code_url"),
]


@pytest.mark.parametrize(
    ("kind", "answer", "field"), [pytest.param(*one, id=f"{one[0].__name__}-{one[2]}") for one in PAY]
)
def test_a_payment_without_its_numbers_is_unknown(kind: type[Any], answer: dict[str, Any], field: str) -> None:
    assert getattr(decoded(kind, msgspec.json.encode(answer)), "mchid", "") == answer.get("mchid", "")
    for value in TEXTS:
        with pytest.raises(Unknown):
            decoded(kind, msgspec.json.encode(changed(answer, (field,), value)))


EVENT: Final = {"ToUserName": "gh_1", "FromUserName": "o1", "CreateTime": "1700000000", "MsgType": "event"}
POPUP: Final = {"List": {"TemplateId": "t1", "SubscribeStatusString": "accept", "PopupScene": "0"}}
SENT: Final = {"List": [{"TemplateId": "t1", "MsgID": "9", "ErrorCode": "0", "ErrorStatus": "ok"}]}
PUSHES: Final = {
    "follow": (EVENT | {"Event": "subscribe"}, ("FromUserName",), TEXTS),
    "unfollow": (EVENT | {"Event": "unsubscribe"}, ("FromUserName",), TEXTS),
    "scan": (EVENT | {"Event": "SCAN", "EventKey": "s"}, ("FromUserName",), TEXTS),
    "message": (EVENT | {"MsgType": "text", "MsgId": "5", "Content": "x"}, ("MsgId",), TEXTS),
    "told": (EVENT | {"Event": "TEMPLATESENDJOBFINISH", "MsgID": "9", "Status": "success"}, ("MsgID",), NUMBERS),
    "popup": (EVENT | {"Event": "subscribe_msg_popup_event"} | POPUP, ("List", "TemplateId"), TEXTS),
    "sent": (EVENT | {"Event": "subscribe_msg_sent_event"} | SENT, ("List", 0, "MsgID"), NUMBERS),
}


@pytest.mark.parametrize("name", PUSHES)
def test_a_push_without_its_person_or_message_is_unusable(name: str) -> None:
    fields, at, bad = PUSHES[name]
    assert typed(fields).openid == "o1"
    # Numbers may come as text in a push, and a number as a name.
    for value in (one for one in bad if not (type(one) in (int, bool) and bad is TEXTS)):
        with pytest.raises(Unusable):
            typed(changed(fields, at, value))
