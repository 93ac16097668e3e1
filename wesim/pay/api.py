"""The paths of api.mch.weixin.qq.com."""

from __future__ import annotations

from typing import Any

from wesim.pay.crypto import ALGORITHM, seal
from wesim.pay.errors import PayError
from wesim.pay.gateway import by_method, refuse, unknown
from wesim.pay.notices import outbox_of
from wesim.pay.orders import close, prepay, prepay_native, query_by_id, query_by_number
from wesim.pay.refunds import query_refund, refund
from wesim.pay.state import Merchant, Pay, nonce, rfc3339
from wesim.routing import Call, Route
from wesim.world import World

__all__ = ["refuse", "routes", "unknown"]


def routes(world: World) -> list[Route]:
    return [
        Route("*", "/v3/certificates", by_method(GET=certificates)),
        Route("*", "/v3/pay/transactions/jsapi", by_method(POST=prepay)),
        Route("*", "/v3/pay/transactions/native", by_method(POST=prepay_native)),
        Route("*", "/v3/pay/transactions/id/{transaction_id}", by_method(GET=query_by_id)),
        Route("*", "/v3/pay/transactions/out-trade-no/{out_trade_no}", by_method(GET=query_by_number)),
        Route("*", "/v3/pay/transactions/out-trade-no/{out_trade_no}/close", by_method(POST=close)),
        Route("*", "/v3/refund/domestic/refunds", by_method(POST=begin_refund)),
        Route("*", "/v3/refund/domestic/refunds/{out_refund_no}", by_method(GET=query_refund)),
    ]


def begin_refund(pay: Pay, merchant: Merchant, call: Call) -> dict[str, Any]:
    """The refund goes on by itself: somebody must look when it is due."""
    body = refund(pay, merchant, call)
    outbox_of(pay.world).wake()
    return body


def certificates(pay: Pay, merchant: Merchant, call: Call) -> dict[str, Any]:
    """The platform certificates that are valid now, sealed with the APIv3 key (reference §1.4)."""
    now = pay.world.clock.now()
    valid = [one for one in merchant.certificates if one.begins <= now < one.ends]
    if merchant.mode == "public_key" or not valid:
        raise PayError("RESOURCE_NOT_EXISTS", "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥")
    if not merchant.api_v3_key:
        raise PayError("INVALID_REQUEST", "APIv3密钥未设置")
    data = []
    for one in valid:
        once = nonce(12)
        sealed = seal(merchant.api_v3_key, one.pem.encode(), nonce=once, associated="certificate")
        data.append(
            {
                "serial_no": one.serial,
                "effective_time": rfc3339(one.begins),
                "expire_time": rfc3339(one.ends),
                "encrypt_certificate": {
                    "algorithm": ALGORITHM,
                    "nonce": once,
                    "associated_data": "certificate",
                    "ciphertext": sealed,
                },
            }
        )
    return {"data": data}
