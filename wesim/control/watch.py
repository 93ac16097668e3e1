"""Control calls that look: state, phones, log, live changes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import BaseRoute, Route

from wesim import __version__
from wesim.control.edge import number, route, the_app, the_person
from wesim.edge.journal import read_log
from wesim.events import sse
from wesim.phone.view import phone_view
from wesim.state import App
from wesim.world import World


def routes(world: World) -> list[BaseRoute]:
    async def health(request: Request) -> Any:
        return {"ok": True, "version": __version__}

    async def state(request: Request) -> Any:
        return {
            "now": world.clock.now(),
            "frozen": world.clock.frozen,
            "calls": world.calls,
            "persons": len(world.persons),
            "apps": [_app(a) for a in world.apps.values()],
            "faults": world.faults.items,
            "settings": world.settings,
        }

    async def app(request: Request) -> Any:
        return _app(the_app(world, request.path_params["appid"]))

    async def pushes(request: Request) -> Any:
        found = list(the_app(world, request.path_params["appid"]).pushes)
        return {"pushes": found[-number(request, "limit", 50) :][::-1]}

    async def phones(request: Request) -> Any:
        start, limit = number(request, "offset", 0), number(request, "limit", 20)
        people = list(world.persons.values())[start : start + limit]
        return {"total": len(world.persons), "phones": [phone_view(world, p, limit=50) for p in people]}

    async def phone(request: Request) -> Any:
        person = the_person(world, request.path_params["person"])
        return phone_view(world, person, limit=number(request, "limit", 100))

    async def log(request: Request) -> Any:
        return {"calls": world.calls, "log": read_log(world, limit=number(request, "limit", 100))}

    async def unknown_sms(request: Request) -> Any:
        return {"messages": list(world.unknown_sms)}

    async def events(request: Request) -> StreamingResponse:
        changes = world.bus.watch()

        async def stream() -> AsyncIterator[bytes]:
            yield b": open\n\n"
            async for change in changes:
                yield sse(change)

        return StreamingResponse(stream(), media_type="text/event-stream", headers={"cache-control": "no-store"})

    return [
        route("/health", health, method="GET"),
        route("/state", state, method="GET"),
        route("/apps/{appid}", app, method="GET"),
        route("/apps/{appid}/pushes", pushes, method="GET"),
        route("/phones", phones, method="GET"),
        route("/phones/{person}", phone, method="GET"),
        route("/log", log, method="GET"),
        route("/unknown-sms", unknown_sms, method="GET"),
        Route("/_sim/events", events, methods=["GET"]),
    ]


def _app(app: App) -> dict[str, Any]:
    """Everything of one app but its tokens, users and pushes."""
    hidden = {"users", "pushes", "classic", "stable"}
    shown = {name: getattr(app, name) for name in app.__struct_fields__ if name not in hidden}
    followers = sum(u.following for u in app.users.values())
    found: dict[str, Any] = msgspec.to_builtins({**shown, "users": len(app.users), "followers": followers})
    return found
