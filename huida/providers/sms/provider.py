"""What the SMS providers have in common (reference: wechat-pay-and-sms §5).

Neither provider has an idempotency key: after Unknown, `query` by our own number comes before any further send.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

import msgspec

from huida.kernel.http import Refused
from huida.kernel.secrets import Secret


@dataclass(frozen=True, slots=True)
class SmsCredentials:
    """A merchant's key at a provider; `sdk_app_id` is Tencent's application."""

    key_id: str
    secret: Secret
    sdk_app_id: str = ""


class SmsState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


class Audit(StrEnum):
    """Where the review of a signature or template stands."""

    REVIEWING = "reviewing"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class SmsAccepted(msgspec.Struct, frozen=True):
    """Taken for sending; `provider_ref` is what reports name it by."""

    provider_ref: str
    parts: int | None = None


class SmsReport(msgspec.Struct, frozen=True, repr_omit_defaults=True):
    """What became of one message; `parts` is what the carrier billed, where it is told."""

    provider_ref: str
    out_id: str
    phone: str
    state: SmsState
    code: str = ""
    at: datetime | None = None
    parts: int | None = None

    def __repr__(self) -> str:
        return f"SmsReport(provider_ref={self.provider_ref!r}, state={self.state.value!r}, code={self.code!r})"


class SmsAudit(msgspec.Struct, frozen=True):
    """The review of a signature or template, with the reviewer's words."""

    name: str
    state: Audit
    reason: str = ""
    content: str = ""


class SignPaper(msgspec.Struct, frozen=True):
    """A document that proves a signature's name; `suffix` as in `png`."""

    suffix: str
    content: bytes


class SignRequest(msgspec.Struct, frozen=True):
    """A signature as it is handed in for review; `source` is the provider's code of where the name comes from."""

    name: str
    source: int
    remark: str
    papers: list[SignPaper]


class BadReport(Exception):
    """A pushed report that is not understood."""


@runtime_checkable
class TakesSigns(Protocol):
    """A provider that takes signatures for review by a call. Raises a ProviderOutcome; after Unknown ask with `sign`."""

    async def add_sign(self, cred: SmsCredentials, request: SignRequest) -> None:
        """Hand in a name that the account does not have yet."""
        ...

    async def modify_sign(self, cred: SmsCredentials, request: SignRequest) -> None:
        """Hand in again a name that was refused or withdrawn."""
        ...

    def knows_no_sign(self, refused: Refused) -> bool:
        """Whether this refusal of `sign` means that the account has no such name."""
        ...


class SmsProvider(Protocol):
    """One SMS provider. Calls raise a ProviderOutcome."""

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
        """Send one message to one phone; `out_id` is our own number."""
        ...

    async def query(
        self, cred: SmsCredentials, *, phone: str, day: date, out_id: str = "", provider_ref: str = ""
    ) -> SmsReport | None:
        """What became of a message that was sent on `day` (China); None when the provider does not know it."""
        ...

    async def sign(self, cred: SmsCredentials, name: str) -> SmsAudit:
        """Where the review of a signature stands."""
        ...

    async def template(self, cred: SmsCredentials, template_code: str) -> SmsAudit:
        """Where the review of a template stands, with its content."""
        ...

    def knows_no_template(self, refused: Refused) -> bool:
        """Whether this refusal of `template` means that the account has no such template."""
        ...

    def parse_report(self, body: bytes) -> list[SmsReport]:
        """Pushed reports. They carry no signature and may repeat: a hint, `query` is the word. Raises BadReport."""
        ...
