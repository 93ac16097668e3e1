"""wesim as a real server on a free loopback port, for SDKs that we did not write."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import uvicorn
from requests.adapters import HTTPAdapter

from wesim.app import create_app
from wesim.seed import seeded_world


class Server:
    """A running simulator and its control plane."""

    def __init__(self, base: str) -> None:
        self.base = base

    def host(self, name: str) -> str:
        return f"{self.base}/{name}/"

    def control(self, path: str, body: Any = None) -> Any:
        answer = requests.post(f"{self.base}/_sim{path}", json=body or {}, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def look(self, path: str) -> Any:
        return requests.get(f"{self.base}/_sim{path}", timeout=10).json()

    def messages(self, person: str, chat: int = 0) -> list[dict[str, Any]]:
        self.control("/settle")
        found: list[dict[str, Any]] = self.look(f"/phones/{person}")["chats"][chat]["messages"]
        return found


class ToSimulator(HTTPAdapter):
    """Sends https://<real host>/… to the simulator, with the real Host header: no prefix needed."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        assert request.url is not None
        host, _, path = request.url.removeprefix("https://").partition("/")
        request.headers["Host"] = host
        request.url = f"{self.base}/{path}"
        return super().send(request, *args, **kwargs)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture(scope="session")
def running() -> Iterator[Server]:
    port = free_port()
    config = uvicorn.Config(
        create_app(seeded_world()),
        host="127.0.0.1",
        port=port,
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Server(f"http://127.0.0.1:{port}")
    server.should_exit = True
    thread.join(timeout=5)


@pytest.fixture
def server(running: Server) -> Server:
    """The simulator on its first day."""
    running.control("/reset")
    return running


@pytest.fixture
def to_simulator(running: Server) -> ToSimulator:
    return ToSimulator(running.base)


@pytest.fixture
def port() -> int:
    return free_port()
