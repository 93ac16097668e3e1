"""Mini program calls: login, phone, subscribe messages, links (reference: wechat-platform §3, §4)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal

import msgspec

from huida.kernel.clock import Clock
from huida.kernel.http import Outgoing, Unknown
from huida.kernel.secrets import Secret
from huida.providers.readers import Key, MaybeOpenId, Number, Opaque, OpenId, PhoneDigits, Small, Words
from huida.providers.wechat.calls import API_BASE, AppCredentials, Reply, TokenCalls, Tokens, json_body, judged, query

EnvVersion = Literal["release", "trial", "develop"]
State = Literal["formal", "trial", "developer"]
ONE_TIME: Final = 2
LONG_TERM: Final = 3


class Session(Reply, kw_only=True):
    """Who logged in (§4.1). The session key never leaves the server."""

    openid: OpenId
    session_key: str = ""
    unionid: MaybeOpenId | None = None

    def key(self) -> Secret:
        return Secret(self.session_key)

    def __repr__(self) -> str:
        return f"Session(openid={self.openid!r})"


class Phone(msgspec.Struct):
    """A phone number that the member gave by tapping (§4.3)."""

    pure_phone_number: PhoneDigits = msgspec.field(name="purePhoneNumber")
    country_code: str | int = msgspec.field(name="countryCode", default="86")

    def __repr__(self) -> str:
        return "Phone(***)"


Kind = Annotated[int, msgspec.Meta(ge=0, le=2**15 - 1)]


class Category(msgspec.Struct):
    id: Small
    name: Words


class LibraryTitle(msgspec.Struct):
    """A title of the platform's public template library."""

    tid: Small
    title: Words
    type: int
    category_id: str | int = msgspec.field(name="categoryId", default="")


class LibraryKeyword(msgspec.Struct):
    """A keyword of a title; its key in messages is `rule` + `kid` (§3.2)."""

    kid: Small
    name: Words
    example: Words
    rule: Key

    @property
    def key(self) -> str:
        return f"{self.rule}{self.kid}"


class EnumChoices(msgspec.Struct):
    keyword_code: Key = msgspec.field(name="keywordCode")
    choices: list[Words] = msgspec.field(name="enumValueList", default_factory=list)


class SubscribeTemplate(msgspec.Struct):
    """A template in the account's own list (§3.2)."""

    template_id: Key = msgspec.field(name="priTmplId")
    title: Words
    content: Words
    example: Words = ""
    type: Kind = ONE_TIME
    enum_choices: list[EnumChoices] | None = msgspec.field(name="keywordEnumValueList", default=None)


class SendReply(Reply):
    """Accepted for sending; delivery is told by an event (§3.7). That every answer names the message is not sure (§3.5)."""

    msgid: Number | None = None


class _PhoneReply(Reply, kw_only=True):
    phone_info: Phone


class _CategoryReply(Reply):
    data: list[Category] = []


class _TitleReply(Reply):
    count: Small = 0
    data: list[LibraryTitle] = []


class _KeywordReply(Reply):
    count: Small = 0
    data: list[LibraryKeyword] = []


class _AddedReply(Reply, kw_only=True):
    template_id: Key = msgspec.field(name="priTmplId")


class _TemplateReply(Reply):
    data: list[SubscribeTemplate] | None = None


class _LinkReply(Reply, kw_only=True):
    url_link: Opaque


class _SchemeReply(Reply, kw_only=True):
    openlink: Opaque


def subscribe_body(
    openid: str, template_id: str, data: Mapping[str, str], *, page: str = "", state: State = "formal"
) -> bytes:
    """The body of a subscribe message; `data` holds fitted values by key (§3.4)."""
    body: dict[str, object] = {
        "touser": openid,
        "template_id": template_id,
        "data": {key: {"value": value} for key, value in data.items()},
        "miniprogram_state": state,
        "lang": "zh_CN",
    }
    if page:
        body["page"] = page.removeprefix("/")
    return json_body(body)


class MiniProgram:
    """Mini program calls of any merchant; credentials are an argument, nothing about a merchant is kept."""

    def __init__(self, outgoing: Outgoing, tokens: Tokens, *, clock: Clock, base_url: str = API_BASE) -> None:
        self._base = base_url
        self._lane = outgoing.lane("wechat")
        self._calls = TokenCalls(self._lane, tokens)
        self._send_url = f"{base_url}/cgi-bin/message/subscribe/send?access_token="
        self._read = judged(Reply, clock)
        self._read_send = judged(SendReply, clock)
        self._read_session = judged(Session, clock)
        self._read_phone = judged(_PhoneReply, clock)
        self._read_categories = judged(_CategoryReply, clock)
        self._read_titles = judged(_TitleReply, clock)
        self._read_keywords = judged(_KeywordReply, clock)
        self._read_added = judged(_AddedReply, clock)
        self._read_templates = judged(_TemplateReply, clock)
        self._read_link = judged(_LinkReply, clock)
        self._read_scheme = judged(_SchemeReply, clock)

    async def send_subscribe(self, cred: AppCredentials, body: bytes) -> int | None:
        """Send one subscribe message and return its msgid, None when the answer names none. Raises a ProviderOutcome.

        There is no idempotency key and nothing to ask afterwards: Unknown stays unknown (§3.4). Sends to one openid
        must not overlap (43108).
        """
        return (await self._calls.post(cred, self._send_url, body, self._read_send)).msgid

    async def code2session(self, cred: AppCredentials, js_code: str) -> Session:
        """Who logged in with this code of `wx.login`; a code works once, for five minutes (§4.1)."""
        asked = query(appid=cred.app_id, secret=cred.secret.reveal(), js_code=js_code, grant_type="authorization_code")
        return await self._lane.get(f"{self._base}/sns/jscode2session?{asked}", self._read_session)

    async def phone_number(self, cred: AppCredentials, code: str) -> Phone:
        """The phone behind a code of the phone button; works once, for five minutes from the tap (§4.3)."""
        url = f"{self._base}/wxa/business/getuserphonenumber?access_token="
        return (await self._calls.post(cred, url, json_body({"code": code}), self._read_phone)).phone_info

    async def categories(self, cred: AppCredentials) -> list[Category]:
        """The account's service categories (§3.2)."""
        url = f"{self._base}/wxaapi/newtmpl/getcategory?access_token="
        return (await self._calls.get(cred, url, self._read_categories)).data

    async def library_titles(
        self, cred: AppCredentials, category_ids: Sequence[int], *, start: int = 0, limit: int = 30
    ) -> tuple[int, list[LibraryTitle]]:
        """How many titles the library has in these categories, and one page (at most 30) of them."""
        then = "&" + query(ids=",".join(map(str, category_ids)), start=start, limit=limit)
        url = f"{self._base}/wxaapi/newtmpl/getpubtemplatetitles?access_token="
        reply = await self._calls.get(cred, url, self._read_titles, then=then)
        return reply.count, reply.data

    async def library_keywords(self, cred: AppCredentials, tid: int) -> list[LibraryKeyword]:
        """The keywords that a title offers."""
        url = f"{self._base}/wxaapi/newtmpl/getpubtemplatekeywords?access_token="
        return (await self._calls.get(cred, url, self._read_keywords, then=f"&tid={tid}")).data

    async def add_template(self, cred: AppCredentials, *, tid: int, keyword_ids: Sequence[int], scene: str) -> str:
        """Add a title with 2–5 keywords in this order; returns the template id. `scene` is at most 15 characters."""
        body = json_body({"tid": str(tid), "kidList": list(keyword_ids), "sceneDesc": scene})
        url = f"{self._base}/wxaapi/newtmpl/addtemplate?access_token="
        return (await self._calls.post(cred, url, body, self._read_added)).template_id

    async def templates(self, cred: AppCredentials) -> list[SubscribeTemplate]:
        """The account's own templates; read keys and kinds from `content` with `params.template_fields`.

        An answer without a list is no empty list: it raises Unknown.
        """
        url = f"{self._base}/wxaapi/newtmpl/gettemplate?access_token="
        found = (await self._calls.get(cred, url, self._read_templates)).data
        if found is None:
            raise Unknown("no list of templates")
        return found

    async def delete_template(self, cred: AppCredentials, template_id: str) -> None:
        """Delete a template of the account."""
        url = f"{self._base}/wxaapi/newtmpl/deltemplate?access_token="
        await self._calls.post(cred, url, json_body({"priTmplId": template_id}), self._read)

    async def url_link(
        self,
        cred: AppCredentials,
        *,
        path: str,
        query_text: str = "",
        days: int = 30,
        env_version: EnvVersion = "release",
    ) -> str:
        """A web link that opens the mini program, valid for up to 30 days (§4.5)."""
        asked = {
            "path": path,
            "query": query_text,
            "env_version": env_version,
            "is_expire": True,
            "expire_type": 1,
            "expire_interval": days,
        }
        url = f"{self._base}/wxa/generate_urllink?access_token="
        return (await self._calls.post(cred, url, json_body(asked), self._read_link)).url_link

    async def scheme(
        self,
        cred: AppCredentials,
        *,
        path: str,
        query_text: str = "",
        days: int = 30,
        env_version: EnvVersion = "release",
    ) -> str:
        """A `weixin://` link that opens the mini program, valid for up to 30 days (§4.5)."""
        asked = {
            "jump_wxa": {"path": path, "query": query_text, "env_version": env_version},
            "is_expire": True,
            "expire_type": 1,
            "expire_interval": days,
        }
        url = f"{self._base}/wxa/generatescheme?access_token="
        return (await self._calls.post(cred, url, json_body(asked), self._read_scheme)).openlink
