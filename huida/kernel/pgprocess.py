"""Processes, pid file and locks of the embedded PostgreSQL. Nothing here starts or ends a server."""

import fcntl
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

PROC: Final = Path("/proc")
"""Present on Linux; elsewhere `ps` is asked."""
# Larger than any pid of Linux (4 194 304) or macOS (99 998): it can never be a living process.
NO_SUCH_PID: Final = 2_147_483_646


def server_pid(cluster: Path) -> int | None:
    """The pid in the pid file, if that is a living postgres on this cluster: not a zombie, not a recycled number."""
    pid = _pid_in_file(cluster)
    return pid if pid is not None and is_server(pid, cluster) else None


def is_server(pid: int, cluster: Path) -> bool:
    """Whether the process lives, is a postgres, and was started with our ``-D``."""
    arguments = _arguments(pid)
    return bool(arguments) and Path(arguments[0]).name == "postgres" and str(cluster) in arguments


def _pid_in_file(cluster: Path) -> int | None:
    try:
        return abs(int(pid_file(cluster).read_text().split("\n", 1)[0]))
    except (FileNotFoundError, ValueError):
        return None


def pid_file(cluster: Path) -> Path:
    """The file in which the server writes its number and state."""
    return cluster / "postmaster.pid"


def server_status(cluster: Path) -> str:
    """The state that the postmaster writes into line 8 of its pid file: starting, ready, stopping."""
    try:
        lines = pid_file(cluster).read_text().splitlines()
    except FileNotFoundError:
        return ""
    return lines[7].strip() if len(lines) > 7 else ""


def retire_pid_file(cluster: Path) -> None:
    """Make a stale pid file harmless. The caller has checked that no server of ours lives.

    PostgreSQL refuses to start while the pid in the file is alive, which a zombie and a recycled number are. Only
    the number is replaced: the rest lets PostgreSQL check by itself that no process holds the old shared memory.
    """
    if _pid_in_file(cluster) is None:
        pid_file(cluster).unlink(missing_ok=True)
        return
    _first, _, rest = pid_file(cluster).read_text().partition("\n")
    pid_file(cluster).write_text(f"{NO_SUCH_PID}\n{rest}")


def _arguments(pid: int) -> list[str]:
    """The command line of a living process; empty for a dead one or a zombie."""
    if PROC.exists():
        try:
            return (PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            return []
    answer = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.split()


def processes_titled(name: str) -> list[int]:
    """Living server processes whose title carries this cluster name."""
    title = f"postgres: {name}: "
    if PROC.exists():
        pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
        return [pid for pid in pids if (_arguments(pid) or [""])[0].startswith(title)]
    rows = subprocess.run(["ps", "-axo", "pid=,command="], capture_output=True, text=True, check=False).stdout
    return [int(row.split()[0]) for row in rows.splitlines() if title in row]


def reap(pid: int) -> None:
    """Collect the ended server if it is our child, which it is where this process is PID 1 of a container."""
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def lock_file(path: Path) -> IO[bytes]:
    """Open a file that is only locked, never read. Nobody else may open it: who can, can lock it and stop us."""
    handle = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab")
    found = os.fstat(handle.fileno())
    if found.st_uid == os.geteuid() and found.st_mode & 0o077:
        os.fchmod(handle.fileno(), 0o600)
    return handle


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with lock_file(path) as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def shared_lock(path: Path) -> IO[bytes]:
    handle = lock_file(path)
    fcntl.flock(handle, fcntl.LOCK_SH)
    return handle


def nobody_uses(path: Path) -> bool:
    with lock_file(path) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
