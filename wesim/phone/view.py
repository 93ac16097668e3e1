"""A phone as its owner sees it (S1-90, S1-128): the chat list and the SMS app."""

from __future__ import annotations

from typing import Any

import msgspec

from wesim.state import Message, Person
from wesim.world import World

SERVICES = "services"
SERVICES_NAME = "服务通知"


def phone_view(world: World, person: Person, *, limit: int = 100) -> dict[str, Any]:
    """Chats newest first. Service notices of all mini programs share one row; an account has its own, muted, row."""
    rows: dict[str, list[Message]] = {}
    texts: dict[str, list[Message]] = {}
    for message in person.inbox:
        if message.kind == "sms":
            texts.setdefault(message.sender, []).append(message)
        else:
            rows.setdefault(SERVICES if message.kind == "subscribe" else message.app, []).append(message)
    for app in world.apps.values():
        user = app.users.get(world.openid(app, person.id))
        if app.kind == "service" and user is not None and user.following:
            rows.setdefault(app.id, [])
    chats = [_chat(world, key, found, limit) for key, found in rows.items()]
    chats.sort(key=lambda c: c["at"], reverse=True)
    sms = [{"sender": s, "unread": _unread(m), "messages": _shown(m, limit)} for s, m in texts.items()]
    return {
        "person": {"id": person.id, "name": person.name, "phone": person.phone},
        "received": person.received,
        "unread": {"chats": sum(c["unread"] for c in chats), "sms": sum(s["unread"] for s in sms)},
        "chats": chats,
        "sms": sorted(sms, key=lambda s: s["messages"][-1]["id"], reverse=True),
    }


def _chat(world: World, key: str, messages: list[Message], limit: int) -> dict[str, Any]:
    unread = _unread(messages)
    return {
        "id": key,
        "kind": SERVICES if key == SERVICES else "official_account",
        "name": SERVICES_NAME if key == SERVICES else world.apps[key].name,
        "muted": key != SERVICES,
        "badge": unread,
        "unread": unread,
        "at": messages[-1].at if messages else 0.0,
        "messages": _shown(messages, limit),
    }


def _unread(messages: list[Message]) -> int:
    return sum(not m.read for m in messages)


def _shown(messages: list[Message], limit: int) -> list[dict[str, Any]]:
    """Oldest first, the last `limit`."""
    found: list[dict[str, Any]] = msgspec.to_builtins(messages[-limit:])
    return found
