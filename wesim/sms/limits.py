"""Flow control of the providers (P-07, P-08; reference §5.7, §5.8)."""

from __future__ import annotations

from collections import deque

from wesim.sms.account import Sms
from wesim.sms.texts import CODE

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400

CODE_PER_MINUTE, CODE_PER_HOUR, CODE_PER_DAY, CODE_PER_DAY_ALL = 1, 5, 10, 40
NOTICE_PER_DAY = 50
TENCENT_SAME_CONTENT_S = 30
TENCENT_PER_DAY = 10


def aliyun_refusal(sms: Sms, *, kind: int, sign: str, template: str, phone: str) -> str:
    """The message of the limit that this send would break; empty when it may go.

    Minute and hour are calendar windows in UTC+8 (whole hours away from UTC, so the same as UTC's); a day is the
    24 hours after each accepted send (P-08).
    """
    if not sms.settings.flow_control or phone in sms.aliyun.white_list:
        return ""
    now = sms.world.clock.now()
    if kind != CODE:
        times = _recent(sms, ("notice", sign, template, phone), now)
        return f"触发天级流控Permits:{NOTICE_PER_DAY}" if len(times) >= NOTICE_PER_DAY else ""
    times = _recent(sms, ("code", sign, phone), now)
    if _in_window(times, now, MINUTE_S) >= CODE_PER_MINUTE:
        return f"触发分钟级流控Permits:{CODE_PER_MINUTE}"
    if _in_window(times, now, HOUR_S) >= CODE_PER_HOUR:
        return f"触发小时级流控Permits:{CODE_PER_HOUR}"
    if len(times) >= CODE_PER_DAY:
        return f"触发天级流控Permits:{CODE_PER_DAY}"
    if len(_recent(sms, ("code", phone), now)) >= CODE_PER_DAY_ALL:
        return f"触发天级流控Permits:{CODE_PER_DAY_ALL}"
    return ""


def count_aliyun(sms: Sms, *, kind: int, sign: str, template: str, phone: str) -> None:
    """An accepted send counts, whatever the receipt says (P-08)."""
    now = sms.world.clock.now()
    if kind != CODE:
        _recent(sms, ("notice", sign, template, phone), now).append(now)
        return
    _recent(sms, ("code", sign, phone), now).append(now)
    _recent(sms, ("code", phone), now).append(now)


def tencent_refusal(sms: Sms, *, phone: str, text: str) -> str:
    """The error code of the limit that this send would break; empty when it may go."""
    if not sms.settings.flow_control or phone in sms.tencent.white_list:
        return ""
    now = sms.world.clock.now()
    same = _recent(sms, ("tencent", phone, text), now)
    if same and now - same[-1] < TENCENT_SAME_CONTENT_S:
        return "LimitExceeded.PhoneNumberThirtySecondLimit"
    if len(_recent(sms, ("tencent", phone), now)) >= TENCENT_PER_DAY:
        return "LimitExceeded.PhoneNumberDailyLimit"
    return ""


def count_tencent(sms: Sms, *, phone: str, text: str) -> None:
    now = sms.world.clock.now()
    _recent(sms, ("tencent", phone, text), now).append(now)
    _recent(sms, ("tencent", phone), now).append(now)


def _recent(sms: Sms, key: tuple[str, ...], now: float) -> deque[float]:
    """The accepted sends of the last 24 hours."""
    times = sms.windows.setdefault(key, deque())
    while times and times[0] <= now - DAY_S:
        times.popleft()
    return times


def _in_window(times: deque[float], now: float, length_s: int) -> int:
    window = now // length_s
    return sum(1 for at in times if at // length_s == window)
