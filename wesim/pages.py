"""The phone page at /, when wesim.phone provides it; a plain index until then."""

from __future__ import annotations

import importlib
import importlib.util

from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Route

from wesim.world import World

INDEX = """<!doctype html><html lang="zh"><meta charset="utf-8"><title>wesim</title>
<h1>wesim</h1><ul><li><a href="/_sim/state">/_sim/state</a><li><a href="/_sim/log">/_sim/log</a></ul></html>"""


def page_routes(world: World) -> list[BaseRoute]:
    if importlib.util.find_spec("wesim.phone") is not None:
        found: list[BaseRoute] = importlib.import_module("wesim.phone").routes(world)
        return found
    return [Route("/", _index)]


async def _index(request: Request) -> HTMLResponse:
    return HTMLResponse(INDEX)
