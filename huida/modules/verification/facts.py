"""What the verification module records. No fact carries a code or a phone."""

from typing import ClassVar

from huida.kernel.facts import Fact


class CodeSettingSaved(Fact, frozen=True, kw_only=True):
    """The merchant switched the codes of a scenario on or off (S2-44)."""

    kind: ClassVar[str] = "verification.setting_saved"
    scenario: str
    live: bool
    template: str = ""


class MemberPasswordSet(Fact, frozen=True, kw_only=True):
    """A member set a password after proving the phone; `recovered` when there was one before (S2-39)."""

    kind: ClassVar[str] = "verification.password_set"
    recovered: bool
