"""Pushes: authenticated, then stored once with their job, then told as facts."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5
from weakref import WeakKeyDictionary

import msgspec

from huida.kernel.db import Database, Tx
from huida.kernel.errors import NotFound
from huida.kernel.facts import Fact
from huida.kernel.jobs import Work
from huida.kernel.log import log
from huida.modules.connections import facts
from huida.modules.connections.service import callback_keys, note_callback_seen
from huida.providers.wechat import events
from huida.providers.wechat.callbacks import BadPush, CallbackKeys, answer_verification, open_push

work = Work("connections")

CACHED_S: Final = 5.0
CACHED_AT_MOST: Final = 1_000
KEPT: Final = timedelta(days=30)
LONGEST_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class Route:
    """Where pushes with one route key belong, and how they are opened."""

    tenant_id: int
    app_id: str
    keys: CallbackKeys


_cached: WeakKeyDictionary[Database, dict[str, tuple[float, Route]]] = WeakKeyDictionary()


def lane_of(app_id: str, openid: str) -> UUID:
    """The lane of one person at one app: their pushes are told in the order in which they came."""
    return uuid5(NAMESPACE_URL, f"wechat:{app_id}:{openid}")


async def route_of(db: Database, route_key: str) -> Route:
    """The route behind a callback's address, at most five seconds old. Raises NotFound, also when disconnected."""
    known = _cached.setdefault(db, {})
    found = known.get(route_key)
    if found is not None and found[0] > time.monotonic():
        return found[1]
    return await _load_route(db, route_key)


async def _load_route(db: Database, route_key: str) -> Route:
    async with db.raw() as (_, sql):
        row = await sql.fetchrow("SELECT tenant_id, app_id FROM callback_routes WHERE route_key = $1", route_key)
    keys = None
    if row is not None:
        async with db.read(row["tenant_id"]) as tx:
            keys = await callback_keys(tx, row["app_id"])
    known = _cached.setdefault(db, {})
    if row is None or keys is None:
        known.pop(route_key, None)
        raise NotFound()
    route = Route(row["tenant_id"], row["app_id"], keys)
    if len(known) >= CACHED_AT_MOST:
        known.clear()
    known[route_key] = (time.monotonic() + CACHED_S, route)
    return route


async def verify(db: Database, route_key: str, query: Mapping[str, str]) -> str:
    """The `echostr` to answer when WeChat verifies the address. Raises NotFound, BadPush."""
    route = await _load_route(db, route_key)
    echo = answer_verification(route.keys, query, now=db.clock.now())
    async with db.tx(route.tenant_id, actor="wechat") as tx:
        await note_callback_seen(tx, route.app_id)
    return echo


async def receive(db: Database, route_key: str, query: Mapping[str, str], body: bytes) -> bool:
    """Keep an authentic push with its job in one transaction; False for a repeat. Raises NotFound, BadPush.

    Nothing that is not authentic reaches the database.
    """
    route = await route_of(db, route_key)
    now = db.clock.now()
    try:
        push = open_push(route.keys, query, body, now=now)
    except BadPush:
        # The keys may have been rotated a moment ago, in another process.
        route = await _load_route(db, route_key)
        push = open_push(route.keys, query, body, now=now)
    push_id = hashlib.sha256(f"{route.app_id}\n{push.key}".encode()).digest()
    async with db.tx(route.tenant_id, actor="wechat") as tx:
        fresh = await tx.execute(
            "INSERT INTO callback_inbox (tenant_id, id, app_id, query, body, received_at) VALUES ($1, $2, $3, $4, $5, $6) "
            "ON CONFLICT DO NOTHING",
            *(tx.tenant_id, push_id, route.app_id, msgspec.json.encode(dict(query)).decode(), body, now),
        )
        if fresh:
            await note_callback_seen(tx, route.app_id)
            tx.enqueue("connections.take_push", {"id": push_id.hex()}, lane=lane_of(route.app_id, push.openid))
    return bool(fresh)


@work.job
async def take_push(tx: Tx, payloads: Sequence[Any]) -> None:
    """Tell kept pushes as facts. Safe twice: the facts commit together with the job's deletion."""
    ids = [bytes.fromhex(payload["id"]) for payload in payloads]
    rows = await tx.fetch(
        "SELECT id, app_id, query, body, received_at FROM callback_inbox WHERE tenant_id = $1 AND id = ANY($2)",
        *(tx.tenant_id, ids),
    )
    by_id = {bytes(row["id"]): row for row in rows}
    keys: dict[str, CallbackKeys | None] = {}
    for push_id in ids:
        row = by_id.get(push_id)
        if row is None:
            continue
        app_id = row["app_id"]
        if app_id not in keys:
            keys[app_id] = await callback_keys(tx, app_id)
        opener = keys[app_id]
        if opener is None:
            continue  # disconnected since
        try:
            push = open_push(opener, msgspec.json.decode(row["query"]), bytes(row["body"]), now=row["received_at"])
        except BadPush as unusable:  # kept by an earlier version, or the keys were changed since
            log.warning("push_left_out", app=app_id, reason=unusable.reason)
            continue
        fact = fact_of(app_id, push)
        if fact is not None:
            tx.emit(fact)
    await tx.execute(
        "DELETE FROM callback_inbox WHERE tenant_id = $1 AND id IN ("
        "SELECT id FROM callback_inbox WHERE tenant_id = $1 AND received_at < $2 LIMIT 500)",
        *(tx.tenant_id, tx.now - KEPT),
    )


def fact_of(app_id: str, push: events.Push) -> Fact | None:
    """A push as a fact; None for what nobody needs (menu taps, kinds we do not know)."""
    who: dict[str, Any] = {"app_id": app_id, "openid": push.openid, "at": push.at}
    match push:
        case events.Followed():
            return facts.FollowChanged(follows=True, scene=push.scene, **who)
        case events.Unfollowed():
            return facts.FollowChanged(follows=False, **who)
        case events.Scanned():
            return facts.Scanned(scene=push.scene, **who)
        case events.MessageReceived():
            return facts.MessageReceived(message_type=push.name, text=push.text[:LONGEST_TEXT], **who)
        case events.TemplateSendFinished():
            return facts.TemplateSendFinished(
                msg_id=push.msgid, status="success" if push.delivered else push.failure, **who
            )
        case events.SubscribeAnswered():
            return facts.SubscribeAnswered(choices=_choices(push.choices), push_key=push.key, **who)
        case events.SubscribeChanged():
            return facts.SubscribeChanged(choices=_choices(push.choices), **who)
        case events.SubscribeSendFinished():
            done = [
                facts.SubscribeDelivery(one.template_id, one.msgid, one.error_code, one.error_status)
                for one in push.deliveries
            ]
            return facts.SubscribeSendFinished(deliveries=done, **who)
        case _:
            return None


def _choices(choices: Sequence[events.Choice]) -> list[facts.SubscribeChoice]:
    return [facts.SubscribeChoice(one.template_id, one.accepted, one.scene) for one in choices]
