"""Finding out: payments whose callback never came, refunds in doubt, and closing what is not to be paid any more.

Every question goes by our own number, so asking twice changes nothing; a refund is repeated under its number only, which
WeChat Pay answers with what it already did.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from huida.kernel.db import Database, Row, Tx
from huida.kernel.http import ProviderOutcome, Refused, each, one_call
from huida.kernel.jobs import Work
from huida.kernel.log import log
from huida.kernel.queue import RETRY_LADDER_S, Job
from huida.modules.payments import accounts
from huida.modules.payments.accounts import Desk
from huida.modules.payments.callbacks import REFUND_ENDS
from huida.modules.payments.service import GIVE_BACK, LOOK, SLACK, note_closed, note_paid, note_refund
from huida.providers.wechatpay.answers import Refund, RefundStatus, TradeState, Transaction
from huida.providers.wechatpay.client import RefundOrder, WechatPay
from huida.providers.wechatpay.judge import ORDER_PAID

LOOKS_S: Final = (240, 900)
"""Waits after the first look at a payment that WeChat Pay has as unpaid, the last again and again up to its end."""
AT_ONCE: Final = 32
"""Calls under way in one batch."""
ASKED_AT_MOST: Final = 60
"""After so many questions people have to look (about two weeks)."""


@dataclass(slots=True)
class Question:
    """One payment or refund to be asked about, the how many-eth time, and what came of it.

    `once`: people asked, beside the questions that go on by themselves.
    """

    row: Row
    n: int
    account_tenant: int
    once: bool = False
    must_end: bool = False
    paid: Transaction | None = None
    closed: bool = False
    refund: Refund | None = None
    refused: str = ""
    again: bool = False


@dataclass(slots=True)
class Questions:
    db: Database
    items: list[Question]


class Look:
    """The errand `payments.look`: how does a payment stand, and is it to be closed?

    Twice is safe: a question changes nothing, closing is repeatable, and what is told is taken once.
    """

    def __init__(self, pay: WechatPay) -> None:
        self._pay = pay

    async def load(self, tx: Tx, jobs: Sequence[Job]) -> Questions:
        wanted = _wanted(jobs, "payment_id")
        rows = await tx.fetch(
            "SELECT * FROM payments WHERE tenant_id = $1 AND id = ANY($2) AND state <> 'paid'",
            tx.tenant_id,
            list(wanted),
        )
        items = []
        for row in rows:
            ended = row["state"] != "closed" and (row["cancelling"] or row["expires_at"] <= tx.now)
            to = accounts.payee_tenant(row["payee"], tx.tenant_id)
            n, once = wanted[row["id"]]
            items.append(Question(row, n, to, once, must_end=ended))
        return Questions(tx.db, items)

    async def call(self, work: Questions) -> Questions:
        await _each(work, self._ask)
        return work

    async def _ask(self, desk: Desk, item: Question) -> None:
        number = item.row["out_trade_no"]
        told = await self._pay.query(desk.cred, out_trade_no=number)
        if told is not None and told.is_paid:
            item.paid = told
        elif told is None or told.trade_state not in (TradeState.NOTPAY, TradeState.USERPAYING):
            # Closed there; or never heard of there, and then nobody was given anything to pay with.
            item.closed = told is not None or item.must_end
        elif item.must_end:
            try:
                await self._pay.close(desk.cred, out_trade_no=number)
                item.closed = True
            except Refused as no:
                if no.code != ORDER_PAID:
                    raise
                item.again = True

    async def record(self, tx: Tx, outcome: Questions) -> None:
        """What was answered belongs to the number that was asked about, which may be another one by now."""
        current = await _current(tx, outcome)
        for item in outcome.items:
            row = current[item.row["id"]]
            if item.paid is not None:
                await note_paid(tx, row, item.paid)
                continue
            unheard = row["account_id"] is None
            if item.closed or (item.must_end and unheard):
                number = (row if item.must_end and unheard else item.row)["out_trade_no"]
                if await note_closed(tx, row["id"], out_trade_no=number, reason=_why(row)):
                    continue
            still_open = row["state"] in ("created", "prepared") and not unheard
            if still_open and not item.once and item.n < ASKED_AT_MOST:
                payload = {"payment_id": str(row["id"]), "n": item.n + 1}
                tx.enqueue(LOOK, payload, lane=row["id"], due=_next_look(item, tx.now))

    async def abandoned(self, tx: Tx, jobs: Sequence[Job]) -> None:
        for job in _going_on(jobs):
            n = int(job.payload["n"])
            payment_id = UUID(job.payload["payment_id"])
            tx.enqueue(LOOK, {**job.payload, "n": n + 1}, lane=payment_id, due=tx.now + _wait(n))


class GiveBack:
    """The errand `payments.give_back`: have a refund made, or find out how it stands.

    Twice is safe: after the first try WeChat Pay is asked first, and a refund it does not have is asked for again under
    the same number, which it makes once.
    """

    def __init__(self, pay: WechatPay) -> None:
        self._pay = pay

    async def load(self, tx: Tx, jobs: Sequence[Job]) -> Questions:
        wanted = _wanted(jobs, "refund_id")
        rows = await tx.fetch(
            "SELECT r.id, r.amount_fen AS refund_fen, r.reason, r.state, p.amount_fen, p.out_trade_no, p.account_id, p.payee, w.route_key "
            "FROM pay_refunds r JOIN payments p ON p.tenant_id = r.tenant_id AND p.id = r.payment_id "
            "JOIN pay_routes w ON w.account_id = p.account_id AND w.tenant_id = p.tenant_id "
            "WHERE r.tenant_id = $1 AND r.id = ANY($2) AND r.state IN ('pending', 'abnormal') ORDER BY p.id, r.id",
            *(tx.tenant_id, list(wanted)),
        )
        items = []
        for row in rows:
            n, once = wanted[row["id"]]
            items.append(Question(row, n, accounts.payee_tenant(row["payee"], tx.tenant_id), once))
        return Questions(tx.db, items)

    async def call(self, work: Questions) -> Questions:
        await _each(work, self._ask)
        return work

    async def _ask(self, desk: Desk, item: Question) -> None:
        row = item.row
        number = row["id"].hex
        if item.n:
            item.refund = await self._pay.query_refund(desk.cred, out_refund_no=number)
            if item.refund is not None:
                return
        order = RefundOrder(
            out_trade_no=row["out_trade_no"],
            out_refund_no=number,
            refund_fen=row["refund_fen"],
            total_fen=row["amount_fen"],
            reason=row["reason"],
            notify_url=f"{self._pay.notify_base}/{row['route_key']}",
        )
        try:
            item.refund = await self._pay.refund(desk.cred, order)
        except Refused as no:
            item.refused = no.code

    async def record(self, tx: Tx, outcome: Questions) -> None:
        for item in outcome.items:
            refund_id = item.row["id"]
            state = REFUND_ENDS.get(item.refund.status) if item.refund is not None else None
            if item.refused:
                await note_refund(tx, refund_id, state="failed", failure=item.refused)
            elif state is not None:
                assert item.refund is not None
                failure = "" if item.refund.status is RefundStatus.SUCCESS else item.refund.status.lower()
                await note_refund(tx, refund_id, state=state, failure=failure)
            still_open = state not in ("succeeded", "failed") and not item.refused
            if still_open and not item.once and item.n < ASKED_AT_MOST:
                payload = {"refund_id": str(refund_id), "n": item.n + 1}
                tx.enqueue(GIVE_BACK, payload, lane=refund_id, due=tx.now + _wait(item.n))

    async def abandoned(self, tx: Tx, jobs: Sequence[Job]) -> None:
        for job in _going_on(jobs):
            n = int(job.payload["n"])
            refund_id = UUID(job.payload["refund_id"])
            tx.enqueue(GIVE_BACK, {**job.payload, "n": n + 1}, lane=refund_id, due=tx.now + _wait(n))


def work(pay: WechatPay) -> Work:
    """What payments do by themselves."""
    made = Work("payments")
    made.errands = {LOOK: Look(pay), GIVE_BACK: GiveBack(pay)}
    return made


async def _each(work: Questions, ask: Callable[[Desk, Question], Awaitable[None]]) -> None:
    """Ask about each that WeChat Pay may know; an outcome that is no answer means: again later."""
    desks: dict[UUID, Desk] = {}
    tenant_of = {item.row["account_id"]: item.account_tenant for item in work.items if item.row["account_id"]}
    for account_id, account_tenant in tenant_of.items():
        desks[account_id] = await accounts.desk(work.db, account_tenant, account_id)

    async def one(item: Question) -> None:
        if item.row["account_id"] is None:
            return
        try:
            async with one_call("payments"):
                await ask(desks[item.row["account_id"]], item)
        except ProviderOutcome as bad:
            log.warning("pay_unanswered", outcome=type(bad).__name__, said=str(bad))
            item.again = True

    await each(work.items, one, at_once=AT_ONCE)


def _wanted(jobs: Sequence[Job], about: str) -> dict[UUID, tuple[int, bool]]:
    """What these jobs ask about: for the how many-eth time, and whether only once. What goes on by itself goes on."""
    wanted: dict[UUID, tuple[int, bool]] = {}
    for job in [*(job for job in jobs if job.payload.get("once")), *_going_on(jobs)]:
        wanted[UUID(job.payload[about])] = (int(job.payload["n"]), bool(job.payload.get("once")))
    return wanted


def _going_on(jobs: Sequence[Job]) -> list[Job]:
    return [job for job in jobs if not job.payload.get("once")]


async def _current(tx: Tx, outcome: Questions) -> dict[UUID, Row]:
    """The payments as they are now, locked in the order of their ids."""
    rows = await tx.fetch(
        "SELECT * FROM payments WHERE tenant_id = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE",
        *(tx.tenant_id, [item.row["id"] for item in outcome.items]),
    )
    return {row["id"]: row for row in rows}


def _why(row: Any) -> str:
    return "cancelled" if row["cancelling"] else "expired"


def _wait(n: int) -> timedelta:
    return timedelta(seconds=RETRY_LADDER_S[min(n, len(RETRY_LADDER_S) - 1)])


def _next_look(item: Question, now: datetime) -> datetime:
    """Soon after an answer that was none; else with patience until the payment's end."""
    if item.again or item.must_end:
        return now + _wait(item.n)
    patience = timedelta(seconds=LOOKS_S[min(max(item.n, 1), len(LOOKS_S)) - 1])
    due: datetime = min(now + patience, max(item.row["expires_at"], now) + SLACK)
    return due
