"""What tests of verification codes share."""

from hashlib import sha256
from itertools import count

from tests.shop import Shop

ALIYUN_CODE = "SMS_100000001"
CODE_TEXT = "您的验证码为${code}，5分钟内有效，请勿泄露给他人。"


def solved(challenge: str) -> str:
    """The answer to a challenge, as the page finds it."""
    bits = int(challenge.split(".")[0])
    for number in count():
        digest = sha256(f"{challenge}.{number}".encode()).digest()
        if int.from_bytes(digest, "big") >> (256 - bits) == 0:
            return str(number)
    raise AssertionError


async def code_template(shop: Shop, scenario: str) -> str:
    """An enabled SMS template of a code scenario, entered as the merchant does; returns its id."""
    body = {
        "name": f"验证码 {scenario}",
        "scenario": f"code_{scenario}",
        "content": CODE_TEXT,
        "codes": {"aliyun": ALIYUN_CODE},
        "mapping": {"code": "code"},
    }
    made = await shop.staff.post("/api/console/messaging/sms-templates", body)
    assert made.status == 201, made.text
    return str(made.json()["id"])


async def codes_on(shop: Shop, *scenarios: str) -> None:
    """Switch code scenarios on."""
    for scenario in scenarios:
        body = {"live": True, "template_id": await code_template(shop, scenario)}
        saved = await shop.staff.put(f"/api/console/verification/{scenario}", body)
        assert saved.status == 204, saved.text
