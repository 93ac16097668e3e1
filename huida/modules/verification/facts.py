"""What the verification module records. No fact carries a code or a phone."""

from typing import ClassVar

from huida.kernel.facts import Fact


class MemberPasswordSet(Fact, frozen=True, kw_only=True):
    """A member set a password after proving the phone; `recovered` when there was one before (S2-39)."""

    kind: ClassVar[str] = "verification.password_set"
    recovered: bool


class CodesLimited(Fact, frozen=True, kw_only=True):
    """A customer got no code, since the merchant had let out as many as it wants to, or may; `limit` is `hour` or `day`."""

    kind: ClassVar[str] = "verification.codes_limited"
    limit: str
    most: int


class CodeLimitsSet(Fact, frozen=True, kw_only=True):
    """Somebody set how many codes the merchant lets out."""

    kind: ClassVar[str] = "verification.limits_set"
    hour: int
    day: int


class CodeCapsSet(Fact, frozen=True, kw_only=True):
    """An operator set how many codes the merchant may let out at most; None: as many as the merchant wants to."""

    kind: ClassVar[str] = "verification.caps_set"
    hour: int | None
    day: int | None
