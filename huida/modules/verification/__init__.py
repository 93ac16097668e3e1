"""Verification codes by SMS: register, recover a password, log in, bind a phone (S2-38..S2-45, X-13).

Owns: verification_codes, member_passwords, verification_settings, verification_counts (over all merchants); which scenarios
are on is messaging's.
A code is for one phone and merchant, lives five minutes, survives four wrong guesses and opens one door once; it is sent at
most once. Limits count exactly, however many requests come at once. Codes and phones are sealed.
Facts: MemberPasswordSet, CodesLimited, CodeLimitsSet, CodeCapsSet.
"""

from huida.modules.verification.facts import CodeCapsSet, CodeLimitsSet, CodesLimited, MemberPasswordSet
from huida.modules.verification.invariants import INVARIANTS
from huida.modules.verification.lives import forget_password, hand_back, hand_over, wipe
from huida.modules.verification.models import CodeRow, CodeSettingsRow, Counter, MemberPassword
from huida.modules.verification.reactions import work

__all__ = [
    "INVARIANTS",
    "CodeCapsSet",
    "CodeLimitsSet",
    "CodeRow",
    "CodeSettingsRow",
    "CodesLimited",
    "Counter",
    "MemberPassword",
    "MemberPasswordSet",
    "forget_password",
    "hand_back",
    "hand_over",
    "wipe",
    "work",
]
