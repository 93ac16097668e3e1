"""What the members module records."""

from typing import ClassVar
from uuid import UUID

from huida.kernel.facts import Fact


class MemberJoined(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "member.joined"
    card_no: str
    channel: str


class MemberChanged(Fact, frozen=True, kw_only=True):
    """Which fields of the profile changed (names only: values may be personal)."""

    kind: ClassVar[str] = "member.changed"
    fields: list[str]


class LevelChanged(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "member.level_changed"
    before: str
    after: str


class IdentityLinked(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "member.identity_linked"
    app_id: str
    merged_member_id: UUID | None = None


class MembersImported(Fact, frozen=True, kw_only=True):
    kind: ClassVar[str] = "member.imported"
    created: int
    updated: int
    refused: int


class MemberReturned(Fact, frozen=True, kw_only=True):
    """One who had left joined again and has the same record."""

    kind: ClassVar[str] = "member.returned"
    card_no: str
    channel: str


class CardReplaced(Fact, frozen=True, kw_only=True):
    """The number `before` is refused from now on. `reason` is lost, damaged or other."""

    kind: ClassVar[str] = "member.card_replaced"
    before: str
    card_no: str
    reason: str
