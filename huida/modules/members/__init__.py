"""Members: profile, phone, card number, WeChat identities, sessions of the member centre, import and export.

Owns: members, identities, member_sessions, member_old_cards. A phone belongs to one member, a card number to one member, a WeChat account
to one member; union id and verified phone join a person's accounts (X-10). Phones are sealed at rest.
A record that was merged into another one (`merged_into`) is followed wherever a card, a phone or a session names it.
Facts: MemberJoined, MemberReturned, MemberChanged, LevelChanged, IdentityLinked, MembersImported, CardReplaced.
"""

from huida.modules.members.facts import (
    CardReplaced,
    IdentityLinked,
    LevelChanged,
    MemberChanged,
    MemberJoined,
    MemberReturned,
    MembersImported,
)
from huida.modules.members.identifiers import card_key, fold_card, fold_phone, fold_ref, told_as_text
from huida.modules.members.lives import (
    Joined,
    forget_accounts,
    join_rows,
    leave,
    lock_rows,
    old_cards,
    part_rows,
    records_of,
    replace_card,
    wipe,
)
from huida.modules.members.many import (
    Arrival,
    Directory,
    change_many,
    directory,
    lock_many,
    phone_hash,
    take_in_many,
)
from huida.modules.members.models import CARD_REASONS, Identity, Member, MemberSession
from huida.modules.members.profile import MOST_TAGS, change, check_birthday, freeze, tags_of, unfreeze
from huida.modules.members.queries import sees_whole
from huida.modules.members.reactions import work
from huida.modules.members.recipients import accounts, gone, is_mobile, people, recipients
from huida.modules.members.service import (
    CARD_REPLACED,
    REPLACED,
    Known,
    by_card_no,
    by_openid,
    by_phone,
    end_all_of,
    get,
    ids_after,
    join,
    levels_of,
    link_identity,
    lock_levels,
    phone_of,
    require_active,
    require_here,
    see_identity,
    set_levels,
)
from huida.modules.members.sessions import account_of, join_by_phone, member_actor, open_for
from huida.modules.members.strangers import address_of, limited, merchant_of
from huida.modules.members.views import MemberSession as MemberSessionView
from huida.modules.members.views import OpenMember

__all__ = [
    "CARD_REASONS",
    "CARD_REPLACED",
    "MOST_TAGS",
    "REPLACED",
    "Arrival",
    "CardReplaced",
    "Directory",
    "Identity",
    "IdentityLinked",
    "Joined",
    "Known",
    "LevelChanged",
    "Member",
    "MemberChanged",
    "MemberJoined",
    "MemberReturned",
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
    "forget_accounts",
    "freeze",
    "get",
    "gone",
    "ids_after",
    "is_mobile",
    "join",
    "join_by_phone",
    "join_rows",
    "leave",
    "levels_of",
    "limited",
    "link_identity",
    "lock_levels",
    "lock_many",
    "lock_rows",
    "member_actor",
    "merchant_of",
    "old_cards",
    "open_for",
    "part_rows",
    "people",
    "phone_hash",
    "phone_of",
    "recipients",
    "records_of",
    "replace_card",
    "require_active",
    "require_here",
    "see_identity",
    "sees_whole",
    "set_levels",
    "tags_of",
    "take_in_many",
    "told_as_text",
    "unfreeze",
    "wipe",
    "work",
]
