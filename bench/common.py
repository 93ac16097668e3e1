"""What the benchmarks share: a database of their own, child processes, memory, the machine's description, tables."""

import contextlib
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from huida.kernel import migrate
from huida.kernel.embedded import EmbeddedPostgres, temporary

ROOT = Path(__file__).resolve().parent.parent
KEY = "42" * 32


def machine() -> str:
    """One line about where the figures were taken."""
    model = "unknown processor"
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), model)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    return f"{os.cpu_count()} cores, {model}, {memory} GiB, {platform.system()}, Python {platform.python_version()}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def database() -> Iterator[EmbeddedPostgres]:
    """A fresh, migrated PostgreSQL with the product's own settings (synchronous_commit stays on)."""
    with temporary(
        "huida-bench-", settings={"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    ) as server:
        with ThreadPoolExecutor(1) as aside:
            aside.submit(migrate.upgrade, server.url).result()
        yield server


class Child:
    """A child process that is ended with the block, and whose memory and CPU time can be read."""

    def __init__(
        self, arguments: Sequence[str], environment: dict[str, str] | None = None, *, quiet: bool = True
    ) -> None:
        out = subprocess.DEVNULL if quiet else None
        self.process = subprocess.Popen(
            [sys.executable, *arguments], env={**os.environ, **(environment or {})}, cwd=ROOT, stdout=out, stderr=out
        )

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def rss_mb(self) -> float:
        """Resident memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(x for x in status.splitlines() if x.startswith("VmRSS")).split()[1]) / 1024

    def peak_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(next(x for x in status.splitlines() if x.startswith("VmHWM")).split()[1]) / 1024

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for_port(port: int, child: Child, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if child.process.poll() is not None:
            raise RuntimeError("a benchmark's server ended before it answered")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on {port}")


def spread(values: Sequence[float]) -> str:
    """`median [min..max]`."""
    return f"{statistics.median(values):,.2f} [{min(values):,.2f}..{max(values):,.2f}]"
