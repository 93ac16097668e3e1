"""The embedded PostgreSQL: one ready server, whatever happened to the last one."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest

from huida.kernel import embedded, pgplace, pgprocess
from huida.kernel.embedded import EmbeddedPostgres, EmbeddedPostgresError, temporary

SMALL = {"shared_buffers": "16MB"}
PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture(scope="module")
def cluster() -> Iterator[EmbeddedPostgres]:
    """One server for the module, with durable settings: the tests kill it."""
    with temporary("huida-emb-", settings={"fsync": "on", "synchronous_commit": "on", **SMALL}) as server:
        yield server


@pytest.fixture
def server(cluster: EmbeddedPostgres) -> EmbeddedPostgres:
    cluster.start()
    return cluster


async def rows(url: str, sql: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(sql)]
    finally:
        await connection.close()


def again(server: EmbeddedPostgres) -> EmbeddedPostgres:
    """A second supervisor of the same folder, as another process would have."""
    return EmbeddedPostgres(server.home, settings=SMALL)


def state(pid: int) -> str:
    """The kernel's letter for the state of a process, Z for a zombie."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def wait_for_death(server: EmbeddedPostgres) -> None:
    deadline = time.monotonic() + 20
    while server.running:
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def test_a_first_start_creates_database_and_roles(server: EmbeddedPostgres) -> None:
    assert server.url == f"postgresql://huida_owner@/huida?host={server.home}/socket"
    assert await rows(
        server.url,
        "SELECT rolname::text, rolsuper, rolbypassrls, rolcanlogin FROM pg_roles"
        " WHERE rolname LIKE 'huida%' ORDER BY 1",
    ) == [("huida_app", False, False, True), ("huida_owner", True, True, True)]
    assert await rows(server.url_for("huida_app"), "SELECT current_user::text, current_database()::text") == [
        ("huida_app", "huida")
    ]
    assert await rows(
        server.url,
        "SELECT datlocprovider::text, datlocale, pg_encoding_to_char(encoding)::text FROM pg_database"
        " WHERE datname = 'huida'",
    ) == [("b", "C.UTF-8", "UTF8")]


async def test_settings_reach_the_server(server: EmbeddedPostgres) -> None:
    wanted = {
        "autovacuum": "on",
        "data_checksums": "on",
        "jit": "off",
        "listen_addresses": "",
        "max_connections": "60",
        "shared_buffers": "16MB",
        "synchronous_commit": "on",
        "TimeZone": "UTC",
    }
    names = ", ".join(f"'{name}'" for name in wanted)
    found = await rows(server.url, f"SELECT name, current_setting(name) FROM pg_settings WHERE name IN ({names})")
    assert dict(found) == wanted


def test_the_socket_is_private_to_the_database_user(server: EmbeddedPostgres) -> None:
    socket_dir = (server.home / "socket").stat()
    user = pgplace.choose_user(server.home)
    assert (socket_dir.st_mode & 0o777, socket_dir.st_uid) == (0o700, user.uid)
    assert user.uid != 0
    assert len(os.fsencode(server.home / "socket" / ".s.PGSQL.5432")) < 107


def test_start_is_idempotent_and_stop_leaves_no_process(server: EmbeddedPostgres) -> None:
    pid = server.pid
    assert (server.start(), server.pid) == (server.url, pid)
    title = pgplace.choose_layout(server.home, pgplace.choose_user(server.home)).name
    assert pgprocess.processes_titled(title) != []
    server.stop()
    assert (server.running, pgprocess.processes_titled(title)) == (False, [])
    server.stop()
    assert server.running is False


def test_an_unknown_stop_mode_is_refused(server: EmbeddedPostgres) -> None:
    with pytest.raises(EmbeddedPostgresError) as refused:
        server.stop(mode="slow")
    assert str(refused.value) == "unknown stop mode 'slow': use one of smart, fast, immediate"
    assert server.running is True


async def test_data_survives_stop_and_start(server: EmbeddedPostgres) -> None:
    await rows(server.url, "CREATE TABLE kept (n int)")
    await rows(server.url, "INSERT INTO kept VALUES (7)")
    server.stop()
    server.start()
    assert await rows(server.url, "SELECT n FROM kept") == [(7,)]


async def test_a_server_whose_supervisor_was_killed_is_adopted(server: EmbeddedPostgres) -> None:
    server.stop()
    code = (
        "import sys, time; from pathlib import Path; from huida.kernel.embedded import EmbeddedPostgres;"
        "s = EmbeddedPostgres(Path(sys.argv[1]), settings={'shared_buffers': '16MB'}); s.start();"
        "print(s.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(server.home)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert server.pid == pid
    assert (server.start(), server.pid) == (server.url, pid)
    server.stop()
    assert server.running is False


def test_the_last_user_ends_the_server(server: EmbeddedPostgres) -> None:
    other = again(server)
    other.start()
    assert other.pid == server.pid
    server.stop()
    assert other.running is True
    other.stop()
    assert other.running is False


def test_a_recycled_pid_is_recognised_as_stale(server: EmbeddedPostgres) -> None:
    pid_file = server.home / "cluster" / "postmaster.pid"
    text = pid_file.read_text()
    server.stop()
    # Given a pid file that names a living process which is no postgres; its user is the database's, so that
    # PostgreSQL itself would take it for a running server.
    user = pgplace.choose_user(server.home)
    identity = {"user": user.uid, "group": user.gid, "extra_groups": []} if user.drop else {}
    stranger = subprocess.Popen(["sleep", "60"], **identity)  # type: ignore[call-overload]
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *text.splitlines()[1:]]) + "\n")
        assert server.running is False
        assert server.start() == server.url
        assert server.pid != stranger.pid
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_start_recovers_after_the_postmaster_was_killed(server: EmbeddedPostgres) -> None:
    await rows(server.url, "CREATE TABLE survived AS SELECT generate_series(1, 1000) AS n")
    killed = server.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    wait_for_death(server)
    server.start()
    assert server.pid != killed
    assert await rows(server.url, "SELECT count(*) FROM survived") == [(1000,)]


@pytest.mark.skipif(sys.platform != "linux", reason="subreapers are a Linux feature")
async def test_start_recovers_while_the_killed_postmaster_is_a_zombie(server: EmbeddedPostgres) -> None:
    server.stop()
    # Given a test process that inherits the postmaster and does not collect it, like an application as PID 1.
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    try:
        server.start()
        killed = server.pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        while state(killed) != "Z":
            time.sleep(0.01)
        server.start()
        assert state(killed) == "Z"
        assert await rows(server.url, "SELECT 1") == [(1,)]
        second = server.pid
        server.stop()
        assert second is not None
        assert not Path(f"/proc/{second}").exists()
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def test_parallel_starts_share_one_server(server: EmbeddedPostgres) -> None:
    server.stop()
    first, second = again(server), again(server)
    with ThreadPoolExecutor(2) as pool:
        urls = list(pool.map(EmbeddedPostgres.start, [first, second]))
    assert urls == [server.url, server.url]
    assert first.pid == second.pid is not None
    first.stop()
    second.stop()
    assert server.running is False


def test_parallel_first_starts_create_one_database(server: EmbeddedPostgres) -> None:
    home = server.home.with_name("parallel")
    supervisors = [EmbeddedPostgres(home, settings={"fsync": "off", **SMALL}) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        urls = list(pool.map(EmbeddedPostgres.start, supervisors))
    try:
        assert urls == [f"postgresql://huida_owner@/huida?host={home}/socket"] * 2
        assert supervisors[0].pid == supervisors[1].pid is not None
    finally:
        for supervisor in supervisors:
            supervisor.stop(mode="immediate")


def test_a_broken_first_start_leaves_nothing(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EmbeddedPostgres(server.home.with_name("broken"), settings=SMALL)
    monkeypatch.setattr(embedded, "APP_ROLE", "not a role name")
    with pytest.raises(EmbeddedPostgresError, match="creating roles failed"):
        broken.start()
    assert sorted(path.name for path in broken.home.iterdir()) == ["socket", "supervisor.lock", "users.lock"]


def test_a_refused_start_says_why(server: EmbeddedPostgres) -> None:
    server.stop()
    wrong = EmbeddedPostgres(server.home, settings={"shared_buffers": "plenty"})
    with pytest.raises(EmbeddedPostgresError, match='invalid value for parameter "shared_buffers": "plenty"'):
        wrong.start()
    assert server.running is False
    server.start()
    assert server.running is True


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another user")
async def test_closed_parents_move_the_files_and_stay_closed(tmp_path: Path) -> None:
    closed = tmp_path / "private"
    closed.mkdir(mode=0o700)
    said: list[str] = []
    server = EmbeddedPostgres(closed / "pg", settings={"fsync": "off", **SMALL}, on_progress=said.append)
    try:
        assert server.home.parent == Path("/var/lib/huida")
        assert await rows(server.start(), "SELECT 1") == [(1,)]
        assert (closed / "pg" / "LOCATION").read_text() == f"{server.home}\n"
        assert f"files are in {server.home}" in said[0]
        assert closed.stat().st_mode & 0o777 == 0o700
        assert tmp_path.stat().st_mode & 0o777 == 0o700
    finally:
        server.stop(mode="immediate")
        subprocess.run(["rm", "-rf", str(server.home)], check=True)


def test_a_long_path_gets_a_short_socket(server: EmbeddedPostgres) -> None:
    deep = server.home.parent / ("x" * 90) / "pg"
    layout = pgplace.choose_layout(deep, pgplace.choose_user(deep))
    assert layout.socket_dir == Path("/tmp") / f"huida-pg-{pgplace.digest(deep)}"


def test_a_foreign_socket_folder_is_refused(server: EmbeddedPostgres) -> None:
    home = server.home.with_name("foreign")
    (home / "socket").mkdir(parents=True, mode=0o755)
    (home / "socket").chmod(0o755)
    home.chmod(0o755)
    with pytest.raises(EmbeddedPostgresError) as refused:
        EmbeddedPostgres(home, settings=SMALL).start()
    assert str(refused.value).startswith(f"{home}/socket is not a private folder of user ")


def test_nobody_else_may_hold_our_locks(server: EmbeddedPostgres) -> None:
    """R-22: who can open a lock file can lock it, and stop us."""
    locks = [server.home / "supervisor.lock", server.home / "users.lock"]
    assert [oct(lock.stat().st_mode & 0o777) for lock in locks] == ["0o600", "0o600"]
    for lock in locks:
        lock.chmod(0o644)  # as earlier versions left them
    again(server).start()
    assert [oct(lock.stat().st_mode & 0o777) for lock in locks] == ["0o600", "0o600"]
