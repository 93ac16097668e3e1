"""How a merchant pays for parts (X-05), what it has left, and how much a day may take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

from huida.kernel.db import Tx
from huida.kernel.errors import Invalid
from huida.modules import ledger
from huida.modules.ledger import Entry, Move, Posted
from huida.modules.sms.facts import SmsPartsLow, SmsPlanChanged
from huida.modules.sms.service import price_now

NAMESPACE: Final = UUID("9d0d6f0e-5a4b-5d3c-9a51-7d1f00a65a01")
LOW_AT_LEAST: Final = 20
LOW_SHARE: Final = 10
MILLI: Final = 1000


@dataclass(frozen=True, slots=True)
class Plan:
    """A merchant's way to pay; limits of a day are None when there is none."""

    model: str = "per_part"
    price_milli: int = 0
    bought_parts: int = 0
    low_parts: int | None = None
    low_told: bool = False
    soft_parts: int | None = None
    hard_parts: int | None = None
    soft_fen: int | None = None
    hard_fen: int | None = None
    cap_parts: int | None = None
    cap_fen: int | None = None

    @property
    def most_parts(self) -> int | None:
        """The tighter one of the merchant's and the operators' limit."""
        return _tighter(self.hard_parts, self.cap_parts)

    @property
    def most_fen(self) -> int | None:
        return _tighter(self.hard_fen, self.cap_fen)

    @property
    def low_at(self) -> int:
        """Parts left at which the merchant is told: its own number, else a tenth of what it bought last."""
        return self.low_parts if self.low_parts is not None else max(LOW_AT_LEAST, self.bought_parts // LOW_SHARE)


@dataclass(frozen=True, slots=True)
class Parts:
    """What the ledger says of a merchant: parts left, used and owed, and what the used ones are worth."""

    left: int = 0
    used: int = 0
    owed: int = 0
    used_fen: int = 0


def _tighter(one: int | None, other: int | None) -> int | None:
    return min((n for n in (one, other) if n is not None), default=None)


def owner(tenant_id: int) -> UUID:
    """Whose accounts in the ledger a merchant's parts are."""
    return uuid5(NAMESPACE, str(tenant_id))


def worth_fen(parts: int, price_milli: int) -> int:
    """Money's worth of parts at a price in thousandths of a fen, rounded half up."""
    return (parts * price_milli * 2 + MILLI) // (2 * MILLI)


async def plan(tx: Tx) -> Plan:
    """The merchant's way to pay; each part afterwards when nothing else was agreed."""
    row = await tx.row(
        "SELECT model, price_milli, bought_parts, low_parts, low_told, soft_parts, hard_parts, soft_fen, hard_fen, "
        "cap_parts, cap_fen FROM sms_plans WHERE tenant_id = $1",
        tx.tenant_id,
    )
    return Plan(**dict(row)) if row is not None else Plan()


async def parts(tx: Tx) -> Parts:
    """What the merchant has left and has used."""
    who = owner(tx.tenant_id)
    found = (await ledger.balances(tx, [who]))[who]
    return Parts(found.get("sms_parts", 0), found.get("sms_used", 0), found.get("sms_owed", 0), found.get("sms_fen", 0))


@dataclass(frozen=True, slots=True)
class MoneyOfParts:
    """What a part costs this merchant now, in thousandths of a fen, and what it has left."""

    model: str
    part_milli: int
    parts_left: int


async def money(tx: Tx) -> MoneyOfParts:
    """What a message would cost the merchant if it were sent now."""
    mine = await plan(tx)
    left = (await parts(tx)).left if mine.model == "package" else 0
    return MoneyOfParts(mine.model, await part_milli(tx, mine) or 0, left)


async def part_milli(tx: Tx, mine: Plan) -> int | None:
    """What a part costs this merchant now; None when it has bought none and no price is entered: then it must buy first."""
    if mine.model == "package":
        return mine.price_milli
    price = await price_now(tx)
    return None if price is None else price * MILLI


async def ensure_plan(tx: Tx) -> None:
    """Have a row to lock and to change."""
    await tx.execute(
        "INSERT INTO sms_plans (tenant_id, updated_at) VALUES ($1, $2) ON CONFLICT DO NOTHING", tx.tenant_id, tx.now
    )


async def credit(tx: Tx, *, source_type: str, source_id: UUID, amount: int, price_fen: int, contra: str) -> bool:
    """Put parts into the merchant's stock, once per source; what is owed is taken from them at once.

    From now on the merchant pays with what it has bought. False when this source was credited before.
    """
    who = owner(tx.tenant_id)
    reason = "credit"
    posted = await ledger.move(tx, Entry(source_type, source_id, (Move(who, "sms_parts", amount, contra, reason),)))
    if posted.repeated:
        return False
    before = posted.balances[who, "sms_parts"] - amount
    await ensure_plan(tx)
    await tx.execute(
        "UPDATE sms_plans SET model = 'package', bought_parts = $3::int, low_told = false, updated_at = $5, "
        "price_milli = (price_milli * $2::bigint + $4::bigint * 1000) / ($2::bigint + $3::int) WHERE tenant_id = $1",
        *(tx.tenant_id, max(before, 0), amount, price_fen, tx.now),
    )
    await collect_owed(tx, source_type=source_type, source_id=source_id)
    await tell_when_low(tx, await plan(tx), (await parts(tx)).left)
    await copy_for_operators(tx)
    return True


LIMITS: Final = ("soft_parts", "hard_parts", "soft_fen", "hard_fen")
CAPS: Final = ("cap_parts", "cap_fen")
LARGEST_LIMIT: Final = 100_000_000


async def set_limits(tx: Tx, limits: Mapping[str, int | None], *, low_parts: int | None) -> None:
    """Set the merchant's own limits of a day and when it is warned of its stock (None: the usual). Raises Invalid."""
    for unit in ("parts", "fen"):
        soft, hard = limits[f"soft_{unit}"], limits[f"hard_{unit}"]
        if soft is not None and hard is not None and soft > hard:
            raise Invalid(code="sms.bad_limits", where=f"soft_{unit}")
    if low_parts is not None and not 0 <= low_parts <= LARGEST_LIMIT:
        raise Invalid(code="sms.bad_limits", where="low_parts")
    await _change(tx, {**_checked(limits), "low_parts": low_parts})
    # A new threshold is a new crossing: whoever is below it is told.
    await tx.execute("UPDATE sms_plans SET low_told = false WHERE tenant_id = $1", tx.tenant_id)
    await tell_when_low(tx, await plan(tx), (await parts(tx)).left)


async def set_caps(tx: Tx, caps: Mapping[str, int | None], *, model: str) -> None:
    """Set what the operators allow a merchant in a day, and how it pays. Raises Invalid."""
    if model not in ("per_part", "package"):
        raise Invalid(code="sms.bad_model", where="model")
    await _change(tx, {**_checked(caps), "model": model})
    await copy_for_operators(tx)


def _checked(limits: Mapping[str, int | None]) -> dict[str, int | str | None]:
    for name, value in limits.items():
        if value is not None and not 1 <= value <= LARGEST_LIMIT:
            raise Invalid(code="sms.bad_limits", where=name)
    return dict(limits)


async def _change(tx: Tx, wanted: Mapping[str, int | str | None]) -> None:
    await ensure_plan(tx)
    before = await tx.row("SELECT * FROM sms_plans WHERE tenant_id = $1 FOR UPDATE", tx.tenant_id)
    assert before is not None
    changed = {name: value for name, value in wanted.items() if before[name] != value}
    if not changed:
        return
    places = ", ".join(f"{name} = ${place}" for place, name in enumerate(changed, start=3))
    await tx.execute(
        f"UPDATE sms_plans SET updated_at = $2, {places} WHERE tenant_id = $1",
        *(tx.tenant_id, tx.now, *changed.values()),
    )
    tx.emit(SmsPlanChanged(changed=changed))


async def collect_owed(tx: Tx, *, source_type: str, source_id: UUID) -> None:
    """Take parts that were used before they were bought from what is there now."""
    who = owner(tx.tenant_id)
    free = await ledger.lock(tx, [who])
    taken = min(free.get((who, "sms_owed"), 0), free.get((who, "sms_parts"), 0))
    if taken > 0:
        moves = (
            Move(who, "sms_parts", -taken, "sms_owed", "owed"),
            Move(who, "sms_owed", -taken, "sms_parts", "owed"),
        )
        result = await ledger.move(tx, Entry(source_type, source_id, moves))
        assert isinstance(result, Posted)


async def tell_when_low(tx: Tx, now: Plan, left: int) -> None:
    """Tell once when the stock falls to the merchant's threshold (S2-67)."""
    if now.model != "package" or now.low_told or left > now.low_at:
        return
    if await tx.execute(
        "UPDATE sms_plans SET low_told = true WHERE tenant_id = $1 AND model = 'package' AND NOT low_told", tx.tenant_id
    ):
        tx.emit(SmsPartsLow(parts_left=left, threshold=now.low_at))


async def warnings(tx: Tx) -> list[tuple[str, int]]:
    """What a merchant must know of its parts and its day, the gravest first, each with its number."""
    mine, has = await plan(tx), await parts(tx)
    found: list[tuple[str, int]] = []
    if mine.model == "package" and has.left < 1:
        found.append(("sms_no_balance", max(has.owed, 1)))
    elif mine.model == "package" and has.left <= mine.low_at:
        found.append(("sms_low", has.left))
    day = await tx.row(
        "SELECT parts, soft_told, hard_told FROM sms_days WHERE tenant_id = $1 AND day = $2", tx.tenant_id, tx.today
    )
    if day is not None and day["hard_told"]:
        found.append(("sms_budget_hard", day["parts"]))
    elif day is not None and day["soft_told"]:
        found.append(("sms_budget_soft", day["parts"]))
    return found


async def copy_for_operators(tx: Tx) -> None:
    """Bring the operators' line about this merchant up to date."""
    mine, has = await plan(tx), await parts(tx)
    await tx.execute(
        "INSERT INTO sms_merchants (merchant_id, model, parts_left, parts_owed, active_on, as_of) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (merchant_id) DO UPDATE SET model = excluded.model, "
        "parts_left = excluded.parts_left, parts_owed = excluded.parts_owed, as_of = excluded.as_of",
        *(tx.tenant_id, mine.model, has.left, has.owed, tx.today, tx.now),
    )


async def note_active(tx: Tx) -> None:
    """The merchant sends today: its counts are copied to the operators. Called last, as its line is locked last."""
    await tx.execute(
        "INSERT INTO sms_merchants (merchant_id, model, parts_left, parts_owed, active_on, as_of) "
        "VALUES ($1, 'per_part', 0, 0, $2, $3) ON CONFLICT (merchant_id) DO UPDATE SET active_on = excluded.active_on",
        *(tx.tenant_id, tx.today, tx.now),
    )


async def lock_days(tx: Tx, days: Sequence[Any]) -> dict[Any, Any]:
    """Lock the days' rows in their order, making those that are missing; every change of a charge does this first."""
    rows = await tx.fetch(
        "INSERT INTO sms_days (tenant_id, day) SELECT $1, d.day FROM (SELECT unnest($2::date[]) AS day ORDER BY 1) d "
        "ON CONFLICT (tenant_id, day) DO UPDATE SET parts = sms_days.parts "
        "RETURNING day, parts, cost_fen, soft_told, hard_told, xmax = 0 AS is_new",
        *(tx.tenant_id, sorted(set(days))),
    )
    return {row["day"]: row for row in rows}
