"""Our own WeChat Pay client over a real connection: the headers of answers arrive, and a cut call is Unknown."""

import asyncio

import msgspec
import pytest

from huida.kernel.clock import SystemClock
from huida.kernel.http import Outgoing, Unknown
from huida.kernel.secrets import Secret
from huida.providers.wechatpay.client import JsapiOrder, NativeOrder, RefundOrder, WechatPay
from huida.providers.wechatpay.keys import PayCredentials
from tests.clients.paydesk import HOST, open_desk
from wesim import seed
from wesim.pay.state import MCHID


@pytest.mark.parametrize("mode", ["public_key", "certificate"])
async def test_our_client(server, mode):
    with open_desk(server) as desk:
        keys = await asyncio.to_thread(desk.keys, mode)
        cred = PayCredentials(
            MCHID,
            keys["serial"],
            Secret(keys["private_key"]),
            Secret(keys["api_v3_key"]),
            keys["public_key_id"] if mode == "public_key" else "",
            keys["public_key"] if mode == "public_key" else "",
        )
        outgoing = Outgoing()
        pay = WechatPay(outgoing, clock=SystemClock(), base_url=server.host(HOST).rstrip("/"))
        order = JsapiOrder(
            app_id=seed.MINI_APPID,
            openid=await asyncio.to_thread(lambda: desk.openid),
            out_trade_no="order|0001",
            description="白桃乌龙",
            total_fen=1880,
            notify_url=desk.notify_url,
        )
        prepay_id = await pay.prepay_jsapi(cred, order)
        page = msgspec.to_builtins(pay.jsapi_parameters(cred, app_id=seed.MINI_APPID, prepay_id=prepay_id))
        assert await asyncio.to_thread(desk.pays, page) == "requestPayment:ok"
        found = await pay.query(cred, out_trade_no="order|0001")
        headers = {name.lower(): value for name, value in desk.heard[0].headers.items()}
        assert (await pay.parse_callback(cred, headers, desk.heard[0].body)).about == found
        refund = RefundOrder(out_trade_no="order|0001", out_refund_no="refund@1", refund_fen=1880, total_fen=1880)
        await asyncio.to_thread(
            server.control, "/faults", {"kind": "process_then_drop", "path": "/v3/refund/*", "count": 1}
        )
        with pytest.raises(Unknown):
            await pay.refund(cred, refund)
        done = await pay.query_refund(cred, out_refund_no="refund@1")
        assert (await pay.refund(cred, refund)).refund_id == done.refund_id
        native = NativeOrder(
            app_id=seed.MINI_APPID,
            out_trade_no="order|0002",
            description="短信套餐",
            total_fen=700,
            notify_url=desk.notify_url,
        )
        code_url = await pay.prepay_native(cred, native)
        assert await pay.prepay_native(cred, native) == code_url
        assert await asyncio.to_thread(desk.scans, code_url) == "ok"
        assert (await pay.query(cred, out_trade_no="order|0002")).trade_type == "NATIVE"
        await outgoing.aclose()
