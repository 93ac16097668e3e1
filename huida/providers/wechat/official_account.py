"""Official account calls: templates, followers, menu, QR codes, web login (reference: wechat-platform §1, §2)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote

import msgspec

from huida.kernel.clock import Clock
from huida.kernel.fence import fenced_body
from huida.kernel.http import Outgoing, Unknown
from huida.providers.readers import Key, MaybeOpenId, Moment, Number, Opaque, OpenId, Seconds, Small, Words
from huida.providers.wechat.calls import (
    API_BASE,
    OPEN_BASE,
    PAGES_BASE,
    AppCredentials,
    Reply,
    TokenCalls,
    Tokens,
    json_body,
    judged,
    query,
)
from huida.providers.wechat.crypto import jssdk_signature
from huida.providers.wechat.tokens import Kept

Scope = Literal["snsapi_base", "snsapi_userinfo"]


class OaTemplate(msgspec.Struct):
    """A template in the account's own list; historical and category templates are mixed (§2.4)."""

    template_id: Key
    title: Words
    content: Words
    example: Words = ""
    primary_industry: Words = ""
    deputy_industry: Words = ""


class Industry(msgspec.Struct):
    first_class: Words
    second_class: Words


class Industries(Reply):
    primary_industry: Industry | None = None
    secondary_industry: Industry | None = None


class Follower(Reply, kw_only=True):
    """What WeChat tells of a follower: no name, no picture (§1.7)."""

    openid: OpenId
    subscribe: int = 0
    subscribe_time: Moment = 0
    unionid: MaybeOpenId | None = None
    subscribe_scene: str = ""
    qr_scene: int | str = 0
    qr_scene_str: str = ""

    @property
    def follows(self) -> bool:
        return self.subscribe == 1


class _OpenIds(msgspec.Struct):
    openid: list[OpenId] = []


class Followers(Reply):
    """One page of at most 10,000 openids; go on with `next_openid` until `count` is 0."""

    total: Small = 0
    count: Small = 0
    data: _OpenIds = msgspec.field(default_factory=_OpenIds)
    next_openid: MaybeOpenId = ""


class QrTicket(Reply, kw_only=True):
    """A parametric QR code (§1.10); `url` is what the picture holds."""

    ticket: Opaque
    url: Opaque
    expire_seconds: Small | None = None


class WebIdentity(Reply, kw_only=True):
    """Who came through the web login (§1.8)."""

    openid: OpenId
    scope: str = ""
    unionid: MaybeOpenId | None = None
    is_snapshotuser: int = 0

    @property
    def may_be_bound(self) -> bool:
        """False for the throw-away user of snapshot mode, who must never become a member."""
        return self.is_snapshotuser != 1


class JsSdkConfig(msgspec.Struct, frozen=True):
    """What a page hands to `wx.config` (§1.12)."""

    app_id: str = msgspec.field(name="appId")
    timestamp: int
    nonce: str = msgspec.field(name="nonceStr")
    signature: str


class _SendReply(Reply, kw_only=True):
    msgid: Number


class _AddedReply(Reply, kw_only=True):
    template_id: Key


class _TemplatesReply(Reply):
    template_list: list[OaTemplate] | None = None


class _MenuReply(Reply):
    menu: dict[str, Any] = {}


class _Ping(msgspec.Struct):
    package_loss: str = "0%"


class _CallbackReply(Reply):
    ping: list[_Ping] = []


class _TicketReply(Reply, kw_only=True):
    ticket: Opaque
    expires_in: Seconds


def template_body(
    openid: str,
    template_id: str,
    data: Mapping[str, str],
    *,
    client_msg_id: str,
    url: str = "",
    mini_program: tuple[str, str] | None = None,
) -> bytes:
    """The body of a template message; `mini_program` is (appid, page path) and goes before `url` (§2.5)."""
    body: dict[str, object] = {
        "touser": openid,
        "template_id": template_id,
        "client_msg_id": client_msg_id,
        "data": {key: {"value": value} for key, value in data.items()},
    }
    if url:
        body["url"] = url
    if mini_program:
        body["miniprogram"] = {"appid": mini_program[0], "pagepath": mini_program[1].removeprefix("/")}
    return json_body(body)


class OfficialAccount:
    """Official account calls of any merchant; credentials are an argument."""

    def __init__(
        self,
        outgoing: Outgoing,
        tokens: Tokens,
        *,
        clock: Clock,
        base_url: str = API_BASE,
        open_url: str = OPEN_BASE,
        pages_url: str = PAGES_BASE,
    ) -> None:
        self._base = base_url
        self._open = open_url
        self._pages = pages_url
        self._lane = outgoing.lane("wechat")
        self._calls = TokenCalls(self._lane, tokens)
        self._send_url = f"{base_url}/cgi-bin/message/template/send?access_token="
        self._read = judged(Reply, clock)
        self._read_send = judged(_SendReply, clock)
        self._read_added = judged(_AddedReply, clock)
        self._read_templates = judged(_TemplatesReply, clock)
        self._read_industries = judged(Industries, clock)
        self._read_follower = judged(Follower, clock)
        self._read_followers = judged(Followers, clock)
        self._read_menu = judged(_MenuReply, clock)
        self._read_qr = judged(QrTicket, clock)
        self._read_identity = judged(WebIdentity, clock)
        self._read_callback = judged(_CallbackReply, clock)
        self._read_ticket = judged(_TicketReply, clock)
        self._tickets = Kept(self._fetch_ticket, clock)

    async def send_template(self, cred: AppCredentials, body: bytes) -> int:
        """Send one template message and return its msgid. Raises a ProviderOutcome.

        After Unknown the same body may be sent again: WeChat delivers one (openid, client_msg_id) once within ten
        minutes, and promises nothing later (§2.5).
        """
        return (await self._calls.post(cred, self._send_url, fenced_body(body), self._read_send)).msgid

    async def templates(self, cred: AppCredentials) -> list[OaTemplate]:
        """The account's templates; read keys and kinds from `content` with `params.template_fields`.

        An answer without a list is no empty list: it raises Unknown.
        """
        url = f"{self._base}/cgi-bin/template/get_all_private_template?access_token="
        found = (await self._calls.get(cred, url, self._read_templates)).template_list
        if found is None:
            raise Unknown("no list of templates")
        return found

    async def add_template(self, cred: AppCredentials, *, short_id: str, keywords: Sequence[str]) -> str:
        """Add a library template with these keyword names in this order; returns the template id (§2.3)."""
        body = json_body({"template_id_short": short_id, "keyword_name_list": list(keywords)})
        url = f"{self._base}/cgi-bin/template/api_add_template?access_token="
        return (await self._calls.post(cred, url, body, self._read_added)).template_id

    async def delete_template(self, cred: AppCredentials, template_id: str) -> None:
        """Delete a template of the account."""
        url = f"{self._base}/cgi-bin/template/del_private_template?access_token="
        await self._calls.post(cred, url, json_body({"template_id": template_id}), self._read)

    async def industries(self, cred: AppCredentials) -> Industries:
        """The account's two industries (legacy, §2.2)."""
        url = f"{self._base}/cgi-bin/template/get_industry?access_token="
        return await self._calls.get(cred, url, self._read_industries)

    async def set_industries(self, cred: AppCredentials, first: int, second: int) -> None:
        """Choose two industries, once a month; deletes the templates of the former ones (§2.2)."""
        body = json_body({"industry_id1": str(first), "industry_id2": str(second)})
        url = f"{self._base}/cgi-bin/template/api_set_industry?access_token="
        await self._calls.post(cred, url, body, self._read)

    async def follower(self, cred: AppCredentials, openid: str) -> Follower:
        """Whether and how this person follows the account (§1.7)."""
        url = f"{self._base}/cgi-bin/user/info?access_token="
        found = await self._calls.get(cred, url, self._read_follower, then="&" + query(openid=openid, lang="zh_CN"))
        if found.openid != openid:
            raise Unknown("answer about another person")
        return found

    async def followers(self, cred: AppCredentials, *, after: str = "") -> Followers:
        """One page of the followers' openids, after this one."""
        url = f"{self._base}/cgi-bin/user/get?access_token="
        return await self._calls.get(cred, url, self._read_followers, then="&" + query(next_openid=after))

    async def callback_loss(self, cred: AppCredentials) -> int:
        """The worst packet loss, in percent, on the way from WeChat to the callback (§1.1). Refused(wechat.40201): none set."""
        body = json_body({"action": "all", "check_operator": "DEFAULT"})
        url = f"{self._base}/cgi-bin/callback/check?access_token="
        reply = await self._calls.post(cred, url, body, self._read_callback)
        losses = [ping.package_loss.removesuffix("%") for ping in reply.ping]
        return max((int(loss) for loss in losses if loss.isdecimal()), default=0)

    async def create_menu(self, cred: AppCredentials, buttons: Sequence[Mapping[str, Any]]) -> None:
        """Replace the account's menu (§1.9)."""
        url = f"{self._base}/cgi-bin/menu/create?access_token="
        await self._calls.post(cred, url, json_body({"button": list(buttons)}), self._read)

    async def menu(self, cred: AppCredentials) -> dict[str, Any]:
        """The account's menu as WeChat keeps it. Raises Refused(wechat.46003) when there is none."""
        url = f"{self._base}/cgi-bin/menu/get?access_token="
        return (await self._calls.get(cred, url, self._read_menu)).menu

    async def delete_menu(self, cred: AppCredentials) -> None:
        """Delete the menu and all conditional menus."""
        url = f"{self._base}/cgi-bin/menu/delete?access_token="
        await self._calls.get(cred, url, self._read)

    async def create_qr(self, cred: AppCredentials, scene: str, *, expire_s: int = 2_592_000) -> QrTicket:
        """A temporary QR code for a scene of 1–64 characters, valid for up to 30 days (§1.10)."""
        body = {
            "expire_seconds": expire_s,
            "action_name": "QR_STR_SCENE",
            "action_info": {"scene": {"scene_str": scene}},
        }
        url = f"{self._base}/cgi-bin/qrcode/create?access_token="
        return await self._calls.post(cred, url, json_body(body), self._read_qr)

    async def create_lasting_qr(self, cred: AppCredentials, scene: str) -> QrTicket:
        """A QR code that never expires; an account may have 100,000 (45029)."""
        body = {"action_name": "QR_LIMIT_STR_SCENE", "action_info": {"scene": {"scene_str": scene}}}
        url = f"{self._base}/cgi-bin/qrcode/create?access_token="
        return await self._calls.post(cred, url, json_body(body), self._read_qr)

    def qr_picture_url(self, ticket: str) -> str:
        """Where the picture of a QR code is; needs no token."""
        return f"{self._pages}/cgi-bin/showqrcode?ticket={quote(ticket, safe='')}"

    def login_url(self, app_id: str, *, redirect_uri: str, state: str, scope: Scope = "snsapi_base") -> str:
        """Where to send the browser for the web login; some clients mind the order of the parameters (§1.8)."""
        asked = query(appid=app_id, redirect_uri=redirect_uri, response_type="code", scope=scope, state=state)
        return f"{self._open}/connect/oauth2/authorize?{asked}#wechat_redirect"

    async def exchange_code(self, cred: AppCredentials, code: str) -> WebIdentity:
        """Who came back from the web login; a code works once, for five minutes (§1.8)."""
        asked = query(appid=cred.app_id, secret=cred.secret.reveal(), code=code, grant_type="authorization_code")
        return await self._lane.get(f"{self._base}/sns/oauth2/access_token?{asked}", self._read_identity)

    async def jssdk_config(self, cred: AppCredentials, url: str, *, nonce: str, now: datetime) -> JsSdkConfig:
        """The signed configuration for the JS-SDK on the page at `url` (§1.12)."""
        timestamp = int(now.timestamp())
        ticket = await self._tickets.get(cred)
        signature = jssdk_signature(ticket=ticket, nonce=nonce, timestamp=timestamp, url=url)
        return JsSdkConfig(app_id=cred.app_id, timestamp=timestamp, nonce=nonce, signature=signature)

    async def _fetch_ticket(self, cred: AppCredentials) -> tuple[str, int]:
        url = f"{self._base}/cgi-bin/ticket/getticket?access_token="
        reply = await self._calls.get(cred, url, self._read_ticket, then="&type=jsapi")
        return reply.ticket, reply.expires_in
