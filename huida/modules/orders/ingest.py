"""The hot door: purchases, one or up to 1,000 a call, as a bare ASGI layer in front of the router.

Single purchases that arrive together are written together without a timer: a flush takes what came while the flush
before it was running (design/architecture §5). Batches are one transaction each.
"""

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from huida.kernel.db import AWAY, Database
from huida.kernel.errors import Forbidden, Invalid
from huida.kernel.i18n import choose, text
from huida.kernel.intake.bodies import UNREADABLE, plain, unreadable
from huida.kernel.web import Actor, Doorkeeper, once, problem, refusal_of
from huida.modules.orders.rows import LONGEST_REF, Outcome, PurchaseIn
from huida.modules.orders.service import record_purchases

SCOPE = "purchases.write"
MOST_ROWS = 1000
MOST_TOGETHER = 500
SINGLE, BATCH = "/api/v1/purchases", "/api/v1/purchases/batch"


class BatchIn(msgspec.Struct, forbid_unknown_fields=True):
    purchases: list[PurchaseIn]


class RawBatch(msgspec.Struct, forbid_unknown_fields=True):
    purchases: list[msgspec.Raw]


_one = msgspec.json.Decoder(PurchaseIn)
_batch = msgspec.json.Decoder(BatchIn)
_raw_batch = msgspec.json.Decoder(RawBatch)
Waiting = tuple[PurchaseIn, "asyncio.Future[Outcome]"]


class Ingest:
    """Answers the two purchase paths itself and passes everything else on."""

    def __init__(self, app: ASGIApp, db: Database, doorkeeper: Doorkeeper) -> None:
        self.app = app
        self.db = db
        self.doorkeeper = doorkeeper
        self._waiting: dict[tuple[int, str], list[Waiting]] = defaultdict(list)
        self._flushing: dict[tuple[int, str], asyncio.Task[None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in (SINGLE, BATCH):
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        language = choose(request.headers.get("accept-language"))
        try:
            actor = await self.doorkeeper.key(request)
            if SCOPE not in actor.may and "*" not in actor.may:
                raise Forbidden(permission=SCOPE)
            answer = self._single if scope["path"] == SINGLE else self._many
            response = await answer(request, actor, language)
        except Exception as error:
            response = problem(request.state.request_id, refusal_of(error, path=scope["path"]), language)
        await response(scope, receive, send)

    async def _single(self, request: Request, actor: Actor, language: str) -> Response:
        try:
            row = _one.decode(await request.body())
        except UNREADABLE as wrong:
            raise unreadable(wrong) from None
        if "idempotency-key" in request.headers:
            return await self._once(request, actor, [row], lambda outcomes: _single_answer(outcomes[0], language))
        outcome = await self._together(actor, row)
        status, answer = _single_answer(outcome, language)
        return Response(msgspec.json.encode(answer), status, media_type="application/json")

    async def _many(self, request: Request, actor: Actor, language: str) -> Response:
        rows, refused = parse_batch(await request.body())

        def shown(outcomes: Sequence[Outcome]) -> tuple[int, Any]:
            placed = iter(outcomes)
            results = [
                show(refused[place] if place in refused else next(placed), language) | {"row": place}
                for place in range(len(rows) + len(refused))
            ]
            return 200, {"results": results}

        if "idempotency-key" in request.headers:
            return await self._once(request, actor, rows, shown)
        async with self.db.tx(actor.tenant_id, actor=actor.stamp) as tx:
            outcomes = await record_purchases(tx, rows)
        status, answer = shown(outcomes)
        return Response(msgspec.json.encode(answer), status, media_type="application/json")

    async def _once(self, request: Request, actor: Actor, rows: Sequence[PurchaseIn], shown: Any) -> Response:
        async with self.db.tx(actor.tenant_id, actor=actor.stamp) as tx:

            async def work() -> tuple[int, Any]:
                status, answer = shown(await record_purchases(tx, rows))
                return status, answer

            return await once(tx, request, work)

    async def _together(self, actor: Actor, row: PurchaseIn) -> Outcome:
        key = (actor.tenant_id, actor.stamp)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting[key].append((row, future))
        if key not in self._flushing:
            self._flushing[key] = asyncio.create_task(self._flush(key))
        return await future

    async def _flush(self, key: tuple[int, str]) -> None:
        """Write what waits, again and again, until nothing does."""
        try:
            while waiting := self._waiting.pop(key, None):
                for start in range(0, len(waiting), MOST_TOGETHER):
                    await self._write(key, waiting[start : start + MOST_TOGETHER])
        finally:
            del self._flushing[key]

    async def _write(self, key: tuple[int, str], waiting: Sequence[Waiting]) -> None:
        """One transaction for many callers; one bad row must not sink the others."""
        try:
            async with self.db.tx(key[0], actor=key[1]) as tx:
                outcomes = await record_purchases(tx, [row for row, _ in waiting])
        except Exception as error:
            if len(waiting) > 1 and not isinstance(error, AWAY):
                half = len(waiting) // 2
                await self._write(key, waiting[:half])
                await self._write(key, waiting[half:])
                return
            for _, future in waiting:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), outcome in zip(waiting, outcomes, strict=True):
            if not future.done():
                future.set_result(outcome)


def parse_batch(body: bytes) -> tuple[list[PurchaseIn], dict[int, Outcome]]:
    """The rows that can be read, and by place the answer for those that cannot. Raises Invalid for the whole."""
    try:
        rows = _batch.decode(body).purchases
        refused: dict[int, Outcome] = {}
    except UNREADABLE as wrong:
        rows, refused = _parse_one_by_one(body, wrong)
    if not 1 <= len(rows) + len(refused) <= MOST_ROWS:
        raise Invalid(code="orders.bad_batch_size", where="purchases", limit=MOST_ROWS)
    return rows, refused


def _parse_one_by_one(body: bytes, wrong: Exception) -> tuple[list[PurchaseIn], dict[int, Outcome]]:
    raws = _raw_rows(body)
    if raws is None:
        plain(body)
        raise unreadable(wrong) from None
    rows: list[PurchaseIn] = []
    refused: dict[int, Outcome] = {}
    for place, raw in enumerate(raws[: MOST_ROWS + 1]):
        try:
            rows.append(_one.decode(raw))
        except UNREADABLE as bad:
            refused[place] = Outcome(status="refused", till_no=_till_no_in(raw), error=unreadable(bad))
    return rows, refused


def _till_no_in(raw: bytes | msgspec.Raw) -> str:
    """The number that a row was sent with, as far as it has one: the till finds its row by it (I-08)."""
    try:
        row = json.loads(bytes(raw))
        sent = row.get("till_no") if isinstance(row, dict) else None
    except (ValueError, RecursionError):
        return ""
    return sent[:LONGEST_REF].encode(errors="replace").decode() if isinstance(sent, str) else ""


def _raw_rows(body: bytes) -> Sequence[bytes | msgspec.Raw] | None:
    """Each row's own JSON; None when the body is no batch at all.

    The fast reader gives up on a text that no reader can take (an emoji cut in half); the slow one does not, so that
    only the row that holds it is refused.
    """
    try:
        return _raw_batch.decode(body).purchases
    except UNREADABLE:
        pass
    try:
        whole = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    if not isinstance(whole, dict) or whole.keys() != {"purchases"} or not isinstance(whole["purchases"], list):
        return None
    return [json.dumps(row).encode() for row in whole["purchases"]]


def _single_answer(outcome: Outcome, language: str) -> tuple[int, Any]:
    if outcome.error is not None:
        raise outcome.error
    return (201 if outcome.status == "recorded" else 200), show(outcome, language)


def show(outcome: Outcome, language: str) -> dict[str, Any]:
    """An outcome as the open API answers it."""
    error = outcome.error
    shown = {
        name: value
        for name in (
            "status",
            "till_no",
            "id",
            "points",
            "points_pending",
            "points_after",
            "balance_after_fen",
            "gift_fen",
        )
        if (value := getattr(outcome, name)) is not None
    }
    if error is not None:
        shown["error"] = {
            "code": error.code,
            "title": text(error.code, language, error.params),
            "where": error.where or "",
        }
    return shown
