"""A cursor that was made up is refused in words, at every list of the API."""

import base64
import json
from typing import Any

import pytest
from fastapi.routing import APIRoute

from huida.doors import routers
from tests import make
from tests.asgi import Client
from tests.contracts.test_isolation import filled
from tests.shop import open_shop

MADE_UP = [
    "x",
    base64.urlsafe_b64encode(b"not json").decode(),
    *(
        base64.urlsafe_b64encode(json.dumps(one).encode()).decode()
        for one in ([], ["a"], [-1], ["a", "b"], [None, None, None], ["2026-01-01", "points", "x"], [2**70], {"a": 1})
    ),
]


def lists() -> list[tuple[str, APIRoute]]:
    return [
        (route.path, route)
        for router in routers()
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in route.methods
        if any(param.name == "cursor" for dep in route.dependant.dependencies for param in dep.query_params)
    ]


def test_there_are_lists() -> None:
    assert len(lists()) >= 12


@pytest.mark.parametrize("path", [path for path, _ in lists()])
async def test_a_made_up_cursor_is_refused(world: Any, path: str) -> None:
    shop = await open_shop(world)
    member = await shop.member()
    client = shop.staff
    if path.startswith("/api/member"):
        client = await shop.centre(member)
    elif path.startswith("/api/v1"):
        client = shop.key
    elif path.startswith("/api/operator"):
        client = await make.logged_in(Client(shop.world.app), await make.operator(shop.db))
    for cursor in MADE_UP:
        reply = await client.get(filled(path, member_id=member), cursor=cursor)
        assert reply.status in (404, 422), (path, cursor, reply.text)
        if reply.status == 422:
            assert reply.json()["code"] == "request.bad_cursor"
