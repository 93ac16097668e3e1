"""The phone page: several phones side by side, and what people do with them. Talks to the control plane only."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from wesim.world import World

STATIC = Path(__file__).parent / "static"
# Frames: a phone shows the pages that messages link to, wherever they are served.
POLICY = "default-src 'self'; style-src 'self'; img-src 'self' data:; frame-src http: https:; frame-ancestors 'self'"


def routes(world: World) -> list[BaseRoute]:
    """The page at / and /phone, its files below /phone/static."""

    async def page(request: Request) -> FileResponse:
        return FileResponse(
            STATIC / "index.html", headers={"content-security-policy": POLICY, "cache-control": "no-cache"}
        )

    return [
        Route("/", page),
        Route("/phone", page),
        Mount("/phone/static", StaticFiles(directory=STATIC)),
    ]
