"""Lives: a member's record as a whole. It gets another card, becomes one with another record, leaves, is erased.

Owns: member_merges. What a member has lies in many modules; each has verbs that hand it over, end it or erase it, and this one
calls them in one transaction that is alone with its merchant. Nothing of ledger, coupons, messages is lost (G-25).
Facts: MemberLeft, MemberErased, MembersMerged, MergeUndone.
"""

from huida.modules.lives.erasing import erase, work
from huida.modules.lives.facts import MemberErased, MemberLeft, MembersMerged, MergeUndone
from huida.modules.lives.invariants import INVARIANTS
from huida.modules.lives.leaving import Seen, leave
from huida.modules.lives.merging import merge
from huida.modules.lives.models import MemberMerge
from huida.modules.lives.owned import Owned, owned
from huida.modules.lives.undoing import undo

__all__ = [
    "INVARIANTS",
    "MemberErased",
    "MemberLeft",
    "MemberMerge",
    "MembersMerged",
    "MergeUndone",
    "Owned",
    "Seen",
    "erase",
    "leave",
    "merge",
    "owned",
    "undo",
    "work",
]
