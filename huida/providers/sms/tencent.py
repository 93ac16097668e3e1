"""Tencent Cloud SMS, version 2021-01-11 (reference: wechat-pay-and-sms §5.8)."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from huida.kernel.clock import SHOP_ZONE, Clock
from huida.kernel.http import Answer, Outgoing, ProviderOutcome, Refused, Unavailable, Unknown, plain_answer
from huida.providers.readers import Key, MaybeKey, Moment, Words, understood
from huida.providers.sms.provider import (
    Audit,
    BadReport,
    SmsAccepted,
    SmsAudit,
    SmsCredentials,
    SmsReport,
    SmsState,
)
from huida.providers.sms.signing import tc3_authorization

BASE: Final = "https://sms.tencentcloudapi.com"
VERSION: Final = "2021-01-11"
REGION: Final = "ap-guangzhou"
REPORT_ANSWER: Final = b'{"result":0,"errmsg":"OK"}'
PULL_AT_MOST: Final = 100

_CONTENT_TYPE: Final = "application/json; charset=utf-8"
_PREFIX: Final = "tencent."
_LATER_S: Final[Mapping[str, float]] = {
    "LimitExceeded.PhoneNumberThirtySecondLimit": 30.0,
    "LimitExceeded.PhoneNumberOneHourLimit": 3600.0,
    "LimitExceeded.PhoneNumberDailyLimit": 86400.0,
    "LimitExceeded.PhoneNumberSameContentDailyLimit": 86400.0,
}
# Of the account, not of one phone: free again at midnight.
_TO_MIDNIGHT: Final = frozenset({"LimitExceeded.AppDailyLimit", "LimitExceeded.AppMainlandChinaDailyLimit"})
_MARKETING_HOURS: Final = "FailedOperation.MarketingSendTimeConstraint"
_MARKETING_FROM: Final = 8
_AUDITS: Final = {0: Audit.APPROVED, 1: Audit.REVIEWING, 2: Audit.REVIEWING, -1: Audit.REJECTED}


Parts = Annotated[int, msgspec.Meta(ge=0, le=999)]


class _Error(msgspec.Struct, rename="pascal"):
    code: str
    message: str = ""


class _Response(msgspec.Struct, rename="pascal"):
    error: _Error | None = None


class _SendStatus(msgspec.Struct, rename="pascal"):
    code: str
    message: str = ""
    serial_no: MaybeKey = ""
    fee: Parts = 0


class _SendResponse(_Response):
    send_status_set: list[_SendStatus] = []


class _PullStatus(msgspec.Struct, rename="pascal"):
    serial_no: MaybeKey = ""
    phone_number: MaybeKey = ""
    report_status: str = ""
    description: Words = ""
    session_context: Words | None = ""
    user_receive_time: Moment = 0


class _PullResponse(_Response):
    pull_sms_send_status_set: list[_PullStatus] = []


class _SignStatus(msgspec.Struct, rename="pascal"):
    sign_id: int = 0
    sign_name: Words = ""
    status_code: int = 1
    review_reply: Words | None = ""


class _SignResponse(_Response):
    describe_sign_list_status_set: list[_SignStatus] = []


class _TemplateStatus(msgspec.Struct, rename="pascal"):
    status_code: int = 1
    review_reply: Words | None = ""
    template_content: Words = ""


class _TemplateResponse(_Response):
    describe_template_status_set: list[_TemplateStatus] = []


class _Pushed(msgspec.Struct):
    mobile: Key
    report_status: str
    sid: MaybeKey = ""
    nationcode: str = "86"
    errmsg: Words | None = ""
    user_receive_time: str | None = ""
    ext: Words | None = ""


R = TypeVar("R", bound=_Response)


class TencentSms:
    """Tencent Cloud SMS of any merchant; credentials are an argument."""

    def __init__(self, outgoing: Outgoing, *, clock: Clock, base_url: str = BASE) -> None:
        self._lane = outgoing.lane("tencent_sms")
        self._clock = clock
        self._url = f"{base_url}/"
        self._host = urlsplit(base_url).netloc
        self._read_send = _judged(_SendResponse, clock)
        self._read_pull = _judged(_PullResponse, clock)
        self._read_sign = _judged(_SignResponse, clock)
        self._read_template = _judged(_TemplateResponse, clock)

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
        """Send one message; the values of `params` fill `{1}`, `{2}`… in their order. Raises a ProviderOutcome."""
        asked = {
            "PhoneNumberSet": [_international(phone)],
            "SmsSdkAppId": cred.sdk_app_id,
            "SignName": sign_name,
            "TemplateId": template_code,
            "TemplateParamSet": list(params.values()),
            "SessionContext": out_id,
        }
        reply = await self._call(cred, "SendSms", asked, self._read_send)
        if len(reply.send_status_set) != 1:
            raise Unknown("no status of the number")
        status = reply.send_status_set[0]
        # The call succeeds while its number fails: the result is per number.
        if status.code != "Ok":
            raise judge(status.code, status.message, now=self._clock.now())
        if not status.serial_no:
            raise Unknown("no number of the message")
        return SmsAccepted(status.serial_no, status.fee)

    async def query(
        self, cred: SmsCredentials, *, phone: str, day: date, out_id: str = "", provider_ref: str = ""
    ) -> SmsReport | None:
        """What became of a message, from the statuses of its phone on that day and the next."""
        assert out_id or provider_ref
        begin = datetime(day.year, day.month, day.day, tzinfo=SHOP_ZONE)
        asked = {
            "BeginTime": int(begin.timestamp()),
            "EndTime": int((begin + timedelta(days=2)).timestamp()),
            "Offset": 0,
            "Limit": PULL_AT_MOST,
            "PhoneNumber": _international(phone),
            "SmsSdkAppId": cred.sdk_app_id,
        }
        reply = await self._call(cred, "PullSmsSendStatusByPhoneNumber", asked, self._read_pull)
        for status in reply.pull_sms_send_status_set:
            if (provider_ref and status.serial_no == provider_ref) or (out_id and status.session_context == out_id):
                return SmsReport(
                    provider_ref=status.serial_no,
                    out_id=status.session_context or out_id,
                    phone=status.phone_number,
                    state=_state(status.report_status),
                    code=status.description,
                    at=datetime.fromtimestamp(status.user_receive_time, UTC) if status.user_receive_time else None,
                )
        return None

    async def sign(self, cred: SmsCredentials, name: str) -> SmsAudit:
        """Where the review of a signature stands. Raises Refused(tencent.sign_unknown) when the account has none."""
        asked = {"International": 0, "Limit": PULL_AT_MOST, "Offset": 0}
        reply = await self._call(cred, "DescribeSmsSignList", asked, self._read_sign)
        for status in reply.describe_sign_list_status_set:
            if name in (status.sign_name, str(status.sign_id)):
                state = _AUDITS.get(status.status_code, Audit.REVIEWING)
                return SmsAudit(status.sign_name, state, status.review_reply or "")
        raise Refused("tencent.sign_unknown", "")

    async def template(self, cred: SmsCredentials, template_code: str) -> SmsAudit:
        """Where the review of a template stands. Raises Refused(tencent.template_unknown) when there is none."""
        asked = {"International": 0, "TemplateIdSet": [int(template_code)]}
        reply = await self._call(cred, "DescribeSmsTemplateList", asked, self._read_template)
        if not reply.describe_template_status_set:
            raise Refused("tencent.template_unknown", "")
        status = reply.describe_template_status_set[0]
        state = _AUDITS.get(status.status_code, Audit.REVIEWING)
        return SmsAudit(template_code, state, status.review_reply or "", status.template_content)

    def knows_no_template(self, refused: Refused) -> bool:
        return refused.code == "tencent.template_unknown"

    def parse_report(self, body: bytes) -> list[SmsReport]:
        """Pushed statuses; answer them with `REPORT_ANSWER`. Raises BadReport."""
        pushed = understood(_decode_pushed, body)
        if pushed is None:
            raise BadReport("not understood")
        return [
            SmsReport(
                provider_ref=one.sid,
                out_id=one.ext or "",
                phone=one.mobile,
                state=_state(one.report_status),
                code=one.errmsg or "",
                at=_local_time(one.user_receive_time or ""),
            )
            for one in pushed
        ]

    async def _call(
        self, cred: SmsCredentials, action: str, asked: Mapping[str, Any], read: Callable[[Answer], R]
    ) -> R:
        body = msgspec.json.encode(asked)
        timestamp = int(self._clock.now().timestamp())
        authorization = tc3_authorization(
            key_id=cred.key_id,
            secret=cred.secret.reveal(),
            service="sms",
            headers={"content-type": _CONTENT_TYPE, "host": self._host, "x-tc-action": action.lower()},
            body=body,
            timestamp=timestamp,
        )
        headers = {
            "authorization": authorization,
            "content-type": _CONTENT_TYPE,
            "x-tc-action": action,
            "x-tc-version": VERSION,
            "x-tc-region": REGION,
            "x-tc-timestamp": str(timestamp),
        }
        return await self._lane.post(self._url, body, read, headers)


def judge(code: str, message: str, *, now: datetime) -> ProviderOutcome:
    """The outcome that a code other than Ok means."""
    if code.startswith("RequestLimitExceeded") or code == "LimitExceeded.DeliveryFrequencyLimit":
        return Unavailable(_PREFIX + code)
    if code.startswith("InternalError"):
        return Unknown(_PREFIX + code)
    return Refused(_PREFIX + code, message, later_s=_later_s(code, now))


def _later_s(code: str, now: datetime) -> float | None:
    local = now.astimezone(SHOP_ZONE)
    midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    if code in _TO_MIDNIGHT:
        return (midnight - local).total_seconds()
    if code == _MARKETING_HOURS:
        opening = midnight if local.hour >= _MARKETING_FROM else midnight - timedelta(days=1)
        return (opening + timedelta(hours=_MARKETING_FROM) - local).total_seconds()
    return _LATER_S.get(code)


def _judged(kind: type[R], clock: Clock) -> Callable[[Answer], R]:
    decoder: msgspec.json.Decoder[dict[str, R]] = msgspec.json.Decoder(dict[str, kind], strict=False)  # type: ignore[valid-type]

    def read(answer: Answer) -> R:
        plain_answer(answer)
        reply = (understood(decoder, answer.body) or {}).get("Response")
        if reply is None:
            raise Unknown("answer not understood")
        if reply.error is not None:
            raise judge(reply.error.code, reply.error.message, now=clock.now())
        return reply

    return read


def _international(phone: str) -> str:
    return phone if phone.startswith("+") else f"+86{phone}"


def _state(report_status: str) -> SmsState:
    return {"SUCCESS": SmsState.DELIVERED, "FAIL": SmsState.FAILED}.get(report_status, SmsState.WAITING)


_decode_pushed: Final = msgspec.json.Decoder(list[_Pushed], strict=False)


def _local_time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHOP_ZONE).astimezone(UTC)
    except ValueError:
        return None
