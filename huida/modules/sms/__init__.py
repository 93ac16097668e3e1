"""SMS: the platform's provider accounts and locked texts, merchants' signatures, reports, prices (S1-94..S1-118)."""

from huida.modules.sms.facts import SmsReported
from huida.modules.sms.service import SmsRoute, SmsText, route, texts

__all__ = ["SmsReported", "SmsRoute", "SmsText", "route", "texts"]
