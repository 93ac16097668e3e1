"""How a control call is read and answered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wesim.routing import is_whole
from wesim.state import App, AppUser, Person
from wesim.world import World

B = TypeVar("B", bound=msgspec.Struct)


class Wrong(Exception):
    """A control call that makes no sense: HTTP 400 or 404 with {"error": …}."""

    def __init__(self, text: str, *, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


Act = Callable[[Request], Awaitable[Any]]


def route(path: str, act: Act, *, method: str) -> Route:
    """One control route; the act's return value becomes JSON."""

    async def endpoint(request: Request) -> Response:
        try:
            return as_json(await act(request))
        except Wrong as e:
            return as_json({"error": str(e)}, status=e.status)

    return Route("/_sim" + path, endpoint, methods=[method])


def as_json(body: Any, *, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")


async def read(request: Request, kind: type[B]) -> B:
    """The body as `kind`. Raises Wrong."""
    raw = await request.body()
    try:
        return msgspec.json.decode(raw or b"{}", type=kind)
    except msgspec.DecodeError as e:
        raise Wrong(str(e)) from None


def the_app(world: World, appid: str) -> App:
    app = world.apps.get(appid)
    if app is None:
        raise Wrong(f"no app {appid}", status=404)
    return app


def the_person(world: World, person_id: str) -> Person:
    person = world.persons.get(person_id)
    if person is None:
        raise Wrong(f"no person {person_id}", status=404)
    return person


def the_user(world: World, appid: str, person_id: str) -> tuple[App, AppUser]:
    app = the_app(world, appid)
    return app, world.user(app, the_person(world, person_id).id)


def number(request: Request, name: str, default: int) -> int:
    raw = request.query_params.get(name, "")
    return int(raw) if is_whole(raw) else default
