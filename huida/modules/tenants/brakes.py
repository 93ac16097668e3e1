"""Who guesses is slowed down, and nobody else: tries are counted by login and network, never by the login alone.

After some tries each further one has to wait, twice as long as the one before. A device that logged in before has counts of
its own, so that nobody who shares its network can hold it up (R-09).
"""

import hmac
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.errors import TooMany
from huida.kernel.networks import Width, networks_of
from huida.kernel.secrets import Sealer

FREE: Final[Mapping[Width, int]] = {"host": 5, "site": 5, "region": 20, "near": 20}
"""Tries without a pause, by how wide the network is."""
LONGEST_S: Final = 900
MEMORY: Final = timedelta(hours=1)
"""Tries that nothing followed for so long do not count any more. Longer than the longest pause."""
TOLD_EVERY: Final = timedelta(hours=1)
DEVICE_LIFE: Final = timedelta(days=180)
DEVICE: Final = "huida_device_"

FIRST_S: Final = 4

# One statement: whoever may try is counted before anything is compared, so that guesses at once are counted too. Rows are
# taken in the order of their keys. Without a pause the next try is free at any time: another's clock may be a little ahead.
_FREE_OF = "(SELECT w.free FROM unnest($2::bytea[], $3::int[]) AS w(key, free) WHERE w.key = t.key)"
PRESS = f"""
INSERT INTO login_tries AS t (key, count, next_at, forget_at)
SELECT w.key, 1, 'epoch', $1::timestamptz + $4::interval
FROM unnest($2::bytea[], $3::int[]) AS w(key, free) ORDER BY w.key
ON CONFLICT (key) DO UPDATE SET
  count = CASE WHEN t.forget_at <= $1 THEN 1 ELSE t.count + 1 END,
  next_at = CASE WHEN t.forget_at <= $1 OR t.count + 1 < {_FREE_OF} THEN 'epoch'
            ELSE $1::timestamptz + make_interval(secs => least($5, $6 * 2.0 ^ (t.count + 1 - {_FREE_OF}))) END,
  forget_at = excluded.forget_at
WHERE t.forget_at <= $1 OR t.next_at <= $1
RETURNING key, count
"""
# Waits for nobody, and comes after the own keys are held: who held others' first could wait in a ring.
FORGET = """
DELETE FROM login_tries WHERE key = ANY(ARRAY(
  SELECT key FROM login_tries WHERE forget_at < $1 ORDER BY key LIMIT 20 FOR UPDATE SKIP LOCKED))
"""
FORGIVE = """
DELETE FROM login_tries WHERE key = ANY(ARRAY(SELECT key FROM login_tries WHERE key = ANY($1) ORDER BY key FOR UPDATE))
"""
TELL = """
INSERT INTO login_tries AS t (key, count, next_at, forget_at) VALUES ($1, 1, $2, $2::timestamptz + $3::interval)
ON CONFLICT (key) DO UPDATE SET forget_at = excluded.forget_at WHERE t.forget_at <= $2 RETURNING true
"""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is at the login: the address, and what cookies say of earlier logins from this device."""

    address: str
    cookies: Mapping[str, str]

    def device_of(self, sealer: Sealer, staff: Any) -> str:
        """The device's id when this person logged in here before with the present password, else an empty text."""
        device, _, mark = _seen(sealer, device_name(staff["id"]), self.cookies).partition(".")
        return device if device and hmac.compare_digest(_mark(sealer, staff, device), mark) else ""

    def known_device(self, sealer: Sealer) -> str:
        """The id of a device that somebody logged in on before, whoever it was; else an empty text. Asks no database."""
        found = (_seen(sealer, name, self.cookies) for name in self.cookies if name.startswith(DEVICE))
        return next((seen.partition(".")[0] for seen in found if seen), "")


class Wait(TooMany):
    """Too many wrong tries from here: the next one in `retry_after_s`."""


def device_name(staff_id: UUID) -> str:
    """The cookie's name: one for each login, as several people may use a device."""
    return f"{DEVICE}{staff_id.hex}"


def device_cookie(sealer: Sealer, staff: Any, device: str) -> str:
    """The cookie that lets this device through at this person's login, until the password is another one."""
    device = device or secrets.token_hex(16)
    return f"{device}.{_mark(sealer, staff, device)}.{_signature(sealer, device_name(staff['id']), device)}"


def _mark(sealer: Sealer, staff: Any, device: str) -> str:
    of = f"{staff['tenant_id']}/{staff['id']}/{device}/{staff['password_hash']}"
    return sealer.blind_index(of, purpose="staff.device").hex()


def _signature(sealer: Sealer, name: str, device: str) -> str:
    return sealer.blind_index(f"{name}/{device}", purpose="staff.device.given").hex()


def _seen(sealer: Sealer, name: str, cookies: Mapping[str, str]) -> str:
    """`device.mark` of a cookie that this server has given, else an empty text."""
    value = cookies.get(name, "")
    seen, _, signature = value.rpartition(".")
    if not value.isascii() or len(value) > 200 or not seen:
        return ""
    return seen if hmac.compare_digest(_signature(sealer, name, seen.partition(".")[0]), signature) else ""


def keys_of(sealer: Sealer, about: str, caller: Caller, device: str) -> list[tuple[bytes, int]]:
    """What a try about this login counts for: the device's own count, or one for each network, with the free tries."""
    if device:
        return [(_key(sealer, f"{about}/device/{device}"), FREE["host"])]
    return [(_key(sealer, f"{about}/{net.text}"), FREE[net.width]) for net in networks_of(caller.address)]


def key_alone(sealer: Sealer, about: str) -> list[tuple[bytes, int]]:
    """The count of what only who has shown something already can try."""
    return [(_key(sealer, about), FREE["host"])]


def _key(sealer: Sealer, text: str) -> bytes:
    return sealer.blind_index(text, purpose="staff.tries")


async def press(tx: Tx, keys: Sequence[tuple[bytes, int]]) -> bool:
    """Count a try that is about to be made; whether it is the one that pauses begin with. Raises Wait, and counts nothing."""
    wanted = sorted(keys)
    rows = await tx.fetch(
        PRESS, tx.now, [key for key, _ in wanted], [free for _, free in wanted], MEMORY, LONGEST_S, FIRST_S
    )
    await tx.execute(FORGET, tx.now)
    counts = {bytes(row["key"]): row["count"] for row in rows}
    held = [key for key, _ in wanted if key not in counts]
    if held:
        until = await tx.value("SELECT max(next_at) FROM login_tries WHERE key = ANY($1)", held)
        raise Wait(retry_after_s=max(1, math.ceil((until - tx.now).total_seconds())) if until else 1)
    return any(counts[key] == free for key, free in wanted)


async def forgive(tx: Tx, keys: Sequence[tuple[bytes, int]]) -> None:
    """It was no guess: the wrong tries before it do not count."""
    await tx.execute(FORGIVE, [key for key, _ in keys])


async def may_tell(tx: Tx, about: str) -> bool:
    """Whether people should hear of it now: once an hour, however many networks somebody guesses from."""
    return bool(await tx.value(TELL, _key(tx.sealer, f"told/{about}"), tx.now, TOLD_EVERY))
