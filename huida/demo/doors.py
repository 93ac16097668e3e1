"""A caller of HTTP doors, ours and the simulator's, as a merchant's own program would be one."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import msgspec
from pyreqwest.client import SyncClientBuilder
from pyreqwest.exceptions import RequestError

SCENARIOS: Final = "/api/console/messaging/scenarios"
FAMILIES: Final = f"{SCENARIOS}?family=member&family=buyer&family=seller"


class Closed(Exception):
    """A door answered no, or nobody answered."""


class Doors:
    """Calls one base address; keeps cookies and headers. Every call is made once."""

    def __init__(self, base_url: str, *, timeout_s: float = 15.0) -> None:
        self.base_url = base_url
        self.headers: dict[str, str] = {}
        builder = SyncClientBuilder().default_cookie_store(True).no_proxy().timeout(timedelta(seconds=timeout_s))
        self._client = builder.build()

    def get(self, path: str) -> Any:
        return self._call("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        return self._call("POST", path, body or {})

    def replace(self, path: str, body: Mapping[str, Any], *, shown: str, at: str = "", **named: Any) -> Any:
        """PUT as a page does: what is there is read from `shown`, and its version goes with the call.

        It is the version of the answer itself, of its part `at`, or of the item of the list `at` with these fields.
        """
        seen = self.get(shown)
        seen = seen[at] if at else seen
        if named:
            seen = next((one for one in seen if all(one[name] == value for name, value in named.items())), None)
        return self._call("PUT", path, {**body, "version": None if seen is None else seen["version"]})

    def grant(self, tenant_id: int, module: str) -> None:
        """Give a merchant a paid module without an end, as an operator."""
        merchant = f"/api/operator/merchants/{tenant_id}"
        path = f"{merchant}/entitlements/{module}"
        self.replace(path, {"until": None}, shown=merchant, at="entitlements", module=module)

    def turn_on(
        self, scenario: str, channel: str, *, template_id: str = "", mapping: Mapping[str, str] | None = None
    ) -> None:
        """Make a channel of a scenario live, as a merchant's staff."""
        path = f"{SCENARIOS}/{scenario}/channels/{channel}"
        body = {"template_id": template_id, "mapping": mapping or {}}
        self.replace(path, body, shown=FAMILIES, at="items", code=scenario)

    def upload(self, path: str, fields: Mapping[str, str], *, name: str, content: bytes, field: str = "files") -> Any:
        """Send a form with one file."""
        edge = uuid4().hex
        rows = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
            for key, value in fields.items()
        ]
        file = f'--{edge}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
        body = ("".join(rows) + file).encode() + content + f"\r\n--{edge}--\r\n".encode()
        return self._send("POST", path, f"multipart/form-data; boundary={edge}", body)

    def log_in(self, login: str, password: str) -> None:
        """Log a member of staff in; the calls that follow are theirs."""
        me = self.post("/api/console/login", {"login": login, "password": password})
        self.headers["x-csrf-token"] = me["csrf_token"]

    def close(self) -> None:
        self._client.close()

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        return self._send(method, path, "application/json", None if body is None else msgspec.json.encode(body))

    def _send(self, method: str, path: str, media_type: str, body: bytes | None) -> Any:
        request = self._client.request(method, self.base_url + path).headers(self.headers)
        if body is not None:
            request = request.header("content-type", media_type).body_bytes(body)
        try:
            response = request.build().send()
            content = bytes(response.bytes())
        except RequestError as failed:
            raise Closed(f"{method} {path}: {type(failed).__name__}") from failed
        if not 200 <= response.status < 300:
            raise Closed(f"{method} {path}: {response.status} {content.decode(errors='replace')[:500]}")
        return msgspec.json.decode(content) if content else None
