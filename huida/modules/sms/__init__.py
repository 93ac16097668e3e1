"""SMS: the platform's provider accounts and locked texts, merchants' signatures, reports, prices (S1-94..S1-118).

Owns: sms_accounts, sms_texts, sms_settings, sms_reviews (the platform's), sms_signatures, sms_signature_files,
sms_reports (the merchants'). At most one signature of a merchant is applied and it is an approved one; each report is
told once. Sending and its record are messaging's. Facts: SmsReported, SignatureMoved.
"""

from huida.modules.sms.facts import SignatureMoved, SmsReported
from huida.modules.sms.invariants import INVARIANTS
from huida.modules.sms.reactions import work
from huida.modules.sms.service import (
    Account,
    Count,
    SmsRoute,
    SmsText,
    count,
    credentials,
    route,
    save_settings,
    save_text,
    seed_platform,
    settings,
    signature,
    texts,
)
from huida.modules.sms.signatures import Proof, approve, reject, submit

__all__ = [
    "INVARIANTS",
    "Account",
    "Count",
    "Proof",
    "SignatureMoved",
    "SmsReported",
    "SmsRoute",
    "SmsText",
    "approve",
    "count",
    "credentials",
    "reject",
    "route",
    "save_settings",
    "save_text",
    "seed_platform",
    "settings",
    "signature",
    "submit",
    "texts",
    "work",
]
