"""What the sms module records."""

from typing import ClassVar

from huida.kernel.facts import Fact


class SmsReported(Fact, frozen=True, kw_only=True):
    """The carrier's word on one message: `state` is delivered or failed. `out_id` is the number we gave it."""

    kind: ClassVar[str] = "sms.reported"
    out_id: str
    provider: str
    provider_ref: str
    state: str
    code: str = ""
    parts: int | None = None


class SignatureMoved(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "sms.signature_moved"
    name: str
    before: str
    after: str
    reason: str = ""
