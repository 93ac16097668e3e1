"""Commands as real processes, in folders and on ports of their own."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.commands import processes

PYTHON = sys.executable


@dataclass
class Terminal:
    """Runs `huida …` with an environment that holds nothing of the developer's own settings."""

    home: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HUIDA_", "LC_", "LANG"))}
        return {**kept, "LANG": "en_US.UTF-8", "HOME": str(self.home), "HUIDA_DATA_DIR": str(self.home / "var")}

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [PYTHON, "-m", "huida", *arguments],
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command that stays; its output goes to a file."""
        with (self.home / "output.log").open("w") as log:
            process = subprocess.Popen(
                [PYTHON, "-m", "huida", *arguments], env=self.environment, stdout=log, stderr=log, text=True
            )
        self.started.append(process)
        return process

    def output(self) -> str:
        return (self.home / "output.log").read_text()

    def await_output(self, text: str, *, within_s: float = 120) -> None:
        self.until(lambda: text in self.output(), f"{text!r} in\n{self.output()}", within_s=within_s)

    def until(self, true: Callable[[], bool], what: str, *, within_s: float = 30) -> None:
        deadline = time.monotonic() + within_s
        while not true():
            assert time.monotonic() < deadline, f"never happened: {what}\n{self.output()}"
            time.sleep(0.05)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    home = Path(tempfile.mkdtemp(prefix="huida-cmd-"))
    home.chmod(0o711)  # the database's user must pass it when the tests run as root
    terminal = Terminal(home)
    yield terminal
    for process in terminal.started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    processes.kill_of(home)
    subprocess.run(["rm", "-rf", str(home)], check=False)


@pytest.fixture
def ports() -> tuple[int, int]:
    """Two free ports, for the product and the simulator."""
    sockets = [socket.socket() for _ in range(2)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    found = tuple(one.getsockname()[1] for one in sockets)
    for one in sockets:
        one.close()
    return found[0], found[1]
