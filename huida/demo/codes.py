"""The sample merchant's verification codes: a text for each scenario, switched on, through the merchant's own doors."""

from typing import Final

from huida.demo.doors import Doors

CODE: Final = "SMS_100000001"
TEXT: Final = "您的验证码为${code}，5分钟内有效，请勿泄露给他人。"
NAMES: Final = {
    "register": "用户注册验证码",
    "recover": "找回密码验证码",
    "login": "用户登录验证码",
    "bind": "绑定手机号验证码",
}
TEXTS: Final = "/api/console/messaging/sms-templates"
CODES: Final = "/api/console/verification"


def open_codes(admin: Doors) -> None:
    """Switch every code scenario on; a second time changes nothing."""
    known = {one["scenario"]: one["id"] for one in admin.get(TEXTS)["items"]}
    for scenario, name in NAMES.items():
        text = {
            "name": name,
            "scenario": f"code_{scenario}",
            "content": TEXT,
            "mapping": {"code": "code"},
            "codes": {"aliyun": CODE},
        }
        template_id = known.get(f"code_{scenario}") or admin.post(TEXTS, text)["id"]
        admin.replace(
            f"{CODES}/{scenario}",
            {"live": True, "template_id": template_id},
            shown=CODES,
            at="scenarios",
            scenario=scenario,
        )
