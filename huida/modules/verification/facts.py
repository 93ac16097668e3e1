"""What the verification module records. No fact carries a code or a phone."""

from typing import ClassVar

from huida.kernel.facts import Fact


class MemberPasswordSet(Fact, frozen=True, kw_only=True):
    """A member set a password after proving the phone; `recovered` when there was one before (S2-39)."""

    kind: ClassVar[str] = "verification.password_set"
    recovered: bool
