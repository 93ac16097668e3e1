"""Members: profile, phone, card number, WeChat identities, sessions of the member centre, import and export.

Owns: members, identities, member_sessions. A phone belongs to one member, a card number to one member, a WeChat account
to one member; union id and verified phone join a person's accounts (X-10). Phones are sealed at rest.
Facts: MemberJoined, MemberChanged, LevelChanged, IdentityLinked, MembersImported.
"""

from huida.modules.members.facts import IdentityLinked, LevelChanged, MemberChanged, MemberJoined, MembersImported
from huida.modules.members.identifiers import card_key, fold_card, fold_phone, fold_ref, told_as_text
from huida.modules.members.many import (
    Arrival,
    Directory,
    change_many,
    directory,
    lock_many,
    phone_hash,
    take_in_many,
)
from huida.modules.members.models import Identity, Member, MemberSession
from huida.modules.members.profile import MOST_TAGS, change, check_birthday, freeze, tags_of, unfreeze
from huida.modules.members.queries import sees_whole
from huida.modules.members.reactions import work
from huida.modules.members.recipients import accounts, is_mobile, people, recipients
from huida.modules.members.service import (
    Known,
    by_card_no,
    by_openid,
    by_phone,
    end_all_of,
    get,
    ids_after,
    join,
    link_identity,
    lock_levels,
    phone_of,
    require_active,
    see_identity,
    set_levels,
)
from huida.modules.members.sessions import account_of, join_by_phone, member_actor, open_for
from huida.modules.members.strangers import address_of, limited, merchant_of
from huida.modules.members.views import MemberSession as MemberSessionView
from huida.modules.members.views import OpenMember

__all__ = [
    "MOST_TAGS",
    "Arrival",
    "Directory",
    "Identity",
    "IdentityLinked",
    "Known",
    "LevelChanged",
    "Member",
    "MemberChanged",
    "MemberJoined",
    "MemberSession",
    "MemberSessionView",
    "MembersImported",
    "OpenMember",
    "account_of",
    "accounts",
    "address_of",
    "by_card_no",
    "by_openid",
    "by_phone",
    "card_key",
    "change",
    "change_many",
    "check_birthday",
    "directory",
    "end_all_of",
    "fold_card",
    "fold_phone",
    "fold_ref",
    "freeze",
    "get",
    "ids_after",
    "is_mobile",
    "join",
    "join_by_phone",
    "limited",
    "link_identity",
    "lock_levels",
    "lock_many",
    "member_actor",
    "merchant_of",
    "open_for",
    "people",
    "phone_hash",
    "phone_of",
    "recipients",
    "require_active",
    "see_identity",
    "sees_whole",
    "set_levels",
    "tags_of",
    "take_in_many",
    "told_as_text",
    "unfreeze",
    "work",
]
