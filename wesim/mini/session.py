"""Login and phone number (reference §4.1, §4.3)."""

from __future__ import annotations

import base64
import hmac
import secrets

from wesim.crypto import session_signature
from wesim.mini.calling import MAINLAND, split
from wesim.oa.token import credentials
from wesim.oa.user import asked, known
from wesim.oa.web import take_code
from wesim.routing import Answer, Call, Route, WxError
from wesim.state import Settings
from wesim.world import World

OK = {"errcode": 0, "errmsg": "ok"}


async def code_to_session(world: World, call: Call) -> Answer:
    app = credentials(world, call.query.get("appid", ""), call.query.get("secret", ""))
    if call.query.get("grant_type") != "authorization_code":
        raise WxError(40002, "invalid grant_type")
    code = take_code(world, call.query.get("js_code", ""), kind="js", app=app.id, used=40163, expired=40029)
    user = world.user(app, code.person)
    user.session_key = base64.b64encode(secrets.token_bytes(16)).decode()
    unionid = world.unionid(app, code.person)
    answer = {"session_key": user.session_key, "openid": user.openid}
    return {**answer, "unionid": unionid} if unionid else answer


async def check_session(world: World, call: Call) -> Answer:
    user = known(call.account, asked(call))
    if call.query.get("sig_method") != "hmac_sha256" or not user.session_key:
        raise WxError(87009, "invalid signature")
    if not hmac.compare_digest(call.query.get("signature", ""), session_signature(user.session_key)):
        raise WxError(87009, "invalid signature")
    return {"errcode": 0, "errmsg": "ok"}


async def phone_number(world: World, call: Call) -> Answer:
    """The code of the getPhoneNumber button, not of wx.login: mixing them up is the usual 40029."""
    wanted = str(call.json().get("code") or "")
    code = take_code(world, wanted, kind="phone", app=call.account.id, used=40029, expired=40029)
    watermark = {"timestamp": world.clock.now_s(), "appid": call.account.id}
    return {**OK, "phone_info": {**_numbers(world.persons[code.person].phone, world.settings), "watermark": watermark}}


def _numbers(phone: str, settings: Settings) -> dict[str, str | int]:
    """Numbers from elsewhere carry their country's code in `phoneNumber`; whether with a + is UNCONFIRMED."""
    country, pure = split(phone)
    plus = "+" if settings.foreign_phone_has_plus else ""
    return {
        "phoneNumber": pure if country == MAINLAND else f"{plus}{country}{pure}",
        "purePhoneNumber": pure,
        "countryCode": int(country) if country and settings.country_code_is_number else country,
    }


ROUTES = [
    Route("GET", "/sns/jscode2session", code_to_session),
    Route("GET", "/wxa/checksession", check_session, token=True, kind="mini"),
    Route("POST", "/wxa/business/getuserphonenumber", phone_number, token=True, kind="mini"),
]
