"""Our WeChat Pay client against the simulator: every call, both kinds of keys, callbacks, and what goes wrong on the way."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from huida.kernel.http import Outgoing, Refused, Unavailable, Unknown
from huida.kernel.secrets import Secret
from huida.providers.wechatpay.answers import RefundNotice, RefundStatus, TradeState, Transaction
from huida.providers.wechatpay.callbacks import BadCallback, Callback
from huida.providers.wechatpay.client import JsapiOrder, RefundOrder, WechatPay
from huida.providers.wechatpay.judge import BAD_SIGNATURE, ORDER_CLOSED, ORDER_PAID
from huida.providers.wechatpay.keys import FRESH, GAP, PayCredentials
from tests.asgi import call, sender
from wesim import seed
from wesim.app import create_app
from wesim.faults import Fault
from wesim.pay.notices import outbox_of
from wesim.pay.state import MCHID, Merchant, pay_of
from wesim.world import World

HOST = "api.mch.weixin.qq.com"
PERSON = "linxiaoman"
CERTIFICATES, JSAPI, REFUNDS = "/v3/certificates", "/v3/pay/transactions/jsapi", "/v3/refund/domestic/refunds"
MODES = ("public_key", "certificate", "both")


@dataclass
class WorldClock:
    """Our time is the simulated world's time."""

    world: World

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.world.clock.now(), UTC)

    async def sleep(self, seconds: float) -> None:
        self.world.clock.advance(seconds)


@dataclass
class Stage:
    """A world with one merchant, our client pointed at it, and our door for callbacks."""

    world: World
    told: list[Callback | BadCallback] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.app = create_app(self.world)
        self.clock = WorldClock(self.world)
        self.pay = self.fresh_client()
        self.mini = self.world.apps[seed.MINI_APPID]
        self.openid = self.world.user(self.mini, PERSON).openid
        self.cred = PayCredentials("", "", Secret(""), Secret(""))

    def fresh_client(self) -> WechatPay:
        return WechatPay(Outgoing(send=sender(self.app)), clock=self.clock, base_url=f"http://sim.test/{HOST}")

    @property
    def merchant(self) -> Merchant:
        return pay_of(self.world).merchants[MCHID]

    async def control(self, path: str, body: Any = None) -> Any:
        method, raw = ("GET", b"") if body is None else ("POST", msgspec.json.encode(body))
        return (await call(self.app, method, f"http://sim.test/_sim/pay{path}", body=raw)).json()

    async def connect(self, mode: str) -> None:
        """The merchant downloads its keys from the merchant platform and enters them."""
        await self.control(f"/merchants/{MCHID}", {"mode": mode})
        found = await self.control(f"/merchants/{MCHID}")
        self.cred = PayCredentials(
            found["mchid"],
            found["serial"],
            Secret(found["private_key"]),
            Secret(found["api_v3_key"]),
            "" if mode == "certificate" else found["public_key_id"],
            "" if mode == "certificate" else found["public_key"],
        )

    async def hear(
        self, method: str, url: str, headers: dict[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, bytes]:
        """Our door: verify, keep, answer."""
        flat = {name.lower(): value for name, value in headers.items()}
        try:
            self.told.append(await self.pay.parse_callback(self.cred, flat, body))
        except BadCallback as bad:
            self.told.append(bad)
            return bad.status, bad.body
        return 204, b""

    async def settle(self) -> None:
        await asyncio.sleep(0)
        await outbox_of(self.world).settle()

    def order(self, number: str = "order-0001", total_fen: int = 1880) -> JsapiOrder:
        return JsapiOrder(
            app_id=self.mini.id,
            openid=self.openid,
            out_trade_no=number,
            description="白桃乌龙 中杯",
            total_fen=total_fen,
            notify_url="https://shop.test/callbacks/pay/7",
        )

    async def phone_pays(self, prepay_id: str, **more: Any) -> str:
        """The page calls wx.requestPayment with our parameters."""
        page = msgspec.to_builtins(self.pay.jsapi_parameters(self.cred, app_id=self.mini.id, prepay_id=prepay_id))
        answer = await self.control("/pay", {"person": PERSON, "app": self.mini.id, **page, **more})
        return str(answer["errMsg"])

    async def paid(self, number: str = "order-0001") -> Transaction:
        prepay_id = await self.pay.prepay_jsapi(self.cred, self.order(number))
        assert await self.phone_pays(prepay_id) == "requestPayment:ok"
        found = await self.pay.query(self.cred, out_trade_no=number)
        assert found is not None
        return found

    def fault(self, kind: Any, **more: Any) -> None:
        self.world.faults.add(Fault(kind, count=1, **more))

    def calls(self, path: str) -> int:
        return sum(entry["call"].path == path for entry in self.world.log)


def refund_of(number: str = "refund-0001", fen: int = 880) -> RefundOrder:
    return RefundOrder(
        out_trade_no="order-0001",
        out_refund_no=number,
        refund_fen=fen,
        total_fen=1880,
        notify_url="https://shop.test/callbacks/pay/7",
    )


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    world = seed.seeded_world()
    world.clock.freeze()
    one = Stage(world)
    world.poster = one.hear
    await one.connect("public_key")
    yield one


@pytest.mark.parametrize("mode", MODES)
async def test_from_order_to_refund(stage: Stage, mode: str) -> None:
    await stage.connect(mode)
    pay, cred = stage.pay, stage.cred
    assert await pay.query(cred, out_trade_no="order-0001") is None
    prepay_id = await pay.prepay_jsapi(cred, stage.order())
    assert await pay.prepay_jsapi(cred, stage.order()) == prepay_id
    unpaid = await pay.query(cred, out_trade_no="order-0001")
    assert unpaid is not None
    assert (unpaid.trade_state, unpaid.is_paid, unpaid.paid_at) == (TradeState.NOTPAY, False, None)
    assert await stage.phone_pays(prepay_id, act="cancel") == "requestPayment:fail cancel"
    paid = await stage.paid()
    assert (paid.trade_state, paid.paid_at) == (TradeState.SUCCESS, stage.clock.now().replace(microsecond=0))
    assert await pay.query_by_transaction(cred, transaction_id=paid.transaction_id) == paid
    refund = await pay.refund(cred, refund_of())
    assert (refund.status, refund.transaction_id) == (RefundStatus.PROCESSING, paid.transaction_id)
    await stage.settle()
    done = await pay.query_refund(cred, out_refund_no="refund-0001")
    assert done is not None
    assert done.amount is not None
    assert (done.status, done.amount.payer_refund, done.done_at is not None) == (RefundStatus.SUCCESS, 880, True)
    about = [one.about for one in stage.told if isinstance(one, Callback)]
    assert about[0] == paid
    assert isinstance(about[1], RefundNotice)
    assert (about[1].out_refund_no, about[1].status, len(about)) == ("refund-0001", RefundStatus.SUCCESS, 2)


async def test_an_order_that_is_closed(stage: Stage) -> None:
    prepay_id = await stage.pay.prepay_jsapi(stage.cred, stage.order())
    await stage.pay.close(stage.cred, out_trade_no="order-0001")
    await stage.pay.close(stage.cred, out_trade_no="order-0001")
    assert await stage.phone_pays(prepay_id) == "requestPayment:fail 该订单已关闭或已过期"
    with pytest.raises(Refused) as refused:
        await stage.pay.prepay_jsapi(stage.cred, stage.order())
    assert refused.value.code == ORDER_CLOSED


async def test_an_order_that_is_paid_cannot_be_paid_or_closed(stage: Stage) -> None:
    await stage.paid()
    for again in (
        stage.pay.prepay_jsapi(stage.cred, stage.order()),
        stage.pay.close(stage.cred, out_trade_no="order-0001"),
    ):
        with pytest.raises(Refused) as refused:
            await again
        assert refused.value.code == ORDER_PAID


async def test_an_order_expires_at_our_time(stage: Stage) -> None:
    soon = replace(stage.order(), expires_at=stage.clock.now() + timedelta(minutes=15))
    prepay_id = await stage.pay.prepay_jsapi(stage.cred, soon)
    stage.world.clock.advance(899)
    assert await stage.phone_pays(prepay_id, act="cancel") == "requestPayment:fail cancel"
    stage.world.clock.advance(2)
    assert await stage.phone_pays(prepay_id) == "requestPayment:fail 该订单已关闭或已过期"


@pytest.mark.parametrize(
    "changed", [{"total_fen": 1}, {"description": "别的"}, {"notify_url": "https://shop.test/other"}]
)
async def test_a_number_means_one_order(stage: Stage, changed: dict[str, Any]) -> None:
    await stage.pay.prepay_jsapi(stage.cred, stage.order())
    with pytest.raises(Refused) as refused:
        await stage.pay.prepay_jsapi(stage.cred, replace(stage.order(), **changed))
    assert refused.value.code == "wechatpay.INVALID_REQUEST"


async def test_a_description_with_emoji_is_taken(stage: Stage) -> None:
    await stage.pay.prepay_jsapi(stage.cred, replace(stage.order(), description="🧋" + "奶茶" * 100))
    assert (await stage.control(f"/orders/{MCHID}/order-0001"))["description"] == "奶茶" * 21


@pytest.mark.parametrize(("kind", "refunds"), [("drop", 0), ("process_then_drop", 1)])
async def test_a_refund_cut_off_is_unknown_and_the_same_call_finishes_it(stage: Stage, kind: str, refunds: int) -> None:
    await stage.paid()
    stage.fault(kind, path=REFUNDS)
    with pytest.raises(Unknown):
        await stage.pay.refund(stage.cred, refund_of())
    assert (await stage.pay.query_refund(stage.cred, out_refund_no="refund-0001") is not None) == bool(refunds)
    await stage.pay.refund(stage.cred, refund_of())
    await stage.settle()
    assert (await stage.control(f"/wallets/{PERSON}"))["balance_fen"] == 99_000


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "busy"}, Unknown),
        ({"kind": "status", "http_status": 502}, Unknown),
        ({"kind": "status", "http_status": 404}, Unknown),
        ({"kind": "refuse", "code": "FREQUENCY_LIMITED"}, Unknown),
        ({"kind": "refuse", "code": "NOT_ENOUGH"}, Refused),
        ({"kind": "refuse", "code": "USER_ACCOUNT_ABNORMAL"}, Refused),
    ],
)
async def test_what_a_refund_may_meet(stage: Stage, fault: dict[str, Any], outcome: type[Exception]) -> None:
    await stage.paid()
    stage.fault(path=REFUNDS, **fault)
    with pytest.raises(outcome):
        await stage.pay.refund(stage.cred, refund_of())
    assert await stage.pay.query_refund(stage.cred, out_refund_no="refund-0001") is None


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"kind": "busy"}, Unavailable),
        ({"kind": "status", "http_status": 502}, Unavailable),
        ({"kind": "refuse", "code": "RATE_LIMITED"}, Unavailable),
        ({"kind": "drop"}, Unknown),
    ],
)
async def test_what_a_question_may_meet(stage: Stage, fault: dict[str, Any], outcome: type[Exception]) -> None:
    stage.fault(path="/v3/pay/*", **fault)
    with pytest.raises(outcome):
        await stage.pay.query(stage.cred, out_trade_no="order-0001")
    assert await stage.pay.query(stage.cred, out_trade_no="order-0001") is None


async def test_an_answer_with_a_probing_signature_is_unknown(stage: Stage) -> None:
    await stage.paid()
    await stage.control("/settings", {"answer_probe_share": 1.0})
    with pytest.raises(Unknown):
        await stage.pay.refund(stage.cred, refund_of())
    await stage.control("/settings", {"answer_probe_share": 0.0})
    assert await stage.pay.query_refund(stage.cred, out_refund_no="refund-0001") is not None


async def test_a_wrong_key_is_told_by_a_question_and_never_by_money(stage: Stage) -> None:
    await stage.paid()
    other = await stage.control("/merchants", {"name": "别家"})
    wrong = replace(stage.cred, private_key=Secret(other["private_key"]))
    with pytest.raises(Refused) as refused:
        await stage.pay.query(wrong, out_trade_no="order-0001")
    assert refused.value.code == BAD_SIGNATURE
    with pytest.raises(Unknown):
        await stage.pay.refund(wrong, refund_of())
    assert (await stage.control(f"/orders/{MCHID}/order-0001"))["refunds"] == []


async def test_a_clock_that_is_off_is_told_too(stage: Stage) -> None:
    late = WechatPay(Outgoing(send=sender(stage.app)), clock=LateClock(), base_url=f"http://sim.test/{HOST}")
    with pytest.raises(Refused) as refused:
        await late.query(stage.cred, out_trade_no="order-0001")
    assert refused.value.code == BAD_SIGNATURE


class LateClock:
    def now(self) -> datetime:
        return datetime.now(UTC) - timedelta(minutes=6)

    async def sleep(self, seconds: float) -> None:
        raise AssertionError


# --- certificates -------------------------------------------------------------------------------------------------


async def test_certificates_are_downloaded_once_for_everybody(stage: Stage) -> None:
    await stage.connect("certificate")
    orders = (stage.pay.prepay_jsapi(stage.cred, stage.order(f"order-{n:04}")) for n in range(20))
    assert len(set(await asyncio.gather(*orders))) == 20
    assert (stage.calls(CERTIFICATES), stage.calls(JSAPI)) == (1, 20)
    stage.world.clock.advance(FRESH.total_seconds())
    await stage.pay.query(stage.cred, out_trade_no="order-0000")
    await stage.pay.query(stage.cred, out_trade_no="order-0000")
    assert stage.calls(CERTIFICATES) == 2


async def test_without_certificates_no_order_is_made(stage: Stage) -> None:
    await stage.connect("certificate")
    stage.fault("status", path=CERTIFICATES, http_status=503)
    with pytest.raises(Unavailable):
        await stage.pay.prepay_jsapi(stage.cred, stage.order())
    assert stage.calls(JSAPI) == 0
    assert await stage.pay.prepay_jsapi(stage.cred, stage.order())


async def test_with_another_api_v3_key_no_order_is_made(stage: Stage) -> None:
    await stage.connect("certificate")
    with pytest.raises(Refused) as refused:
        await stage.pay.prepay_jsapi(replace(stage.cred, api_v3_key=Secret("x" * 32)), stage.order())
    assert (refused.value.code, refused.value.message) == ("wechatpay.credentials", "APIv3 key")
    assert stage.calls(JSAPI) == 0


async def test_a_new_certificate_is_found_after_the_money_call(stage: Stage) -> None:
    await stage.connect("certificate")
    await stage.paid()
    await stage.settle()
    stage.world.clock.advance(GAP.total_seconds())
    new = await stage.control(f"/merchants/{MCHID}/certificates", {})
    refund = await stage.pay.refund(stage.cred, refund_of())
    assert refund.status is RefundStatus.PROCESSING
    assert (stage.calls(REFUNDS), stage.calls(CERTIFICATES)) == (1, 2)
    await stage.settle()
    assert all(isinstance(one, Callback) for one in stage.told)
    assert stage.merchant.notices[-1]["attempts"][0]["serial"] == new["serial"]
    assert stage.calls(CERTIFICATES) == 2


async def test_a_new_certificate_that_cannot_be_had_leaves_money_unknown(stage: Stage) -> None:
    await stage.connect("certificate")
    await stage.paid()
    await stage.settle()
    stage.world.clock.advance(GAP.total_seconds())
    await stage.control(f"/merchants/{MCHID}/certificates", {})
    stage.fault("busy", path=CERTIFICATES)
    with pytest.raises(Unknown):
        await stage.pay.refund(stage.cred, refund_of())
    stage.world.clock.advance(GAP.total_seconds())
    assert await stage.pay.query_refund(stage.cred, out_refund_no="refund-0001") is not None


async def test_made_up_serials_do_not_make_us_ask(stage: Stage) -> None:
    await stage.connect("certificate")
    await stage.pay.query(stage.cred, out_trade_no="order-0001")
    stage.world.clock.advance(GAP.total_seconds())
    stamp = str(int(stage.world.clock.now()))
    headers = {"wechatpay-timestamp": stamp, "wechatpay-nonce": "n", "wechatpay-signature": "bm8="}
    for n in range(10):
        with pytest.raises(BadCallback) as bad:
            await stage.pay.parse_callback(stage.cred, headers | {"wechatpay-serial": f"5{n:039}"}, b"{}")
        assert (bad.value.status, bad.value.reason) == (500, "serial unknown")
    assert stage.calls(CERTIFICATES) == 2


async def test_moving_to_the_public_key(stage: Stage) -> None:
    """A merchant in migration: callbacks are still signed with the certificate, answers with the key that we name."""
    await stage.connect("both")
    await stage.control(f"/merchants/{MCHID}", {"callback_key_share": 0.0})
    await stage.paid()
    await stage.settle()
    [told] = stage.told
    assert isinstance(told, Callback)
    assert stage.calls(CERTIFICATES) == 1
    serials = {
        entry["response"].headers["wechatpay-serial"] for entry in stage.world.log if entry["call"].path == JSAPI
    }
    assert serials == {stage.cred.public_key_id}


# --- callbacks ----------------------------------------------------------------------------------------------------


async def test_a_probe_is_refused_and_the_true_callback_taken(stage: Stage) -> None:
    await stage.control("/settings", {"probe_share": 1.0, "ladder_scale": 0})
    await stage.paid()
    await stage.settle()
    probe, true = stage.told
    assert isinstance(probe, BadCallback)
    assert (probe.status, probe.reason) == (401, "signature probe")
    assert isinstance(true, Callback)
    assert (stage.merchant.defects, stage.merchant.notices[0]["state"]) == ([], "delivered")


async def test_a_callback_comes_twice_and_names_the_same_payment(stage: Stage) -> None:
    stage.fault("duplicate_callback")
    await stage.control("/settings", {"duplicate_has_new_id": True})
    await stage.paid()
    await stage.settle()
    first, second = stage.told
    assert isinstance(first, Callback)
    assert isinstance(second, Callback)
    assert first.event_id != second.event_id
    assert first.about == second.about


async def test_a_lost_callback_is_found_by_asking(stage: Stage) -> None:
    stage.fault("lost_callback")
    assert (await stage.paid()).is_paid
    await stage.settle()
    assert stage.told == []


async def test_a_late_callback_is_signed_when_it_is_sent(stage: Stage) -> None:
    stage.fault("late_callback", delay_s=7200)
    await stage.paid()
    stage.world.clock.advance(7200)
    await stage.settle()
    [told] = stage.told
    assert isinstance(told, Callback)
    assert told.created_at == datetime.fromtimestamp(int(stage.world.clock.now()) - 7200, UTC)


async def test_an_old_callback_played_again_is_refused(stage: Stage) -> None:
    kept: list[tuple[dict[str, str], bytes]] = []

    async def listen(*given: Any) -> tuple[int, bytes]:
        kept.append(({name.lower(): value for name, value in given[2].items()}, given[3]))
        return await stage.hear(*given)

    stage.world.poster = listen
    await stage.paid()
    await stage.settle()
    stage.world.clock.advance(301)
    with pytest.raises(BadCallback) as bad:
        await stage.pay.parse_callback(stage.cred, *kept[0])
    assert (bad.value.status, bad.value.reason) == (401, "time window")


async def test_after_a_changed_api_v3_key_the_callback_waits_for_ours(stage: Stage) -> None:
    await stage.control(f"/merchants/{MCHID}", {"api_v3_key": "n" * 32})
    await stage.paid()
    await stage.settle()
    [told] = stage.told
    assert isinstance(told, BadCallback)
    assert (told.status, told.reason) == (500, "not sealed with our APIv3 key")
    stage.cred = replace(stage.cred, api_v3_key=Secret("n" * 32))
    stage.world.clock.advance(15)
    await stage.settle()
    assert isinstance(stage.told[1], Callback)
