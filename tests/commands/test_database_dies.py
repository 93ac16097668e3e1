"""R-02: whoever uses the embedded PostgreSQL starts it again when it dies, or ends so that it is seen."""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import asyncpg
import pytest

from huida.kernel.embedded import EmbeddedPostgres
from tests.commands import processes
from tests.commands.conftest import Terminal
from tests.commands.test_clocks import ready
from tests.commands.test_data import data_of
from tests.crash.test_disk_full import as_root, fill

pytestmark = pytest.mark.slow


def kill_database(terminal: Terminal) -> None:
    """The postmaster and all its processes, as the machine's memory killer does."""
    pid = EmbeddedPostgres(data_of(terminal) / "pg").pid
    assert pid is not None
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout.split()
    for victim in (pid, *map(int, children)):
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)


@pytest.mark.timeout(150)
def test_a_killed_database_is_started_again_by_one_of_those_who_use_it(
    terminal: Terminal, migrated_data: Path, ports: tuple[int, int]
) -> None:
    # given: a server and a worker, each of which watches
    terminal.have(migrated_data)
    base = f"http://127.0.0.1:{ports[0]}"
    server = terminal.start("serve", "--port", str(ports[0]))
    worker = terminal.start("worker", log_name="worker.log")
    terminal.until(partial(ready, base), "it serves", within_s=60)
    terminal.until(lambda: "Working" in (terminal.home / "worker.log").read_text(), "the worker works", within_s=60)

    # when: it is killed, twice
    for _ in range(2):
        before = EmbeddedPostgres(data_of(terminal) / "pg").pid
        kill_database(terminal)
        assert not ready(base)
        terminal.until(partial(ready, base), "it serves again by itself", within_s=60)
        assert EmbeddedPostgres(data_of(terminal) / "pg").pid != before

    # then: nobody ended, and one server runs
    assert (server.poll(), worker.poll()) == (None, None)
    masters = [cmd for cmd in processes.of(str(terminal.home)).values() if "/postgres -D" in cmd]
    assert len(masters) == 1

    # when, then: it cannot be started, and an ending does not wait for it
    control = data_of(terminal) / "pg" / "cluster" / "global" / "pg_control"
    control.rename(control.with_suffix(".away"))
    kill_database(terminal)
    terminal.until(lambda: "database_not_started" in terminal.output(), "a start fails", within_s=60)
    for process in (worker, server):
        process.send_signal(signal.SIGTERM)
    assert (worker.wait(10), server.wait(10)) == (0, 0), terminal.output()
    assert processes.of(str(terminal.home)) == {}


@pytest.mark.timeout(150)
def test_a_database_that_cannot_be_started_again_ends_the_server_with_an_error(
    terminal: Terminal, migrated_data: Path, ports: tuple[int, int]
) -> None:
    # given
    terminal.have(migrated_data)
    server = terminal.start("serve", "--with-worker", "--port", str(ports[0]), HUIDA_DATABASE_GIVE_UP_S="4")
    terminal.until(partial(ready, f"http://127.0.0.1:{ports[0]}"), "it serves", within_s=60)

    # when: it dies, and something that it needs is gone
    control = data_of(terminal) / "pg" / "cluster" / "global" / "pg_control"
    control.rename(control.with_suffix(".away"))
    kill_database(terminal)

    # then
    assert server.wait(60) == 1
    assert "could not be started again" in terminal.output()
    assert "Traceback" not in terminal.output()


@pytest.fixture
def small_home() -> Iterator[Terminal]:
    """A terminal whose data have a file system of their own with little room."""
    home = Path(tempfile.mkdtemp(prefix="huida-cmd-full-"))
    home.chmod(0o711)
    disk = home / "var"
    disk.mkdir()
    as_root("mount", "-t", "tmpfs", "-o", "size=220m,mode=0777", "tmpfs", str(disk))
    made = Terminal(home)
    yield made
    for process in made.started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
    processes.kill_of(home)
    as_root("umount", "-l", str(disk))
    shutil.rmtree(home, ignore_errors=True)


async def panics(url: str) -> bool:
    """Write into the log until the server gives up."""
    sql = await asyncpg.connect(url)
    for _ in range(300):
        try:
            await sql.execute("SELECT pg_logical_emit_message(false, 'full', repeat('x', 1000000), true)")
        except asyncpg.PostgresError as refused:
            if sql.is_closed() or isinstance(refused, asyncpg.PostgresConnectionError):
                return True
        except (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            return True
    return False


@pytest.mark.timeout(200)
def test_after_a_full_disk_it_serves_again_by_itself_once_there_is_room(
    small_home: Terminal, migrated_data: Path, ports: tuple[int, int]
) -> None:
    # given
    terminal, base = small_home, f"http://127.0.0.1:{ports[0]}"
    subprocess.run(["cp", "-a", f"{migrated_data}/.", str(terminal.home / "var")], check=True)
    server = terminal.start("serve", "--with-worker", "--port", str(ports[0]))
    terminal.until(partial(ready, base), "it serves", within_s=60)

    # when: the disk is full, the database panics on its log and cannot recover
    url = EmbeddedPostgres(data_of(terminal) / "pg").url
    ballast = fill(terminal.home / "var")
    assert asyncio.run(panics(url))
    terminal.until(lambda: "database_not_started" in terminal.output(), "a start fails", within_s=60)
    assert not ready(base)
    ballast.unlink()

    # then
    terminal.until(partial(ready, base), "it serves again by itself", within_s=60)
    assert server.poll() is None
