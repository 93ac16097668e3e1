"""The request log: the last calls, raw, with secrets masked."""

from __future__ import annotations

import re
from typing import Any

from starlette.responses import Response

from wesim.routing import Call
from wesim.world import World

BODY_MAX, KEPT_MAX = 4096, 65_536
_QUERY = re.compile(
    r"((?:^|&)(?:secret|appsecret|access_token|refresh_token|component_access_token|Signature)=)([^&]*)"
)
_JSON = re.compile(r'("(?:secret|appsecret|access_token|refresh_token|session_key|ticket)"\s*:\s*")([^"]*)')
_HEADERS = {"content-type", "user-agent", "x-acs-action", "x-tc-action", "x-tc-version", "x-tc-region"}


def record_call(world: World, call: Call, response: Response | None) -> None:
    """Keep the call; cheap now, masked when it is read. Of a long body, such as an upload, only its length is kept."""
    if len(call.body) > KEPT_MAX:
        call.body = b"<%d bytes>" % len(call.body)
    world.calls += 1
    world.log.append({"n": world.calls, "at": world.clock.now(), "call": call, "response": response})


def read_log(world: World, *, limit: int) -> list[dict[str, Any]]:
    """The last calls, newest first."""
    return [_entry(e) for e in list(world.log)[-limit:][::-1]]


def _entry(entry: dict[str, Any]) -> dict[str, Any]:
    call: Call = entry["call"]
    response: Response | None = entry["response"]
    return {
        "n": entry["n"],
        "at": entry["at"],
        "host": call.host,
        "method": call.method,
        "path": call.path,
        "app": call.app.id if call.app else "",
        "query": mask(call.raw_query),
        "headers": {k: v for k, v in call.headers.items() if k in _HEADERS},
        "body": mask(_text(call.body)),
        "status": response.status_code if response else None,  # None: the connection was cut
        "response": mask(_text(bytes(response.body))) if response else "",
    }


def mask(text: str) -> str:
    """Secrets keep their first six characters."""
    for pattern in (_QUERY, _JSON):
        text = pattern.sub(lambda m: m[1] + (m[2][:6] + "***" if len(m[2]) > 6 else "***"), text)
    return text


def _text(body: bytes) -> str:
    try:
        return body[:BODY_MAX].decode()
    except UnicodeDecodeError:
        return f"<{len(body)} bytes>"
