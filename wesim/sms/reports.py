"""Delivery reports and replies, pushed over HTTP with the providers' retries (reference §5.7, §5.8)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import msgspec

from wesim.edge.push import HttpPoster, Poster
from wesim.sms.account import DELIVERED, Account, Provider, Sent, Sms, china_time, sms_of
from wesim.wire import written
from wesim.world import World

RETRIES_S: dict[Provider, tuple[float, ...]] = {"aliyun": (60, 300, 600), "tencent": (60, 300)}
TIMEOUT_S = 5.0
LOOK_EVERY_S = 0.05


@dataclass(slots=True)
class Parcel:
    """One POST and its retries."""

    provider: Provider
    kind: str  # report | reply
    url: str
    body: bytes
    record: dict[str, Any]
    due: float
    tries: int = 0


class Outbox:
    """Sends receipts in batches; waits by the world's clock, so advancing it makes retries due."""

    def __init__(self, sms: Sms, poster: Poster) -> None:
        self._sms, self._poster = sms, poster
        self._receipts: dict[Provider, list[Sent]] = {"aliyun": [], "tencent": []}
        self._parcels: list[Parcel] = []
        self._flying: set[asyncio.Task[None]] = set()
        self._runner: asyncio.Task[None] | None = None

    def report(self, sent: Sent) -> None:
        """A receipt came in: queue its push, if the account has a URL for it."""
        account = self._sms.account(sent.provider)
        assert account is not None
        if sent.provider == "tencent":
            account.pulled.append(sent)
        if account.report_url:
            self._receipts[sent.provider].append(sent)
            self.wake()

    def reply(self, account: Account, body: Any) -> None:
        if account.reply_url:
            self._put(account, "reply", account.reply_url, body)
            self.wake()

    def wake(self) -> None:
        """Have somebody look at the queues. Needs a running loop."""
        if self._runner is None or self._runner.done():
            self._runner = asyncio.get_running_loop().create_task(self._run())

    async def settle(self) -> None:
        """Wait until everything that is due by the world's clock has been tried. Later retries stay."""
        while self._work_now() or self._flying:
            self._start_due()
            if self._flying:
                await asyncio.gather(*self._flying)

    async def _run(self) -> None:
        while self._sms.on_the_way or any(self._receipts.values()) or self._parcels or self._flying:
            if self._sms.world.extensions.get("sms") is not self._sms:
                return  # the world was reset
            self._start_due()
            await asyncio.sleep(LOOK_EVERY_S if not self._work_now() else 0)

    def _work_now(self) -> bool:
        self._sms.carry_due()
        now = self._sms.world.clock.now()
        return any(self._receipts.values()) or any(parcel.due <= now for parcel in self._parcels)

    def _start_due(self) -> None:
        self._sms.carry_due()
        self._pack()
        now = self._sms.world.clock.now()
        due = [parcel for parcel in self._parcels if parcel.due <= now]
        self._parcels = [parcel for parcel in self._parcels if parcel.due > now]
        for parcel in due:
            task = asyncio.get_running_loop().create_task(self._post(parcel))
            self._flying.add(task)
            task.add_done_callback(self._flying.discard)

    def _pack(self) -> None:
        size = self._sms.settings.report_batch_max
        for provider, waiting in self._receipts.items():
            account = self._sms.account(provider)
            assert account is not None
            write = aliyun_receipt if provider == "aliyun" else tencent_receipt
            for start in range(0, len(waiting), size):
                body = [write(sent) for sent in waiting[start : start + size]]
                self._put(account, "report", account.report_url, body)
            waiting.clear()

    def _put(self, account: Account, kind: str, url: str, body: Any) -> None:
        now = self._sms.world.clock.now()
        record = {
            "provider": account.provider,
            "kind": kind,
            "at": now,
            "body": body,
            "attempts": [],
            "state": "waiting",
        }
        self._sms.pushes.append(record)
        text = written(body, self._sms.world.settings.control_characters).encode()
        self._parcels.append(Parcel(account.provider, kind, url, text, record, now))

    async def _post(self, parcel: Parcel) -> None:
        headers = {"content-type": "application/json;charset=UTF-8"}
        try:
            status, answer = await self._poster("POST", parcel.url, headers, parcel.body, TIMEOUT_S)
        except OSError as e:
            status, answer = 0, b""
            parcel.record["attempts"].append(str(e) or type(e).__name__)
        else:
            parcel.record["attempts"].append(status)
        if status == 200 and _accepted(parcel.provider, answer):
            parcel.record["state"] = "delivered"
            return
        waits = RETRIES_S[parcel.provider]
        if parcel.tries >= len(waits):
            parcel.record["state"] = "failed"
            return
        parcel.due = self._sms.world.clock.now() + waits[parcel.tries]
        parcel.tries += 1
        parcel.record["state"] = "retrying"
        self._parcels.append(parcel)


def outbox_of(world: World) -> Outbox:
    """The outbox of this world's SMS state."""
    sms = sms_of(world)
    found = world.extensions.get("sms.outbox")
    if found is None:
        found = world.extensions["sms.outbox"] = Outbox(sms, world.poster or HttpPoster())
        sms.on_receipt = found.report
    assert isinstance(found, Outbox)
    return found


def aliyun_receipt(sent: Sent) -> dict[str, Any]:
    """One entry of an SmsReport push."""
    return {
        "phone_number": sent.phone,
        "send_time": china_time(sent.at),
        "report_time": china_time(sent.done_at),
        "success": sent.status == DELIVERED,
        "err_code": sent.err_code,
        "err_msg": sent.err_text,
        "sms_size": str(sent.parts),
        "biz_id": sent.id,
        "out_id": sent.echo,
    }


def tencent_receipt(sent: Sent) -> dict[str, Any]:
    """One entry of Tencent's status callback."""
    good = sent.status == DELIVERED
    return {
        "user_receive_time": china_time(sent.done_at),
        "nationcode": "86",
        "mobile": sent.phone,
        "report_status": "SUCCESS" if good else "FAIL",
        "errmsg": "DELIVRD" if good else sent.err_code,
        "description": sent.err_text,
        "sid": sent.id,
        "ext": sent.echo,
    }


def _accepted(provider: Provider, answer: bytes) -> bool:
    """Aliyun wants a numeric code 0, Tencent a result 0."""
    try:
        body = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    value = body.get("code" if provider == "aliyun" else "result") if isinstance(body, dict) else None
    return isinstance(value, int) and not isinstance(value, bool) and value == 0
