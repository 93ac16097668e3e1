"""Every door of the API reads what it is given the same way: addresses without NUL, bodies as strict JSON, once.

The framework's own reader takes NaN, UTF-16 and texts that no database keeps, and says 400 to whatever it stumbles over.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from huida.kernel.errors import Invalid
from huida.kernel.intake.bodies import plain


class Door(APIRoute):
    """A route whose path, query and body are looked at before anything else is."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        body = self.body_field

        async def opened(request: Request) -> Response:
            for name, value in (*request.path_params.items(), *request.query_params.multi_items()):
                check_text(name, value)
            if body is not None:
                await read(request)
            return await handle(request)

        return opened


class Router(APIRouter):
    """A router of such doors."""

    def __init__(self, **given: Any) -> None:
        super().__init__(route_class=Door, **given)


def check_text(name: str, value: Any) -> None:
    """Raises Invalid for a text that no database keeps."""
    if isinstance(value, str) and "\0" in value:
        raise Invalid(where=name.replace("\0", "?"), detail="a text must not hold NUL")


async def read(request: Request) -> None:
    """Read a body ahead of the framework, which keeps what was read. Raises Invalid and TooLarge."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in ("multipart/form-data", "application/x-www-form-urlencoded"):
        for name, value in (await request.form()).multi_items():
            check_text(name, value)
        return
    raw = await request.body()
    if raw and (media_type == "application/json" or media_type.endswith("+json")):
        request._json = plain(raw)
