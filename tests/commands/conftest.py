"""Commands as real processes, in folders and on ports of their own."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.commands import processes

PYTHON = sys.executable
SHOP = """
import asyncio
from pathlib import Path
from huida.demo import history
from huida.kernel.embedded import EmbeddedPostgres
from huida.settings import Settings
import sys
history.DAYS, history.MEMBERS = 6, 40
data = Path(sys.argv[1])
server = EmbeddedPostgres(data / "pg")
with server:
    settings = Settings(database_url=server.url_for("huida_app"), data_dir=data)
    asyncio.run(history.tell(settings, passwords={"operator": "just a test", "shanyue": "just a test"}, told=lambda n: None))
"""


@dataclass
class Terminal:
    """Runs `huida …` with an environment that holds nothing of the developer's own settings."""

    home: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        own = ("HUIDA_", "LC_", "LANG", "PYTHONDONTWRITEBYTECODE")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(own)}
        return {**kept, "LANG": "en_US.UTF-8", "HOME": str(self.home), "HUIDA_DATA_DIR": str(self.home / "var")}

    def have(self, data: Path) -> None:
        """Begin with a copy of these data, owners and modes as they are."""
        subprocess.run(["cp", "-a", str(data), str(self.home / "var")], check=True)

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

    def start(self, *arguments: str, log_name: str = "output.log", **environment: str) -> subprocess.Popen[str]:
        """Start a command that stays; its output goes to a file."""
        with (self.home / log_name).open("w") as log:
            process = subprocess.Popen(
                [PYTHON, "-m", "huida", *arguments],
                env={**self.environment, **environment},
                stdout=log,
                stderr=log,
                text=True,
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


@contextmanager
def opened() -> Iterator[Terminal]:
    """A terminal in a folder of its own, which is gone afterwards with all that was started there."""
    home = Path(tempfile.mkdtemp(prefix="huida-cmd-"))
    home.chmod(0o711)  # the database's user must pass it when the tests run as root
    terminal = Terminal(home)
    try:
        yield terminal
    finally:
        for process in terminal.started:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                process.wait(30)
        processes.kill_of(home)
        subprocess.run(["rm", "-rf", str(home)], check=False)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with opened() as terminal:
        yield terminal


@pytest.fixture(scope="session")
def migrated_data() -> Iterator[Path]:
    """What `huida migrate` leaves; tests work on copies."""
    with opened() as terminal:
        assert terminal.run("migrate").returncode == 0
        yield terminal.home / "var"


@pytest.fixture(scope="session")
def shop_data(migrated_data: Path) -> Iterator[Path]:
    """The same with a few days of the sample shop."""
    with opened() as terminal:
        terminal.have(migrated_data)
        script = terminal.home / "shop.py"
        script.write_text(SHOP)
        subprocess.run([PYTHON, str(script), str(terminal.home / "var")], check=True, env=terminal.environment)
        yield terminal.home / "var"


@pytest.fixture
def with_shop(terminal: Terminal, shop_data: Path) -> Terminal:
    """A terminal where the sample shop has done a few days of business."""
    terminal.have(shop_data)
    return terminal


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
