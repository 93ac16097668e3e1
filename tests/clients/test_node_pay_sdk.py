"""wechatpay-axios-plugin (Node) as a merchant of wesim, in both modes.

Its base URL is a setting of axios. It signs the whole path of that URL, so it comes without the host as a prefix.
"""

import json

import pytest

from tests.clients.paydesk import open_desk
from tests.clients.test_node_sdk import installed, node
from wesim import seed

__all__ = ["installed"]


@pytest.mark.parametrize("mode", ["public_key", "certificate"])
def test_from_order_to_refund(server, installed, mode):
    with open_desk(server) as desk:
        keys = desk.keys(mode)
        found = json.loads(node("node", "drive-pay.js", server.base, seed.MINI_APPID, desk.openid, json.dumps(keys)))
    assert found == {
        "native": ["ok", "SUCCESS", "NATIVE"],
        "phone": "requestPayment:ok",
        "paid": ["SUCCESS", 1880],
        "refund": ["PROCESSING", "SUCCESS"],
        "closed": [204, "CLOSED"],
        "refused": [[400, "ORDER_PAID"], [404, "ORDER_NOT_EXIST"]],
        "told": [
            [True, "TRANSACTION.SUCCESS", "order-0001", 1880],
            [True, "REFUND.SUCCESS", "order-0001", 1880],
            [True, "TRANSACTION.SUCCESS", "order-0004", 700],
        ],
        "samePayment": True,
    }
