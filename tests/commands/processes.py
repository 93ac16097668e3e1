"""Looking at processes: which ones belong to a folder or to ports of a test."""

import os
import signal
from contextlib import suppress
from pathlib import Path


def of(*marks: str) -> dict[int, str]:
    """Living processes whose command line or environment holds one of these marks; not this one."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(OSError):
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            environment = (entry / "environ").read_bytes().decode(errors="replace")
            if any(mark in command or mark in environment for mark in marks) and command:
                found[int(entry.name)] = command
    return found


def kill_of(home: Path) -> None:
    """End what a failed test left in its own folder."""
    for pid in of(str(home)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
