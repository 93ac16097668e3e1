"""What the doors of SMS answer. Prices are in fen for each billed part; times are aware, in UTC."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from typing_extensions import TypedDict

from huida.modules.sms.models import Provider, Source

SignatureState = Literal["in_review", "approved", "rejected", "withdrawn"]
InUse = Literal["active", "off"]


class SmsCount(TypedDict):
    """A text as the phone shows it and the carrier bills it."""

    text: str
    length: int
    parts: int
    cost_fen: int


class SmsTextParam(TypedDict):
    """A parameter of a text: the variable that fills it, and what that is called."""

    name: str
    variable: str
    label: str


class SmsText(TypedDict):
    """The platform's text for a scenario, which the merchant cannot change."""

    scenario: str
    content: str
    params: list[SmsTextParam]
    sample: SmsCount


class ProofFile(TypedDict):
    """A paper that proves a signature's name; its place in the list is its number. `size` is in bytes."""

    name: str
    media_type: Literal["image/png", "image/jpeg", "application/pdf"]
    size: int


class SmsSignature(TypedDict):
    """A merchant's signature; `applied` is the one in use, `providers` where it may be used.

    `use_at_once`: it replaces the one in use as soon as it is approved.
    """

    id: UUID
    name: str
    source: Source
    files: list[ProofFile]
    state: SignatureState
    reason: str
    applied: bool
    providers: list[Provider]
    use_at_once: bool
    submitted_at: datetime
    decided_at: datetime | None
    version: str


class SmsOverview(TypedDict):
    """Signature in use, price, texts and signatures; `ready` when the platform has a provider."""

    ready: bool
    sign_name: str
    sign_is_own: bool
    platform_sign_name: str
    part_fen: int
    texts: list[SmsText]
    signatures: list[SmsSignature]
    signatures_most: int
    signatures_taken: int


class SmsAccount(TypedDict):
    """The platform's account at a provider, without its secret; the provider sends its reports to `report_url`."""

    provider: Provider
    key_id: str
    sdk_app_id: str
    state: InUse
    weight: int
    updated_at: datetime
    report_url: str
    version: str


class PlatformText(TypedDict):
    """A text of the platform at a provider; `params` names the variable that fills each parameter."""

    provider: Provider
    scenario: str
    template_code: str
    content: str
    params: dict[str, str]
    state: InUse
    updated_at: datetime
    version: str


class SmsPlatform(TypedDict):
    """What the platform sends with."""

    part_fen: int
    sign_name: str
    accounts: list[SmsAccount]
    texts: list[PlatformText]
    version: str


class SignatureReview(TypedDict):
    """A signature that waits for a decision; `handed_in_at` is since when the provider has it, `passed_at` since when
    it has approved it."""

    merchant_id: int
    merchant: str
    signature_id: UUID
    name: str
    submitted_at: datetime
    handed_in_at: datetime | None
    passed_at: datetime | None
