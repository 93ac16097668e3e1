"""The pages: the console at `/console/` and the member centre's H5 at `/h5/`, built files served beside the API.

`make faces` builds them; without them the API works and the pages say what to run. Names of built files carry their
hash, so they may be kept for ever; the page itself is asked for each time.
"""

from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

STATIC: Final = Path(__file__).parent / "static"
KEPT: Final = "public, max-age=31536000, immutable"
POLICY: Final = (
    "default-src 'self'; img-src 'self' data: blob: https:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors {frames}"
)
"""Pictures may come from anywhere by TLS: merchants name products' pictures by their address."""


class Pages(StaticFiles):
    """A single-page application: what is not a file of it is its index, which routes by itself.

    `frames` says which origins may show it inside a frame: nobody, or the simulator's phone (X-Frame-Options knows no
    origins, so only the policy is sent).
    """

    def __init__(self, folder: Path, *, frames: str = "'none'") -> None:
        super().__init__(directory=folder, check_dir=False)
        self._index = folder / "index.html"
        self._policy = POLICY.format(frames=frames)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self._policy
            await send(message)

        await super().__call__(scope, receive, with_headers)

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not self._index.exists():
            return PlainTextResponse(
                "The pages are not built yet: run `make faces`.\n页面尚未构建：请运行 make faces。\n", 503
            )
        kept = path.startswith(("assets/", "static/"))
        try:
            found = await super().get_response(path, scope)
        except HTTPException as missing:
            # Also when the folder itself was asked for: StaticFiles knows no index without html mode.
            if missing.status_code != 404 or kept or "." in Path(path).name:
                raise
            found = FileResponse(self._index)
        found.headers["Cache-Control"] = KEPT if kept else "no-cache"
        return found


def add_faces(app: FastAPI, *, simulator_url: str, static: Path = STATIC) -> None:
    """Serve the pages; a visitor of the server's root is led to the console."""

    async def root(_: Request) -> Response:
        return RedirectResponse("/console/", 302)

    app.add_route("/", root, include_in_schema=False)
    app.mount("/console", GZipMiddleware(Pages(static / "console"), minimum_size=1000))
    app.mount("/h5", GZipMiddleware(Pages(static / "h5", frames=simulator_url or "'none'"), minimum_size=1000))
