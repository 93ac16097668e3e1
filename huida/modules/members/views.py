"""What the members' doors answer. Times are aware, in UTC; balances are in fen (`cny_…`) and points."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from typing_extensions import TypedDict

State = Literal["active", "frozen", "left", "merged", "erased"]


class Balances(TypedDict, total=False):
    """What a member owns; a unit that was never touched is absent. `growth` is whole yuan spent, for levels.

    `points_pending` ripen when the return period of their purchases is over.
    """

    points: int
    points_pending: int
    growth: int
    cny_principal: int
    cny_gift: int


class OpenMember(TypedDict):
    """A member as tills and shops see it through the open API: the phone is masked. A merged record names who has its things."""

    id: UUID
    card_no: str
    name: str
    phone: str | None
    level: str
    state: State
    birthday: date | None
    store_id: UUID | None
    joined_at: datetime
    merged_into: UUID | None


class Member(OpenMember):
    """A member in the console; the phone is masked for who may not see phones. `level_name` is the merchant's own word."""

    note: str
    tags: list[str]
    level_name: str


class LevelName(TypedDict):
    """A level as the merchant calls it."""

    code: str
    name: str


class WechatIdentity(TypedDict):
    """A WeChat account of a member, its ids masked for who may not see phones; `follows` is about an official account."""

    app_id: str
    openid: str
    unionid: str | None
    follows: bool
    updated_at: datetime


class MemberDetail(Member):
    """A member with their WeChat accounts and balances."""

    identities: list[WechatIdentity]
    balances: Balances


class MemberSession(TypedDict):
    """The bearer token of a member's session; not `joined` is a visitor, who has not given a phone yet."""

    token: str
    joined: bool


class OwnCard(TypedDict):
    """The member's own card; the phone is masked, `card_qr` is a picture (data URI)."""

    id: UUID
    card_no: str
    name: str
    phone: str | None
    level: str
    level_name: str
    state: State
    birthday: date | None
    balances: Balances
    card_qr: str


class MemberCentre(TypedDict):
    """The merchant's short name and the member; null for a visitor."""

    merchant: str
    member: OwnCard | None
