"""Callbacks of payments and refunds: sealed, signed, retried on the documented ladder (reference §1.7)."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import Any

from wesim.edge.push import HttpPoster, Poster
from wesim.pay.crypto import ALGORITHM, key_named, seal
from wesim.pay.gateway import signature_headers, written
from wesim.pay.orders import transaction
from wesim.pay.refunds import told
from wesim.pay.state import Merchant, Order, Pay, Refund, nonce, pay_of, rfc3339
from wesim.world import World

MINUTE, HOUR = 60.0, 3600.0
# 24 hours and 4 minutes in all; whether the first try is counted among the fifteen is UNCONFIRMED: here it is not.
LADDER_S = (
    15.0, 15.0, 30.0, 3 * MINUTE, 10 * MINUTE, 20 * MINUTE, 30 * MINUTE, 30 * MINUTE, 30 * MINUTE, 60 * MINUTE,
    3 * HOUR, 3 * HOUR, 3 * HOUR, 6 * HOUR, 6 * HOUR,
)  # fmt: skip
LOOK_EVERY_S = 0.05
GOOD = (200, 204)
SUMMARIES = {
    "TRANSACTION.SUCCESS": "支付成功",
    "REFUND.SUCCESS": "退款成功",
    "REFUND.ABNORMAL": "退款异常",
    "REFUND.CLOSED": "退款关闭",
}


@dataclass(slots=True)
class Parcel:
    """One callback and its tries."""

    merchant: Merchant
    url: str
    body: bytes
    record: dict[str, Any]
    due: float
    tries: int = 0
    probe: bool = False


class Outbox:
    """Waits by the world's clock, so advancing it makes tries due; a settled outbox has tried everything due."""

    def __init__(self, pay: Pay, poster: Poster) -> None:
        self._pay, self._poster = pay, poster
        self._parcels: list[Parcel] = []
        self._flying: set[asyncio.Task[None]] = set()
        self._runner: asyncio.Task[None] | None = None

    def paid(self, order: Order) -> None:
        merchant = self._pay.merchants[order.mchid]
        plain = transaction(merchant, order)
        self._put(merchant, "TRANSACTION.SUCCESS", "transaction", order.notify_url, plain)

    def refunded(self, refund: Refund) -> None:
        plain = told(self._pay, refund)
        self._put(self._pay.merchants[refund.mchid], f"REFUND.{refund.status}", "refund", refund.notify_url, plain)

    def repeat(self, merchant: Merchant, record: dict[str, Any]) -> None:
        """The same event once more, whatever became of it."""
        self._send(merchant, record, due=self._pay.world.clock.now())
        self.wake()

    def wake(self) -> None:
        """Have somebody look at the queue. Needs a running loop."""
        if self._runner is None or self._runner.done():
            self._runner = asyncio.get_running_loop().create_task(self._run())

    async def settle(self) -> None:
        """Wait until everything that is due by the world's clock has been tried. Later tries stay."""
        while self._work_now() or self._flying:
            self._start_due()
            if self._flying:
                await asyncio.gather(*self._flying)

    async def _run(self) -> None:
        while self._pay.refunds_waiting or self._parcels or self._flying:
            if self._pay.world.extensions.get("pay") is not self._pay:
                return  # the world was reset
            self._start_due()
            await asyncio.sleep(LOOK_EVERY_S if not self._work_now() else 0)

    def _work_now(self) -> bool:
        self._pay.carry_due()
        now = self._pay.world.clock.now()
        return any(parcel.due <= now for parcel in self._parcels)

    def _start_due(self) -> None:
        self._pay.carry_due()
        now = self._pay.world.clock.now()
        due = [parcel for parcel in self._parcels if parcel.due <= now]
        self._parcels = [parcel for parcel in self._parcels if parcel.due > now]
        for parcel in due:
            task = asyncio.get_running_loop().create_task(self._post(parcel))
            self._flying.add(task)
            task.add_done_callback(self._flying.discard)

    def _put(self, merchant: Merchant, event: str, original: str, url: str, plain: dict[str, Any]) -> None:
        """Record the event and send it, as faults will have it."""
        now = self._pay.world.clock.now()
        record: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "event": event,
            "original_type": original,
            "at": now,
            "url": url,
            "plain": plain,
            "attempts": [],
            "state": "waiting",
        }
        merchant.notices.append(record)
        if not url or not merchant.api_v3_key:
            record["state"] = "no_key" if url else "no_url"
            return
        fault = self._pay.world.faults.for_callback(app=merchant.mchid, event=event)
        kind = fault.kind if fault else ""
        if kind == "lost_callback":
            record["state"] = "lost"
            return
        later = now + (fault.delay_s if fault else 0.0)
        self._send(merchant, record, due=later if kind == "late_callback" else now)
        if kind == "duplicate_callback":
            new_id = str(uuid.uuid4()) if self._pay.settings.duplicate_has_new_id else record["id"]
            self._send(merchant, {**record, "id": new_id, "attempts": record["attempts"]}, due=later)
        self.wake()

    def _send(self, merchant: Merchant, record: dict[str, Any], *, due: float) -> None:
        body = _sealed(merchant, record)
        probe = self._pay.random.random() < self._pay.settings.probe_share
        self._parcels.append(Parcel(merchant, record["url"], body, record, due, probe=probe))

    async def _post(self, parcel: Parcel) -> None:
        """One try, freshly signed. A probe must be refused; the true callback follows after the first wait."""
        now = self._pay.world.clock.now()
        serial, key = self._key(parcel.merchant)
        headers = signature_headers(self._pay, serial, key, parcel.body, probe=parcel.probe)
        headers |= {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Mozilla/4.0"}
        tried: dict[str, Any] = {"at": now, "id": parcel.record["id"], "serial": serial, "probe": parcel.probe}
        try:
            status, _ = await self._poster(
                "POST", parcel.url, headers, parcel.body, self._pay.settings.callback_timeout_s
            )
        except OSError as e:
            status, tried["error"] = 0, str(e) or type(e).__name__
        tried["status"] = status
        parcel.record["attempts"].append(tried)
        if parcel.probe:
            if status in GOOD:
                parcel.merchant.defects.append({"at": now, "id": parcel.record["id"], "what": "probe accepted"})
            parcel.probe = False
            self._later(parcel, LADDER_S[0])
            return
        if status in GOOD:
            parcel.record["state"] = "delivered"
            return
        if parcel.tries >= len(LADDER_S):
            parcel.record["state"] = "failed"
            return
        self._later(parcel, LADDER_S[parcel.tries])
        parcel.tries += 1

    def _later(self, parcel: Parcel, wait_s: float) -> None:
        parcel.due = self._pay.world.clock.now() + wait_s * self._pay.settings.ladder_scale
        parcel.record["state"] = "retrying"
        self._parcels.append(parcel)

    def _key(self, merchant: Merchant) -> Any:
        """In migration a share of the callbacks is signed with the public key (reference §1.4)."""
        with_public_key = merchant.mode == "public_key" or (
            merchant.mode == "both" and self._pay.random.random() < merchant.callback_key_share
        )
        if with_public_key:
            return merchant.public_key_id, merchant.public_key
        serial = merchant.certificates[-1].serial
        return serial, key_named(f"platform {serial}")


def outbox_of(world: World) -> Outbox:
    """The outbox of this world's payment state."""
    pay = pay_of(world)
    found = world.extensions.get("pay.outbox")
    if found is None:
        found = world.extensions["pay.outbox"] = Outbox(pay, world.poster or HttpPoster())
        pay.on_refund = found.refunded
    assert isinstance(found, Outbox)
    return found


def _sealed(merchant: Merchant, record: dict[str, Any]) -> bytes:
    once = nonce(12)
    associated = record["original_type"]
    return written(
        {
            "id": record["id"],
            "create_time": rfc3339(record["at"]),
            "resource_type": "encrypt-resource",
            "event_type": record["event"],
            "summary": SUMMARIES[record["event"]],
            "resource": {
                "original_type": record["original_type"],
                "algorithm": ALGORITHM,
                "ciphertext": seal(merchant.api_v3_key, written(record["plain"]), nonce=once, associated=associated),
                "associated_data": associated,
                "nonce": once,
            },
        }
    )
