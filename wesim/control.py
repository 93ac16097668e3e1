"""The control plane under /_sim (see README.md)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route

from wesim.world import World


def control_routes(world: World) -> list[BaseRoute]:
    async def health(request: Request) -> JSONResponse:
        return JSONResponse({"ok": True})

    return [Route("/_sim/health", health)]
