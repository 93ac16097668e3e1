"""Which providers a merchant's message may go through, and sending it by the first that takes it (S2-11).

A message keeps its order of ways through all its tries: it follows from the message's own number and the weights. The
next way is tried only after a certain no; after Unknown nobody else is asked. A provider that keeps failing rests.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from huida.kernel.clock import Clock
from huida.kernel.db import Tx, columns
from huida.kernel.http import Refused, Unavailable, Unknown, Withheld, one_call
from huida.modules.sms import plans
from huida.modules.sms.plans import Plan
from huida.modules.sms.service import SIGN_NAME, SmsRoute, credentials_in, price_now
from huida.providers.sms.elsewhere import another_may, is_account_trouble
from huida.providers.sms.provider import SmsCredentials, SmsProvider

REST_AFTER: Final = 5
REST: Final = timedelta(seconds=60)
TOLD_EVERY: Final = timedelta(minutes=1)

Why = Literal["", "sms_not_set_up", "sms_no_signature", "sms_no_balance", "sms_budget"]


@dataclass(frozen=True, slots=True)
class SmsWay:
    """One way to send a text: who, with which keys, under which signature, with which of its templates.

    `params` are the values in this provider's own names; None when every way takes what `send` is given.
    """

    provider: str
    credentials: SmsCredentials
    sign_name: str
    template_code: str
    weight: int = 100
    rests_until: datetime | None = None
    params: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """Taken by this provider; `parts` where it says at once what it bills."""

    provider: str
    provider_ref: str
    parts: int | None = None


class UnknownAt(Unknown):
    """May have been sent, by this provider: it is the one to ask."""

    def __init__(self, reason: str, provider: str) -> None:
        super().__init__(reason)
        self.provider = provider


@dataclass(frozen=True, slots=True)
class Platform:
    """What the operators have set up that a merchant can send with now."""

    accounts: list[Any]
    priced: bool
    platform_sign: str
    own_sign: str
    own_at: frozenset[str]

    def sign_at(self, provider: str) -> str:
        """The signature at a provider (X-04): the merchant's own where it is approved there, else the platform's."""
        usable = any(row["provider"] in self.own_at for row in self.accounts)
        if self.own_sign and usable:
            return self.own_sign if provider in self.own_at else ""
        return self.platform_sign


async def platform(tx: Tx) -> Platform:
    """Accounts in use with their health, prices and signatures, in two statements."""
    accounts = await tx.fetch(
        "SELECT a.provider, a.key_id, a.secret_sealed, a.sdk_app_id, a.weight, h.until FROM sms_accounts a "
        "LEFT JOIN sms_health h USING (provider) WHERE a.state = 'active' ORDER BY a.weight DESC, a.provider"
    )
    row = await tx.row(
        "SELECT (SELECT sign_name FROM sms_settings WHERE id = 1) AS platform_sign, "
        "EXISTS (SELECT FROM sms_prices WHERE valid_from <= $2) OR EXISTS (SELECT FROM sms_packages WHERE on_sale "
        "  AND valid_from <= $2 AND (valid_until IS NULL OR valid_until > $2)) "
        "  OR EXISTS (SELECT FROM sms_plans WHERE tenant_id = $1 AND model = 'package') AS priced, "
        "s.name AS own_sign, s.providers AS own_at FROM (SELECT 1) one "
        "LEFT JOIN sms_signatures s ON s.tenant_id = $1 AND s.applied",
        *(tx.tenant_id, tx.now),
    )
    assert row is not None
    sign = SIGN_NAME if row["platform_sign"] is None else row["platform_sign"]
    return Platform(accounts, row["priced"], sign, row["own_sign"] or "", frozenset(row["own_at"] or ()))


async def ways(tx: Tx, codes: Mapping[str, str]) -> list[SmsWay]:
    """The usable ways for a text that has these template codes by provider; empty when nothing is set up."""
    return ways_of(tx, await platform(tx), codes)


def ways_of(tx: Tx, there: Platform, codes: Mapping[str, str]) -> list[SmsWay]:
    """As `ways`, from what was read before."""
    return [
        SmsWay(
            row["provider"],
            credentials_in(tx, row),
            there.sign_at(row["provider"]),
            codes[row["provider"]],
            row["weight"],
            row["until"],
        )
        for row in there.accounts
        if there.priced and codes.get(row["provider"]) and there.sign_at(row["provider"])
    ]


async def doors(tx: Tx) -> list[SmsWay]:
    """Every provider the merchant can send through now, each as a way without a text."""
    there = await platform(tx)
    return ways_of(tx, there, {row["provider"]: "-" for row in there.accounts})


async def route(tx: Tx) -> SmsRoute | None:
    """The merchant's first way, with its signature and the price of a part; None when it cannot send."""
    found = await doors(tx)
    if not found:
        return None
    first = found[0]
    return SmsRoute(first.provider, first.credentials, first.sign_name, await price_now(tx) or 0)


async def usable(tx: Tx) -> Why:
    """Why nothing can be sent now (S2-45), or an empty text."""
    there = await platform(tx)
    if not there.accounts or not there.priced:
        return "sms_not_set_up"
    if not any(there.sign_at(row["provider"]) for row in there.accounts):
        return "sms_no_signature"
    mine = await plans.plan(tx)
    if await plans.part_milli(tx, mine) is None or (mine.model == "package" and (await plans.parts(tx)).left < 1):
        return "sms_no_balance"
    return "" if await _has_room(tx, mine) else "sms_budget"


async def _has_room(tx: Tx, mine: Plan) -> bool:
    row = await tx.row("SELECT parts, cost_fen FROM sms_days WHERE tenant_id = $1 AND day = $2", tx.tenant_id, tx.today)
    parts, cost_fen = (row["parts"], row["cost_fen"]) if row is not None else (0, 0)
    return (mine.most_parts is None or parts < mine.most_parts) and (mine.most_fen is None or cost_fen < mine.most_fen)


def in_order(found: Sequence[SmsWay], out_id: str) -> list[SmsWay]:
    """The ways in this message's own order: over many messages each is first as often as its weight says.

    A way without weight comes last: it only stands in for the others.
    """

    def place(way: SmsWay) -> tuple[float, str]:
        digest = hashlib.blake2b(f"{out_id}\n{way.provider}".encode(), digest_size=8).digest()
        chance = (int.from_bytes(digest, "big") + 1) / (2**64 + 1)
        return (-math.log(chance) / way.weight if way.weight > 0 else math.inf, way.provider)

    return sorted(found, key=place)


@dataclass(slots=True)
class _Health:
    """What this process has seen of a provider, and whether the others have been told."""

    failures: int = 0
    until: datetime | None = None
    last_code: str = ""
    failed_at: datetime | None = None
    answered_at: datetime | None = None
    told_at: datetime | None = None
    news: bool = False


@dataclass
class SmsDesk:
    """Sends one message by the first way that takes it; one per process."""

    providers: Mapping[str, SmsProvider]
    clock: Clock
    health: dict[str, _Health] = field(default_factory=dict)

    async def send(self, ways: Sequence[SmsWay], *, phone: str, params: Mapping[str, str], out_id: str) -> Accepted:
        """Try the ways in the message's order; only a certain no leads to the next.

        Raises Refused when none takes it, Unavailable when one may later, UnknownAt when one may have sent it.
        """
        away: Unavailable | None = None
        refusals: list[Refused] = []
        for way in in_order(ways, out_id):
            if self._rests(way):
                away = away or Unavailable(f"sms.resting:{way.provider}")
                continue
            try:
                async with one_call(way.provider):
                    accepted = await self.providers[way.provider].send(
                        way.credentials,
                        phone=phone,
                        sign_name=way.sign_name,
                        template_code=way.template_code,
                        params=params if way.params is None else way.params,
                        out_id=out_id,
                    )
            except Withheld:
                raise  # our own trouble, not the provider's
            except Unavailable as no:
                self._failed(way.provider, no.reason)
                away = no
            except Refused as no:
                if is_account_trouble(no):
                    self._failed(way.provider, no.code)
                else:
                    self._answered(way.provider)
                refusals.append(no)
                if not another_may(no):
                    raise
            except Unknown as lost:
                self._failed(way.provider, lost.reason)
                raise UnknownAt(lost.reason, way.provider) from lost
            else:
                self._answered(way.provider)
                return Accepted(way.provider, accepted.provider_ref, accepted.parts)
        if away is not None:
            raise away
        if not refusals:
            raise Refused("sms.not_set_up", "no way to send")
        raise min(refusals, key=lambda no: math.inf if no.later_s is None else no.later_s)

    def _rests(self, way: SmsWay) -> bool:
        now = self.clock.now()
        mine = self.health.setdefault(way.provider, _Health()).until
        # No rest is longer: what lies further off was written by a clock that goes wrong.
        return any(until is not None and now < until <= now + REST for until in (mine, way.rests_until))

    def _failed(self, provider: str, code: str) -> None:
        seen, now = self.health.setdefault(provider, _Health()), self.clock.now()
        seen.failures += 1
        seen.last_code, seen.failed_at, seen.news = code[:120], now, True
        if seen.failures >= REST_AFTER:
            seen.until = now + REST

    def _answered(self, provider: str) -> None:
        seen, now = self.health.setdefault(provider, _Health()), self.clock.now()
        well = seen.failures > 0 or seen.told_at is None or now - seen.told_at >= TOLD_EVERY
        seen.failures, seen.until, seen.answered_at = 0, None, now
        seen.news = seen.news or well

    async def note(self, tx: Tx) -> None:
        """Tell the other processes and the operators what changed since the last time. Call it in a transaction."""
        rows = [
            (name, seen.failures, seen.until, seen.last_code, seen.failed_at, seen.answered_at)
            for name, seen in sorted(self.health.items())
            if seen.news
        ]
        if not rows:
            return
        for name, *_ in rows:
            self.health[name].news, self.health[name].told_at = False, self.clock.now()
        await tx.execute(
            "INSERT INTO sms_health (provider, failures, until, last_code, failed_at, answered_at) "
            "SELECT * FROM unnest($1::text[], $2::int[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::timestamptz[]) "
            "ON CONFLICT (provider) DO UPDATE SET failures = excluded.failures, until = excluded.until, "
            "last_code = coalesce(nullif(excluded.last_code, ''), sms_health.last_code), "
            "failed_at = coalesce(excluded.failed_at, sms_health.failed_at), "
            "answered_at = coalesce(excluded.answered_at, sms_health.answered_at)",
            *columns(rows, 6),
        )
