"""Child processes that never outlive their parent: started here, stopped in order, ended by the kernel if we are killed.

This module is also the children's own start: `python -m huida.commands.children MODULE ARGUMENTS…`.
"""

import ctypes
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

PARENT: Final = "HUIDA_PARENT_PID"
PR_SET_PDEATHSIG: Final = 1
PATIENCE_S: Final = 15.0
RESTARTS: Final = 5
RESTARTS_WITHIN_S: Final = 300.0


@dataclass
class Children:
    """The processes that a command has started."""

    log_dir: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    calls: dict[str, tuple[str, Sequence[str], Mapping[str, str]]] = field(default_factory=dict)
    restarts: list[float] = field(default_factory=list)
    logs: dict[str, Path] = field(default_factory=dict)

    def start(self, name: str, module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run `python -m module arguments`, its output in a file of its own."""
        self.calls[name] = (module, arguments, environment)
        self.log_dir.mkdir(parents=True, exist_ok=True)
        self.logs[name] = self.log_dir / f"{name}.log"
        log: IO[bytes]
        with self.logs[name].open("wb" if name not in self.running else "ab") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", "huida.commands.children", module, *arguments],
                env={**os.environ, **environment, PARENT: str(os.getpid())},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in a terminal is for us: we stop the children in order
            )

    def ended(self) -> str | None:
        """The name of a child that has ended, though nobody asked it to."""
        return next((name for name, process in self.running.items() if process.poll() is not None), None)

    def start_again(self, name: str) -> bool:
        """Start a child that has ended once more; False when that happened too often in the last minutes."""
        now = time.monotonic()
        self.restarts = [at for at in self.restarts if now - at < RESTARTS_WITHIN_S]
        if len(self.restarts) == RESTARTS:
            return False
        self.restarts.append(now)
        self.start(name, *self.calls[name])
        return True

    def tail(self, name: str) -> str:
        """The last lines that a child wrote."""
        return "\n".join(self.logs[name].read_text(errors="replace").splitlines()[-12:])

    def stop(self) -> None:
        """Ask all to end, last started first; who does not is killed."""
        for process in reversed(self.running.values()):
            with suppress(ProcessLookupError):
                process.terminate()
        deadline = time.monotonic() + PATIENCE_S
        for process in self.running.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running.clear()


def die_with(parent: int) -> None:
    """End when the parent does, however it ends: by the kernel on Linux, elsewhere by looking every second."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:  # it died before we could ask
        raise SystemExit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    die_with(int(os.environ.pop(PARENT)))
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
