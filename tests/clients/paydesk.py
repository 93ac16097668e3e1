"""A merchant of the running simulator: its keys, its callback URL, and a phone that pays."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from wesim import seed
from wesim.pay.state import MCHID

HOST = "api.mch.weixin.qq.com"
PERSON = "linxiaoman"


@dataclass
class Heard:
    """One callback: headers under whatever case, the raw body."""

    headers: Any
    body: bytes


@dataclass
class Desk:
    """What a test needs besides the SDK."""

    server: Any
    notify_url: str = ""
    heard: list[Heard] = field(default_factory=list)

    def keys(self, mode: str) -> dict[str, Any]:
        """What the merchant downloads from the merchant platform."""
        self.server.control(f"/pay/merchants/{MCHID}", {"mode": mode})
        found: dict[str, Any] = self.server.look(f"/pay/merchants/{MCHID}")
        return found

    @property
    def openid(self) -> str:
        return str(self.server.control("/open", {"person": PERSON, "app": seed.MINI_APPID})["openid"])

    def pays(self, parameters: dict[str, Any]) -> str:
        """The phone gets the page's parameters; every callback is delivered when this returns."""
        asked = {"person": PERSON, "app": seed.MINI_APPID, **parameters}
        told = str(self.server.control("/pay/pay", asked)["errMsg"])
        self.server.control("/pay/settle")
        return told

    def scans(self, code_url: str) -> str:
        """The phone scans a native order's code and pays."""
        told = str(self.server.control("/pay/scan", {"person": PERSON, "code_url": code_url, "act": "pay"})["result"])
        self.server.control("/pay/settle")
        return told


@contextmanager
def open_desk(server: Any) -> Iterator[Desk]:
    """A merchant's server on a free port that keeps what it hears."""
    desk = Desk(server)

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            desk.heard.append(Heard(self.headers, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    desk.notify_url = f"http://127.0.0.1:{httpd.server_port}/callbacks/pay"
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield desk
    httpd.shutdown()
    httpd.server_close()
