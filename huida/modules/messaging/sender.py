"""Sending: the errand that takes queued deliveries, calls the provider, and records what became of each.

Outcomes (design/architecture §9): accepted; refused (closed with its code); unavailable (tried again on the ladder,
dead after the last try); unknown (never simply repeated: a subscribe message is closed as unknown, a template message
may be repeated under the same client_msg_id within ten minutes, an SMS is asked about).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from huida.kernel.arrays import ints, texts, uuids
from huida.kernel.clock import Clock
from huida.kernel.db import Tx, columns
from huida.kernel.http import Refused, Unavailable, Unknown, Withheld, each, one_call
from huida.kernel.metrics import DELIVERIES
from huida.kernel.queue import RETRY_LADDER_S, Job
from huida.kernel.rates import TokenBucket
from huida.modules import connections, members, sms
from huida.modules.messaging import bindings, texting
from huida.modules.messaging import credits as credit_ledger
from huida.modules.messaging.facts import died
from huida.modules.messaging.fallback import TURN_WAIT_S, another_left, pass_on
from huida.modules.messaging.keys import Key, from_entry, key_of, out_id
from huida.modules.messaging.tell import send_later
from huida.providers.wechat.calls import AppCredentials
from huida.providers.wechat.judge import Group, group_of
from huida.providers.wechat.mini_program import MiniProgram
from huida.providers.wechat.official_account import OfficialAccount

AT_ONCE = 32
"""Calls under way in one batch; a worker has a few streams, so up to four times as many per process."""
REPEAT_WITHIN = timedelta(minutes=9)
ASK_SMS = "messaging.ask_sms"
LONGEST_HOLD_S = 60
TEMPLATE_GONE = frozenset({"wechat.40037", "wechat.43107", "wechat.43116"})
"""No such template in the account; the template or the account may not send it any more."""

LOAD = """
SELECT d.fact_id, d.scenario, d.slot, d.audience, d.member_id, d.channel, d.state, d.app_id, d.address, d.template_id, d.body,
       d.attempt, d.created_at, d.sent_at
FROM unnest(($2::text)::uuid[], ($3::text)::text[], ($4::text)::text[]) WITH ORDINALITY AS w(fact_id, scenario, slot, n)
CROSS JOIN LATERAL (SELECT * FROM deliveries x
  WHERE x.tenant_id = $1 AND x.fact_id = w.fact_id AND x.scenario = w.scenario AND x.slot = w.slot LIMIT 1) AS d
WHERE d.state IN ('queued', 'retrying') ORDER BY w.n
"""
RECORD = """
SELECT deliveries_record($1, $2, ($3::text)::uuid[], ($4::text)::text[], ($5::text)::text[], ($6::text)::text[],
                         ($7::text)::text[], ($8::text)::text[], ($9::text)::smallint[], ($10::text)::int[])
"""


@dataclass(slots=True)
class Item:
    """One delivery on its way: what to send, and what became of it."""

    row: Any
    phone: str = ""
    out_id: str = ""
    state: str = ""
    reason: str = ""
    provider_ref: str = ""
    parts: int = -1
    provider: str = ""
    told_parts: int | None = None
    wait_s: float | None = None
    held: bool = False
    held_s: float = RETRY_LADDER_S[0]
    lost: bool = False
    died: bool = False
    gone: bool = False


@dataclass
class Batch:
    """What one call of the errand sends, with the keys it needs."""

    tenant_id: int
    items: list[Item]
    credentials: dict[str, AppCredentials] = field(default_factory=dict)
    sms_doors: "Sequence[sms.SmsWay]" = ()


class Sender:
    """The errand `messaging.send`. Running twice is safe: only rows still queued are loaded, and a batch that was
    started is never sent again (`abandoned` closes it as unknown)."""

    def __init__(
        self,
        *,
        mini: MiniProgram,
        oa: OfficialAccount,
        desk: "sms.SmsDesk",
        clock: Clock,
        rate_per_s: float = 5000,
    ) -> None:
        self.mini = mini
        self.oa = oa
        self.desk = desk
        self.clock = clock
        self.rate_per_s = rate_per_s
        self._buckets: dict[str, TokenBucket] = {}

    async def load(self, tx: Tx, jobs: Sequence[Job]) -> Batch:
        # Two jobs may name one delivery (a commit cut off and repeated): it is one message.
        keys = list(dict.fromkeys(from_entry(named) for job in jobs for named in job.payload))
        rows = await tx.fetch(
            LOAD, tx.tenant_id, uuids([k[0] for k in keys]), texts([k[1] for k in keys]), texts([k[2] for k in keys])
        )
        batch = Batch(tx.tenant_id, [Item(row) for row in rows])
        channels = {row["channel"] for row in rows}
        for channel, kind in (("subscribe", "mini"), ("template", "oa")):
            if channel in channels:
                found = await connections.credentials(tx, kind)
                if found is not None:
                    batch.credentials[found.app_id] = found
        gone = await members.gone(tx, [row["member_id"] for row in rows if row["audience"] == "member"])
        for item in batch.items:
            item.gone = item.row["member_id"] in gone
        if "sms" in channels:
            batch.sms_doors = await sms.doors(tx)
            await self._load_phones(tx, batch)
        await self._hold_behind_waiting(tx, batch)
        return batch

    async def _load_phones(self, tx: Tx, batch: Batch) -> None:
        waiting = [item for item in batch.items if item.row["channel"] == "sms"]
        people = await members.recipients(tx, [item.row["member_id"] for item in waiting], mini_app="", oa_app="")
        for item in waiting:
            person = people.get(item.row["member_id"])
            item.phone = (members.phone_of(tx, person) or "") if person else ""
            item.out_id = out_id(tx.tenant_id, key_of(item.row))

    async def _hold_behind_waiting(self, tx: Tx, batch: Batch) -> None:
        """Keep a member's order: what follows a message that waits for its next try waits behind it."""
        if not await tx.value(
            "SELECT EXISTS (SELECT 1 FROM jobs_later WHERE tenant_id = $1 AND kind = 'messaging.send')", tx.tenant_id
        ):
            return
        rows = await tx.fetch(
            "SELECT DISTINCT ON (member_id) member_id, fact_id AS first, attempt FROM deliveries "
            "WHERE tenant_id = $1 AND member_id = ANY($2) AND state = 'retrying' ORDER BY member_id, fact_id",
            *(tx.tenant_id, list({item.row["member_id"] for item in batch.items})),
        )
        first = {row["member_id"]: row for row in rows}
        for item in batch.items:
            before = first.get(item.row["member_id"])
            if before is not None and item.row["state"] == "queued" and item.row["fact_id"] > before["first"]:
                item.held = True
                item.held_s = min(RETRY_LADDER_S[min(before["attempt"], len(RETRY_LADDER_S)) - 1], LONGEST_HOLD_S)

    async def call(self, work: Batch) -> Batch:
        lanes: dict[str, list[Item]] = defaultdict(list)
        for item in work.items:
            if not item.held:
                lanes[item.phone or item.row["address"]].append(item)
        await each(lanes.values(), lambda items: self._lane(work, items), at_once=AT_ONCE)
        return work

    async def _lane(self, batch: Batch, items: list[Item]) -> None:
        """One address, one message after the other: WeChat refuses overlapping sends to one openid (43108)."""
        for place, item in enumerate(items):
            bucket = self._bucket(item.row["app_id"] or "sms")
            if bucket.try_take():
                await bucket.take()
            await self._send(batch, item)
            if item.held or item.state == "retrying":
                for later in items[place + 1 :]:
                    later.held = True
                return

    def _bucket(self, sender: str) -> TokenBucket:
        bucket = self._buckets.get(sender)
        if bucket is None:
            bucket = self._buckets[sender] = TokenBucket(self.rate_per_s, self.rate_per_s)
        return bucket

    async def _send(self, batch: Batch, item: Item) -> None:
        if self._too_late(item):
            item.state, item.reason, item.lost = "unknown", "answer_lost", True
            return
        try:
            async with one_call("messaging.send"):
                item.provider_ref = await self._post(batch, item)
            item.state = "accepted"
        except Refused as refused:
            item.reason, item.wait_s = refused.code, refused.later_s
            item.state = "retrying" if refused.later_s is not None else "failed"
            if item.state == "failed":
                item.parts = 0
        except Withheld:
            item.held = True
        except Unavailable as away:
            item.state, item.reason = "retrying", str(away)[:120]
        except Unknown as lost:
            self._after_unknown(item, str(lost)[:120])

    def _too_late(self, item: Item) -> bool:
        """An answer was lost (`sent_at` says when), and by now WeChat would not know the number of the repeat any more."""
        sent_at = item.row["sent_at"]
        return item.row["state"] == "retrying" and sent_at is not None and self.clock.now() - sent_at >= REPEAT_WITHIN

    def _after_unknown(self, item: Item, reason: str) -> None:
        """A template message may be repeated under its number for a while; nothing else may."""
        now = self.clock.now()
        again = self._due(now, item)
        in_time = again is not None and again - (item.row["sent_at"] or now) < REPEAT_WITHIN
        item.reason, item.lost = reason, True
        item.state = "retrying" if item.row["channel"] == "template" and in_time else "unknown"

    async def _post(self, batch: Batch, item: Item) -> str:
        row = item.row
        if item.gone:
            raise Refused("member.gone", "the member has left since this message was made")
        if row["channel"] == "sms":
            return await self._post_sms(batch, item)
        credentials = batch.credentials.get(row["app_id"])
        if credentials is None:
            raise Refused("connection.not_connected", "the app is not connected any more")
        body = row["body"].encode()
        if row["channel"] == "subscribe":
            return str(await self.mini.send_subscribe(credentials, body) or "")
        return str(await self.oa.send_template(credentials, body))

    async def _post_sms(self, batch: Batch, item: Item) -> str:
        if not item.phone:
            raise Refused("sms.no_phone", "the member has no phone any more")
        ways = texting.open_ways(batch.sms_doors, texting.read(item.row["body"]))
        try:
            accepted = await self.desk.send(ways, phone=item.phone, params={}, out_id=item.out_id)
        except sms.UnknownAt as lost:
            item.provider = lost.provider
            raise
        item.provider, item.told_parts = accepted.provider, accepted.parts
        return accepted.provider_ref

    async def record(self, tx: Tx, outcome: Batch) -> None:
        done: list[tuple[Any, ...]] = []
        later: dict[tuple[datetime, UUID], list[Key]] = defaultdict(list)
        ask: list[Item] = []
        await self._end_turns(tx, outcome.items)
        for item in outcome.items:
            row = item.row
            key = key_of(row)
            if item.held:
                later[tx.now + timedelta(seconds=item.held_s), row["member_id"]].append(key)
                continue
            if item.state == "retrying":
                due = self._due(tx.now, item)
                if due is None:
                    item.state, item.parts, item.died = "dead", 0, True
                else:
                    later[due, row["member_id"]].append(key)
            elif item.state == "unknown" and row["channel"] == "sms":
                ask.append(item)
            if item.died:
                tx.emit(died(row, item.reason))
            done.append((*key, item.state, item.reason, item.provider_ref, item.parts, item.lost))
        if done:
            # Reports of the carrier lock the same rows, in the same order.
            fact_ids, *others, parts, lost = columns(sorted(done), 8)
            await tx.value(
                RECORD, tx.tenant_id, tx.now, uuids(fact_ids), *map(texts, others), ints(parts), ints(map(int, lost))
            )
        await self._stop_gone_templates(tx, outcome.items)
        for (due, member_id), keys in later.items():
            send_later(tx, keys, member_id, due)
        for item in ask:
            ask_later(tx, key_of(item.row), item.row["member_id"], 0)
        await self._settle_credits(tx, outcome.items)
        await self._settle_parts(tx, outcome)
        refused = [(key_of(item.row), item.row["member_id"]) for item in outcome.items if _certainly_refused(item)]
        if refused:
            await pass_on(tx, refused)
        for (channel, state), number in Counter((i.row["channel"], i.state or "held") for i in outcome.items).items():
            DELIVERIES.labels(channel, state).inc(number)

    def _due(self, now: datetime, item: Item) -> datetime | None:
        return None if item.row["attempt"] >= len(RETRY_LADDER_S) else now + timedelta(seconds=self._wait_s(item))

    def _wait_s(self, item: Item) -> float:
        rung = min(item.row["attempt"], len(RETRY_LADDER_S) - 1)
        return max(RETRY_LADDER_S[rung], item.wait_s or 0)

    async def _end_turns(self, tx: Tx, items: Sequence[Item]) -> None:
        """Who would have to wait long for their next try leave their turn to another channel, where there is one (X-01)."""
        waiting = {
            key_of(item.row): item
            for item in items
            if item.state == "retrying" and _not_sent(item) and self._wait_s(item) > TURN_WAIT_S
        }
        for key in await another_left(tx, list(waiting)):
            waiting[key].state, waiting[key].parts = "dead", 0

    async def _stop_gone_templates(self, tx: Tx, items: Sequence[Item]) -> None:
        """A template that WeChat does not know or lets nobody send: its scenarios stop, so that people see it (S1-43)."""
        gone = {item.row["template_id"] for item in items if item.state == "failed" and item.reason in TEMPLATE_GONE}
        for template_id in sorted(gone):
            await bindings.stop_template(tx, template_id, reason="template_gone")

    async def _settle_credits(self, tx: Tx, items: Sequence[Item]) -> None:
        """A message refused for its content or its template used no credit; 43101 means that there was none (§3.6)."""
        back: dict[str, list[tuple[str, str]]] = defaultdict(list)
        none: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for item in items:
            row = item.row
            if row["channel"] != "subscribe" or item.held or item.state not in ("failed", "dead"):
                continue
            key = (row["address"], row["template_id"])
            if item.reason == "wechat.43101":
                none[row["app_id"]].append(key)
            elif item.state == "dead" or group_of(item.reason) is not Group.RECIPIENT:
                back[row["app_id"]].append(key)
        for app_id, rows in back.items():
            await credit_ledger.give_back(tx, app_id, rows)
        for app_id, rows in none.items():
            await credit_ledger.wechat_says_none(tx, app_id, rows)

    async def _settle_parts(self, tx: Tx, batch: Batch) -> None:
        """Give back the parts of SMS that certainly did not go out; the others are charged as their provider counts."""
        items = [item for item in batch.items if item.row["channel"] == "sms" and not item.held]
        if not items:
            return
        back = [sms.source_of(item.out_id) for item in items if item.state in ("failed", "dead")]
        sent = []
        for item in items:
            if item.provider:
                parts = {way.provider: way.parts for way in texting.read(item.row["body"]).ways}
                guessed = parts[item.provider]
                sent.append(sms.Sent.of(item.out_id, item.provider, told=item.told_parts, guessed=guessed))
        settled = await sms.note_sent(tx, sent, back=back)
        await texting.copy_costs(tx, settled, [key_of(item.row) for item in items if item.provider])
        await self.desk.note(tx)

    async def abandoned(self, tx: Tx, jobs: Sequence[Job]) -> None:
        """A worker died while sending: these may have gone out. SMS are asked about; the others stay unknown."""
        keys = [from_entry(named) for job in jobs for named in job.payload]
        rows = await tx.fetch(
            "UPDATE deliveries d SET state = 'unknown', reason = 'worker_died', attempt = d.attempt + 1, sent_at = $5 "
            "FROM unnest($2::uuid[], $3::text[], $4::text[]) AS k(fact_id, scenario, slot) WHERE d.tenant_id = $1 "
            "AND d.fact_id = k.fact_id AND d.scenario = k.scenario AND d.slot = k.slot AND d.state IN ('queued', 'retrying') "
            "RETURNING d.fact_id, d.scenario, d.slot, d.channel, d.member_id, d.created_at, d.attempt",
            *(tx.tenant_id, *columns(keys, 3), tx.now),
        )
        # The same client_msg_id within ten minutes is delivered once (reference §2.5): then repeating is safe. When it
        # was sent nobody knows any more, but not before it was created.
        again = [
            (row, tx.now + timedelta(seconds=RETRY_LADDER_S[min(row["attempt"], len(RETRY_LADDER_S)) - 1]))
            for row in rows
            if row["channel"] == "template"
        ]
        again = [(row, due) for row, due in again if due - row["created_at"] < REPEAT_WITHIN]
        if again:
            await tx.execute(
                "UPDATE deliveries d SET state = 'retrying', sent_at = d.created_at "
                "FROM unnest($2::uuid[], $3::text[], $4::text[]) AS k(fact_id, scenario, slot) WHERE d.tenant_id = $1 "
                "AND d.fact_id = k.fact_id AND d.scenario = k.scenario AND d.slot = k.slot AND d.state = 'unknown'",
                *(tx.tenant_id, *columns([key_of(row) for row, _ in again], 3)),
            )
            for row, due in again:
                send_later(tx, [key_of(row)], row["member_id"], due)
        for row in rows:
            if row["channel"] == "sms":
                ask_later(tx, key_of(row), row["member_id"], 0)


def _not_sent(item: Item) -> bool:
    """One of several messages for a member, of which no answer was ever lost (X-01)."""
    row = item.row
    return bool(row["slot"]) and row["audience"] == "member" and row["sent_at"] is None and not item.lost


def _certainly_refused(item: Item) -> bool:
    return item.state in ("failed", "dead") and _not_sent(item)


ASK_LADDER_S = (30, 120, 600, 3600, 6 * 3600, 24 * 3600)
ASK_AT_MOST = len(ASK_LADDER_S) + 6
"""A provider that does not answer is asked for six days more, once a day: as long as it is sure to know."""


def ask_later(tx: Tx, key: Key, lane: UUID, asked: int) -> None:
    """Plan the next question about an SMS whose fate is unknown; when all were asked it stays unknown."""
    if asked < ASK_AT_MOST:
        due = tx.now + timedelta(seconds=ASK_LADDER_S[min(asked, len(ASK_LADDER_S) - 1)])
        named = {"fact_id": key.fact_id, "scenario": key.scenario, "slot": key.slot, "asked": asked}
        tx.enqueue(ASK_SMS, named, lane=lane, due=due)
