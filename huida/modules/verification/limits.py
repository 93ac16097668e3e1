"""Counting codes and passwords, exactly, whoever asks at the same time and on however many servers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from huida.kernel.db import Tx
from huida.kernel.errors import TooMany
from huida.kernel.networks import network_of, networks_of
from huida.modules.verification import proofs
from huida.modules.verification.facts import CodesLimited
from huida.modules.verification.proofs import Proof, ProofNeeded
from huida.modules.verification.rules import (
    DEVICE_LETTERS,
    EACH_DEVICE,
    EACH_NETWORK,
    EACH_PHONE,
    EACH_PHONE_ANYWHERE,
    GUESSES,
    KNOWN_FOR,
    MERCHANT_DAY,
    MERCHANT_HOUR,
    OTHERS,
    PASSWORD_MEMORY,
    PASSWORD_PAUSE,
    PASSWORD_TRIES,
    USUAL_DAYS,
    USUAL_FLOOR,
    Limit,
    each_merchant,
    each_strangers,
    window_end,
)

PAUSE_S = next(limit.window.total_seconds() for limit in EACH_PHONE if limit.window is not None)

# One statement: a row past its end begins anew, a row with room grows, a full row is not returned. Rows are taken in the
# order of their keys, so that two requests wait for each other and never in a circle.
TAKE = """
INSERT INTO verification_counts AS c (key, count, ends_at)
SELECT w.key, 1, w.ends_at FROM unnest($2::bytea[], $3::timestamptz[], $4::int[]) AS w(key, ends_at, most) ORDER BY w.key
ON CONFLICT (key) DO UPDATE SET
  count = CASE WHEN c.ends_at <= $1 THEN 1 ELSE c.count + 1 END,
  ends_at = CASE WHEN c.ends_at <= $1 THEN excluded.ends_at ELSE c.ends_at END
WHERE c.ends_at <= $1 OR c.count < (SELECT w.most FROM unnest($2::bytea[], $4::int[]) AS w(key, most) WHERE w.key = c.key)
RETURNING key, count
"""


class CodeLimit(TooMany):
    """Too many codes were asked for; `limit` names which limit, `retry_after_s` says when there is room again."""

    code = "verification.too_many"


class MerchantLimit(CodeLimit):
    """The merchant has let out as many codes as it wants to."""

    code = "verification.shop_limit"


class GuessLimit(TooMany):
    """Too many wrong codes and passwords came from this address."""

    code = "verification.too_many_guesses"


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for a code: a network address, the device it names, and its browser."""

    address: str
    device: str = ""
    agent: str = ""

    @property
    def as_device(self) -> str:
        """Names of devices have no slash: whoever names none cannot be counted as somebody else's."""
        return self.device or f"{network_of(self.address)}/{self.agent[:200]}"


@dataclass(frozen=True, slots=True)
class ShopLimits:
    """How many codes a merchant lets out: its own numbers, and the operators' caps. The smaller one holds."""

    hour: int = MERCHANT_HOUR
    day: int = MERCHANT_DAY
    cap_hour: int | None = None
    cap_day: int | None = None
    usual_hour: int = USUAL_FLOOR

    @property
    def hour_most(self) -> int:
        return self.hour if self.cap_hour is None else min(self.hour, self.cap_hour)

    @property
    def day_most(self) -> int:
        return self.day if self.cap_day is None else min(self.day, self.cap_day)


async def shop_limits(tx: Tx) -> ShopLimits:
    """What this merchant and the operators have set."""
    row = await tx.row(
        "SELECT hour_most AS hour, day_most AS day, cap_hour, cap_day, coalesce(usual_hour, $2::int) AS usual_hour "
        "FROM verification_settings WHERE tenant_id = $1",
        *(tx.tenant_id, USUAL_FLOOR),
    )
    return ShopLimits() if row is None else ShopLimits(**dict(row))


async def merchant_limits(tx: Tx) -> tuple[Limit, ...]:
    """What this merchant lets out in an hour and in a day."""
    now = await shop_limits(tx)
    return each_merchant(now.hour_most, now.day_most)


async def take(tx: Tx, *, phone: str, asker: Asker, is_member: bool = False, proof: Proof | None = None) -> None:
    """Count one request against every limit. Raises CodeLimit for the first that is full; then none has counted.

    Raises ProofNeeded when the merchant's hour is above its usual and the request brings no proof of work; a device on which
    this phone came in before needs none. The refusal ends the caller's transaction: what was counted goes with it.
    """
    shop = await shop_limits(tx)
    subject = f"{tx.tenant_id}/{phone}"
    merchant = each_merchant(shop.hour_most, shop.day_most)
    wanted = _counted(tx, phone, asker) + [(_key(tx, limit, str(tx.tenant_id)), limit) for limit in merchant]
    if not is_member:
        others = each_strangers(shop.hour_most, shop.day_most)
        wanted += [(_key(tx, limit, str(tx.tenant_id)), limit) for limit in others]
    if proof is not None and proof.challenge:
        once = Limit("proof", 1, proofs.LIFE)
        wanted.append((_key(tx, once, proof.challenge[:200]), once))
    wanted.sort(key=lambda one: one[0])
    taken = await tx.fetch(
        TAKE,
        tx.now,
        [key for key, _ in wanted],
        [window_end(limit, tx.now) for _, limit in wanted],
        [limit.most for _, limit in wanted],
    )
    got = {bytes(row["key"]): row["count"] for row in taken}
    full = [(key, limit) for key, limit in wanted if key not in got]
    used = [limit for _, limit in full if limit.name == "proof"]
    if full and not used:
        await _refuse(tx, full)
    count = got.get(_key(tx, merchant[0], str(tx.tenant_id)), 0)
    if not used and (count <= shop.usual_hour or await is_known(tx, phone, asker)):
        return
    bits = proofs.bits_for(max(count, 1), shop.usual_hour)
    if used or proof is None or not proofs.is_solved(tx.sealer, proof, subject=subject, bits=bits, now=tx.now):
        raise ProofNeeded(challenge=proofs.challenge(tx.sealer, subject=subject, bits=bits, now=tx.now), bits=bits)


def _counted(tx: Tx, phone: str, asker: Asker) -> list[tuple[bytes, Limit]]:
    """What a request counts for beside its merchant: the phone, every network of the address, and the device."""
    about = [(EACH_PHONE, f"{tx.tenant_id}/{phone}"), (EACH_PHONE_ANYWHERE, phone), (EACH_DEVICE, asker.as_device)]
    about += [(EACH_NETWORK[net.width], net.text) for net in networks_of(asker.address)]
    return [(_key(tx, limit, subject), limit) for limits, subject in about for limit in limits]


def _key(tx: Tx, limit: Limit, subject: str) -> bytes:
    return tx.sealer.blind_index(f"{limit.name}/{subject}", purpose="verification.count")


async def _refuse(tx: Tx, full: Sequence[tuple[bytes, Limit]]) -> None:
    rows = await tx.fetch(
        "SELECT key, ends_at FROM verification_counts WHERE key = ANY($1) LIMIT 20", [key for key, _ in full]
    )
    ends = {bytes(row["key"]): row["ends_at"] for row in rows}
    key, limit = max(full, key=lambda one: ends.get(one[0], tx.now))
    if limit.name.startswith("merchant"):
        raise MerchantLimit(limit=limit.name.removesuffix(OTHERS), retry_after_s=_wait_s(tx, ends.get(key)))
    raise CodeLimit(
        code="verification.pause" if limit.name == "phone_pause" else None,
        where="phone" if limit.name.startswith("phone") else None,
        limit=limit.name,
        retry_after_s=_wait_s(tx, ends.get(key)),
    )


TELL = """
INSERT INTO verification_settings AS s (tenant_id, hour_most, day_most, full_limit, full_at, full_until)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id) DO UPDATE SET full_limit = excluded.full_limit, full_at = excluded.full_at, full_until = excluded.full_until
WHERE s.full_until IS NULL OR s.full_until <= $5 OR (s.full_limit = 'merchant_hour' AND excluded.full_limit = 'merchant_day')
RETURNING least(hour_most, cap_hour) AS hour_most, least(day_most, cap_day) AS day_most
"""


async def tell_full(tx: Tx, name: str) -> None:
    """Tell the merchant that its customers get no codes for now, once for each hour and day."""
    limit = next(one for one in each_merchant(MERCHANT_HOUR, MERCHANT_DAY) if one.name == name)
    until = window_end(limit, tx.now)
    row = await tx.row(TELL, tx.tenant_id, MERCHANT_HOUR, MERCHANT_DAY, name, tx.now, until)
    if row is not None:
        most = row["hour_most"] if name == "merchant_hour" else row["day_most"]
        tx.emit(CodesLimited(limit=name.removeprefix("merchant_"), most=most))


def _wait_s(tx: Tx, until: datetime | None) -> int:
    return 1 if until is None else max(1, math.ceil((until - tx.now).total_seconds()))


async def guess(tx: Tx, asker: Asker, *, known: bool) -> int:
    """Count a guess from here before it is compared; returns 0, or the seconds until there is a next one.

    On a device that came in before with this phone (`known`) the device counts, not the networks that it shares.
    """
    wanted = _guesses(tx, asker, known=known)
    keys, limits = [key for key, _ in wanted], [limit for _, limit in wanted]
    rows = await tx.fetch(TAKE, tx.now, keys, [window_end(one, tx.now) for one in limits], [one.most for one in limits])
    got = {bytes(row["key"]) for row in rows}
    full = [key for key in keys if key not in got]
    if not full:
        return 0
    # What was counted beside a full one is given back: a refused guess counts nowhere.
    await tx.execute("UPDATE verification_counts SET count = count - 1 WHERE key = ANY($1) AND count > 0", sorted(got))
    return _wait_s(tx, await tx.value("SELECT max(ends_at) FROM verification_counts WHERE key = ANY($1)", full))


async def was_right(tx: Tx, asker: Asker, *, known: bool) -> None:
    """The guess was none: it does not count."""
    keys = [key for key, _ in _guesses(tx, asker, known=known)]
    await tx.execute(
        "UPDATE verification_counts SET count = count - 1 FROM (SELECT key FROM verification_counts WHERE key = ANY($1) "
        "ORDER BY key FOR UPDATE) held WHERE verification_counts.key = held.key AND count > 0",
        keys,
    )


def _guesses(tx: Tx, asker: Asker, *, known: bool) -> list[tuple[bytes, Limit]]:
    if known:
        return [(_key(tx, GUESSES["host"], f"device/{asker.device}"), GUESSES["host"])]
    found = [(GUESSES[net.width], net.text) for net in networks_of(asker.address)]
    return sorted(((_key(tx, limit, text), limit) for limit, text in found), key=lambda one: one[0])


async def is_known(tx: Tx, phone: str, asker: Asker) -> bool:
    """Whether somebody came in on this device with this phone before."""
    return len(asker.device) >= DEVICE_LETTERS and bool(
        await tx.value(
            "SELECT true FROM verification_counts WHERE key = $1 AND ends_at > $2", _known_key(tx, phone, asker), tx.now
        )
    )


async def remember(tx: Tx, phone: str, asker: Asker) -> None:
    """Somebody came in on this device with this phone: what strangers do with the phone does not hold it up."""
    if len(asker.device) >= DEVICE_LETTERS:
        await tx.execute(
            "INSERT INTO verification_counts (key, count, ends_at) VALUES ($1, 1, $2) "
            "ON CONFLICT (key) DO UPDATE SET ends_at = excluded.ends_at",
            *(_known_key(tx, phone, asker), tx.now + KNOWN_FOR),
        )


def _known_key(tx: Tx, phone: str, asker: Asker) -> bytes:
    of = f"known/{tx.tenant_id}/{phone}/{asker.device}"
    return tx.sealer.blind_index(of, purpose="verification.count")


async def learn_usual(tx: Tx) -> None:
    """Work out what is usual in an hour of this merchant, from the codes of the last two weeks."""
    most_hours = await tx.value(
        "SELECT percentile_disc(0.9) WITHIN GROUP (ORDER BY n) FROM (SELECT count(*)::int AS n FROM verification_codes "
        "WHERE tenant_id = $1 AND created_at >= $2::timestamptz - make_interval(days => $3) "
        "GROUP BY date_trunc('hour', created_at)) hours",
        *(tx.tenant_id, tx.now, USUAL_DAYS),
    )
    if most_hours is not None:
        await tx.execute(
            "INSERT INTO verification_settings (tenant_id, hour_most, day_most, usual_hour) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (tenant_id) DO UPDATE SET usual_hour = excluded.usual_hour",
            *(tx.tenant_id, MERCHANT_HOUR, MERCHANT_DAY, max(USUAL_FLOOR, 2 * most_hours)),
        )


# The last try that counts begins the pause; during it none counts, so that no row comes back.
COUNT_TRY = """
INSERT INTO verification_counts AS c (key, count, ends_at) VALUES ($1, 1, $2::timestamptz + $5)
ON CONFLICT (key) DO UPDATE SET
  count = CASE WHEN c.ends_at <= $2 THEN 1 ELSE c.count + 1 END,
  ends_at = $2::timestamptz + CASE WHEN c.ends_at > $2 AND c.count + 1 >= $3 THEN $4::interval ELSE $5::interval END
WHERE c.ends_at <= $2 OR c.count < $3
RETURNING count
"""


async def try_password(tx: Tx, phone: str, asker: Asker, *, known: bool) -> int:
    """Count a try for this phone, a member's or not, from here; returns 0, or the seconds until there is a next one."""
    key = _password_key(tx, phone, asker, known=known)
    if await tx.value(COUNT_TRY, key, tx.now, PASSWORD_TRIES, PASSWORD_PAUSE, PASSWORD_MEMORY) is not None:
        return 0
    return _wait_s(tx, await tx.value("SELECT ends_at FROM verification_counts WHERE key = $1", key))


async def forgive_passwords(tx: Tx, phone: str, asker: Asker) -> None:
    """The phone's owner has shown who they are: wrong tries from here do not count."""
    keys = [_password_key(tx, phone, asker, known=known) for known in (False, True)]
    await tx.execute("DELETE FROM verification_counts WHERE key = ANY($1)", sorted(keys))


def _password_key(tx: Tx, phone: str, asker: Asker, *, known: bool) -> bytes:
    here = f"device/{asker.device}" if known else network_of(asker.address)
    return tx.sealer.blind_index(f"password/{tx.tenant_id}/{phone}/{here}", purpose="verification.count")


async def forget(tx: Tx, *, most: int) -> bool:
    """Forget counts that are over for a day; True when there may be more."""
    gone = await tx.execute(
        "DELETE FROM verification_counts WHERE key = ANY(ARRAY(SELECT key FROM verification_counts WHERE ends_at < $1 "
        "ORDER BY key LIMIT $2 FOR UPDATE SKIP LOCKED))",
        *(tx.now - timedelta(days=1), most),
    )
    return gone == most
