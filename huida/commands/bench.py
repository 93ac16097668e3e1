"""`bench` and `simulator`: programs of their own, run as they are."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from huida.commands.ports import must_be_free
from huida.commands.screen import Failure

ROOT: Final = Path(__file__).resolve().parents[2]


def names() -> list[str]:
    """The benchmarks that this checkout has: programs, not the parts that they share."""
    files = (ROOT / "bench").glob("*.py")
    return sorted(file.stem for file in files if "def main(" in file.read_text("utf-8"))


def bench(name: str, arguments: Sequence[str]) -> int:
    """Run a benchmark and return its exit code. Raises Failure for a name that there is not."""
    if name not in names():
        raise Failure("cli.no_such_bench", name=name, names=", ".join(names()) or "–")
    return _run([f"bench.{name}", *arguments])


def simulator(host: str, port: int) -> None:
    """Serve the simulator until Ctrl-C. Raises Failure when the port is busy."""
    must_be_free(host, port, option="--port / HUIDA_WESIM_PORT")
    _run(["wesim", "serve", "--host", host, "--port", str(port)])


def _run(module: Sequence[str]) -> int:
    process = subprocess.Popen([sys.executable, "-m", *module], cwd=ROOT)
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
