"""Aliyun SMS, Dysmsapi 2017-05-25 (reference: wechat-pay-and-sms §5.1–§5.7)."""

import base64
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from huida.kernel.clock import SHOP_ZONE, Clock
from huida.kernel.http import Answer, Outgoing, ProviderOutcome, Refused, Unavailable, Unknown, plain_answer
from huida.providers.readers import Key, MaybeKey, Words, understood
from huida.providers.sms.provider import (
    Audit,
    BadReport,
    SignRequest,
    SmsAccepted,
    SmsAudit,
    SmsCredentials,
    SmsReport,
    SmsState,
)
from huida.providers.sms.signing import acs3_authorization, canonical_query, sha256_hex

BASE: Final = "https://dysmsapi.aliyuncs.com"
VERSION: Final = "2017-05-25"
REPORT_ANSWER: Final = '{"code":0,"msg":"成功"}'.encode()
PAGE: Final = 50
REMARK_MOST: Final = 200

# Documented as "call again": nothing was accepted (§5.6).
_BUSY: Final = ("isp.SYSTEM_ERROR", "isp.GATEWAY_ERROR", "Throttling")
_DOUBTFUL: Final = frozenset({"InternalError", "ServiceUnavailable"})
_AUDITS: Final = {0: Audit.REVIEWING, 1: Audit.APPROVED, 2: Audit.REJECTED, 10: Audit.WITHDRAWN}
_STATES: Final = {1: SmsState.WAITING, 2: SmsState.FAILED, 3: SmsState.DELIVERED}
_FORM: Final = "application/x-www-form-urlencoded"
_PREFIX: Final = "aliyun."


class _Reply(msgspec.Struct, rename="pascal"):
    code: str = ""
    message: str = ""


class _SendReply(_Reply, kw_only=True):
    biz_id: Key


class _Detail(msgspec.Struct, rename="pascal"):
    send_status: int
    phone_num: MaybeKey = ""
    err_code: MaybeKey = ""
    out_id: MaybeKey = ""
    receive_date: str = ""


class _Details(msgspec.Struct):
    rows: list[_Detail] = msgspec.field(name="SmsSendDetailDTO", default_factory=list)


class _QueryReply(_Reply):
    details: _Details = msgspec.field(name="SmsSendDetailDTOs", default_factory=_Details)


class _SignReply(_Reply):
    sign_status: int = 0
    reason: Words | None = None


class _TemplateReply(_Reply):
    template_status: int = 0
    template_content: Words = ""
    reason: Words | None = None


class _Pushed(msgspec.Struct):
    phone_number: Key
    success: bool
    biz_id: MaybeKey = ""
    out_id: MaybeKey | None = ""
    err_code: MaybeKey | None = ""
    report_time: str | None = ""
    sms_size: MaybeKey | int | None = None


R = TypeVar("R", bound=_Reply)
_PLAIN: Final = msgspec.json.Decoder(_Reply, strict=False)


class AliyunSms:
    """Aliyun SMS of any merchant; credentials are an argument."""

    def __init__(self, outgoing: Outgoing, *, clock: Clock, base_url: str = BASE) -> None:
        self._lane = outgoing.lane("aliyun_sms")
        self._clock = clock
        self._base = base_url
        self._host = urlsplit(base_url).netloc
        self._read_send = _judged(_SendReply, clock)
        self._read_query = _judged(_QueryReply, clock)
        self._read_sign = _judged(_SignReply, clock)
        self._read_template = _judged(_TemplateReply, clock)
        self._read_plain = _judged(_Reply, clock)

    async def send(
        self,
        cred: SmsCredentials,
        *,
        phone: str,
        sign_name: str,
        template_code: str,
        params: Mapping[str, str],
        out_id: str,
    ) -> SmsAccepted:
        """Send one message. Raises a ProviderOutcome; after Unknown ask with `query` by the same `out_id` (§5.2)."""
        asked = {"PhoneNumbers": phone, "SignName": sign_name, "TemplateCode": template_code, "OutId": out_id}
        if params:
            asked["TemplateParam"] = msgspec.json.encode(dict(params)).decode()
        return SmsAccepted((await self._call(cred, "SendSms", asked, self._read_send)).biz_id)

    async def query(
        self, cred: SmsCredentials, *, phone: str, day: date, out_id: str = "", provider_ref: str = ""
    ) -> SmsReport | None:
        """What became of a message; asked by BizId when it is known, else searched by our number (§5.2)."""
        assert out_id or provider_ref
        asked = {"PhoneNumber": phone, "SendDate": day.strftime("%Y%m%d"), "PageSize": str(PAGE)}
        if provider_ref:
            asked["BizId"] = provider_ref
        # One phone gets at most 50 notices of a template a day and few others: four pages are all there is.
        for page in range(1, 5):
            reply = await self._call(cred, "QuerySendDetails", asked | {"CurrentPage": str(page)}, self._read_query)
            rows = reply.details.rows
            found = next((row for row in rows if not out_id or row.out_id == out_id), None)
            if found is not None:
                return _report(found, phone=phone, provider_ref=provider_ref)
            if len(rows) < PAGE:
                return None
        return None

    async def sign(self, cred: SmsCredentials, name: str) -> SmsAudit:
        """Where the review of a signature stands (§5.3)."""
        reply = await self._call(cred, "QuerySmsSign", {"SignName": name}, self._read_sign)
        return SmsAudit(name, _AUDITS.get(reply.sign_status, Audit.REVIEWING), reply.reason or "")

    async def add_sign(self, cred: SmsCredentials, request: SignRequest) -> None:
        """Hand a new signature in with its papers (§5.3). Raises a ProviderOutcome."""
        await self._hand_in(cred, "AddSmsSign", request)

    async def modify_sign(self, cred: SmsCredentials, request: SignRequest) -> None:
        """Hand a refused or withdrawn signature in again (§5.3). Raises a ProviderOutcome."""
        await self._hand_in(cred, "ModifySmsSign", request)

    def knows_no_sign(self, refused: Refused) -> bool:
        return refused.code == "aliyun.isv.SMS_SIGNATURE_ILLEGAL"

    async def _hand_in(self, cred: SmsCredentials, action: str, request: SignRequest) -> None:
        asked = {
            "SignName": request.name,
            "SignSource": str(request.source),
            "SignType": "1",
            "Remark": request.remark[:REMARK_MOST],
        }
        papers: dict[str, str] = {}
        for number, paper in enumerate(request.papers, start=1):
            papers[f"SignFileList.{number}.FileSuffix"] = paper.suffix
            papers[f"SignFileList.{number}.FileContents"] = base64.b64encode(paper.content).decode()
        await self._call(cred, action, asked, self._read_plain, form=papers)

    async def template(self, cred: SmsCredentials, template_code: str) -> SmsAudit:
        """Where the review of a template stands, with its content (§5.4)."""
        reply = await self._call(cred, "QuerySmsTemplate", {"TemplateCode": template_code}, self._read_template)
        state = _AUDITS.get(reply.template_status, Audit.REVIEWING)
        return SmsAudit(template_code, state, reply.reason or "", reply.template_content)

    def knows_no_template(self, refused: Refused) -> bool:
        return refused.code == "aliyun.isv.SMS_TEMPLATE_ILLEGAL"

    def parse_report(self, body: bytes) -> list[SmsReport]:
        """Pushed delivery reports; answer them with `REPORT_ANSWER` (§5.7). Raises BadReport."""
        pushed = _pushed(body)
        if pushed is None:
            raise BadReport("not understood")
        return [
            SmsReport(
                provider_ref=one.biz_id,
                out_id=one.out_id or "",
                phone=one.phone_number,
                state=SmsState.DELIVERED if one.success else SmsState.FAILED,
                code=one.err_code or "",
                at=_local_time(one.report_time or ""),
                parts=_count(one.sms_size),
            )
            for one in pushed
        ]

    async def _call(
        self,
        cred: SmsCredentials,
        action: str,
        asked: Mapping[str, str],
        read: Callable[[Answer], R],
        *,
        form: Mapping[str, str] | None = None,
    ) -> R:
        """Parameters go into the query, only files into the body, as the provider's own SDK does it (§5.1)."""
        query = canonical_query(asked)
        body = canonical_query(form or {}).encode()
        body_hash = sha256_hex(body)
        headers = {
            "host": self._host,
            "x-acs-action": action,
            "x-acs-version": VERSION,
            "x-acs-date": self._clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": secrets.token_hex(16),
            "x-acs-content-sha256": body_hash,
        }
        if body:
            headers["content-type"] = _FORM
        headers["authorization"] = acs3_authorization(
            key_id=cred.key_id,
            secret=cred.secret.reveal(),
            method="POST",
            query=query,
            headers=headers,
            body_hash=body_hash,
        )
        return await self._lane.post(f"{self._base}/?{query}", body, read, headers)


def judge(code: str, message: str, *, status: int, now: datetime) -> ProviderOutcome:
    """The outcome that a code other than OK means (§5.6)."""
    if code.startswith(_BUSY):
        return Unavailable(_PREFIX + code)
    if code in _DOUBTFUL or status >= 500:
        return Unknown(_PREFIX + code)
    return Refused(_PREFIX + code, message, later_s=_later_s(code, message, now))


def _later_s(code: str, message: str, now: datetime) -> float | None:
    """Minute and hour are calendar windows in China, the day is 24 hours from the send (§5.7, P-08)."""
    local = now.astimezone(SHOP_ZONE)
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    match code:
        case "isv.BUSINESS_LIMIT_CONTROL" if "分钟" in message:
            return 60.0 - local.second
        case "isv.BUSINESS_LIMIT_CONTROL" if "小时" in message:
            return 3600.0 - local.minute * 60 - local.second
        case "isv.BUSINESS_LIMIT_CONTROL":
            return 86400.0
        case "isv.DAY_LIMIT_CONTROL":
            return (midnight - local).total_seconds()
        case "isv.MONTH_LIMIT_CONTROL":
            month = (local.replace(day=28) + timedelta(days=4)).replace(
                day=1, hour=0, minute=0, second=0, microsecond=0
            )
            return (month - local).total_seconds()
        case _:
            return None


def _judged(kind: type[R], clock: Clock) -> Callable[[Answer], R]:
    decoder = msgspec.json.Decoder(kind, strict=False)

    def read(answer: Answer) -> R:
        reply = understood(decoder, answer.body)
        # A refusal has none of the fields that a success must have.
        said: _Reply | None = reply or understood(_PLAIN, answer.body)
        if said is not None and said.code and said.code != "OK":
            raise judge(said.code, said.message, status=answer.status, now=clock.now())
        plain_answer(answer)
        if reply is None or not reply.code:
            raise Unknown("answer not understood")
        return reply

    return read


def _report(row: _Detail, *, phone: str, provider_ref: str) -> SmsReport:
    return SmsReport(
        provider_ref=provider_ref,
        out_id=row.out_id,
        phone=row.phone_num or phone,
        state=_STATES.get(row.send_status, SmsState.WAITING),
        code=row.err_code,
        at=_local_time(row.receive_date),
    )


_decode_pushed: Final = msgspec.json.Decoder(list[_Pushed], strict=False)
_decode_one: Final = msgspec.json.Decoder(_Pushed, strict=False)


def _pushed(body: bytes) -> list[_Pushed] | None:
    """An array over HTTP, a single object from the queue; None when it is neither."""
    if body.lstrip()[:1] == b"{":
        one = understood(_decode_one, body)
        return None if one is None else [one]
    return understood(_decode_pushed, body)


def _count(told: str | int | None) -> int | None:
    """Parts as the carrier counts them; no message has a thousand."""
    text = str(told)[:4]
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else None


def _local_time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHOP_ZONE).astimezone(UTC)
    except ValueError:
        return None
