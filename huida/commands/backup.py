"""`backup` and `restore`: PostgreSQL's own custom format, one file; the master key stays apart unless asked for."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from huida.commands import database
from huida.commands.screen import Failure, Screen
from huida.kernel.embedded import APP_ROLE
from huida.kernel.pgplace import EmbeddedPostgresError, OsUser, reachable_binaries
from huida.settings import Settings

EMPTIED: Final = "DROP SCHEMA public CASCADE;\nCREATE SCHEMA public;\n"


def backup(settings: Settings, screen: Screen, *, file: Path, with_key: bool) -> None:
    """Write the whole database into one file. Raises Failure when the file exists or the dump fails."""
    if file.exists():
        raise Failure("cli.file_exists", file=file)
    if not file.parent.is_dir():
        raise Failure("cli.no_such_folder", folder=file.parent)
    with database.opened(settings, screen) as place:
        draft = file.with_name(f"{file.name}.part")
        try:
            with screen.step("cli.step.backup", file=file):
                _private(draft)
                _run(place, "pg_dump", ["--format=custom", "--no-owner", f"--file={draft}"])
            draft.rename(file)
        finally:
            draft.unlink(missing_ok=True)
        if with_key:
            key = _key_file(file)
            _private(key)
            key.write_text(settings.master().hex() + "\n")
            screen.say("cli.key_saved", key=key)
        else:
            screen.say("cli.key_not_in_backup", key=settings.data_dir / "master.key")


def restore(settings: Settings, screen: Screen, *, file: Path, force: bool, confirmed: Callable[[str], bool]) -> None:
    """Put a backup back in one transaction: all of it or nothing.

    Raises Failure when the file is unreadable, the database is in use, or it is not empty and `force` is not given.
    """
    if not file.is_file():
        raise Failure("cli.no_such_file", file=file)
    _check_key(settings, file)
    with database.opened(settings, screen) as place:
        _check_target(place, screen, force=force, confirmed=confirmed)
        with tempfile.TemporaryDirectory(prefix="huida-restore-") as folder:
            script, empty = Path(folder, "restore.sql"), Path(folder, "empty.sql")
            empty.write_text(EMPTIED)
            with screen.step("cli.step.restore", file=file):
                _run(None, "pg_restore", ["--no-owner", f"--file={script}", str(file)])
                options = [
                    "--single-transaction",
                    "--quiet",
                    "--no-psqlrc",
                    "--set=ON_ERROR_STOP=1",
                    "--output=/dev/null",
                ]
                _run(place, "psql", [*options, f"--file={empty}", f"--file={script}"])
        _restore_key(settings, screen, file)
        database.brought_up(place.settings, screen)
    screen.say("cli.restored")


def _key_file(file: Path) -> Path:
    return file.with_name(f"{file.name}.key")


def _private(path: Path) -> None:
    """An empty file that only its owner may read: it will hold every member's data."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))


def _check_key(settings: Settings, file: Path) -> None:
    """Raises Failure when the backup's key is not the one that is in place: its secrets could not be opened."""
    saved, own = _key_file(file), settings.data_dir / "master.key"
    if not saved.exists():
        return
    here = settings.master_key or (own.read_text().strip() if own.exists() else "")
    if here and here != saved.read_text().strip():
        raise Failure("cli.other_key", saved=saved, own="HUIDA_MASTER_KEY" if settings.master_key else own)


def _restore_key(settings: Settings, screen: Screen, file: Path) -> None:
    saved, own = _key_file(file), settings.data_dir / "master.key"
    if settings.master_key or own.exists():
        return
    if not saved.exists():
        screen.say("cli.key_missing", key=own)
        return
    _private(own)
    own.write_text(saved.read_text())
    screen.say("cli.key_restored", key=own)


def _check_target(place: database.Place, screen: Screen, *, force: bool, confirmed: Callable[[str], bool]) -> None:
    tables, others, role = asyncio.run(_look(place.settings.migrate_url))
    if others:
        raise Failure("cli.database_in_use", count=others)
    if not role:
        raise Failure("cli.role_missing", role=APP_ROLE)
    if tables and not force:
        raise Failure("cli.not_empty", tables=tables)
    if tables and not confirmed(screen.text("cli.confirm_restore", tables=tables)):
        raise Failure("cli.not_confirmed")


async def _look(url: str) -> tuple[int, int, bool]:
    sql = await database.connected(url)
    try:
        tables = await sql.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        others = await sql.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        role = await sql.fetchval("SELECT count(*) > 0 FROM pg_roles WHERE rolname = $1", APP_ROLE)
        return tables, others, role
    finally:
        await sql.close()


def _run(place: database.Place | None, program: str, arguments: Sequence[str]) -> None:
    """Run one of PostgreSQL's programs; the password goes through the environment, where `ps` does not show it."""
    environment = dict(os.environ)
    command = [_program(place, program), *arguments]
    if place is not None:
        address, password = _without_password(place.settings.migrate_url)
        command.append(f"--dbname={address}")
        if password:
            environment["PGPASSWORD"] = password
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure("cli.program_failed", program=program, output=done.stderr.strip()[-2000:])


def _program(place: database.Place | None, name: str) -> str:
    """The server's own version of a program where we have it; for a server elsewhere the installed one first."""
    installed = shutil.which(name)
    if place is not None and place.server is None and installed:
        return installed
    try:
        # We run these programs as ourselves, not as the database's user.
        return str(reachable_binaries(OsUser(os.geteuid(), os.getegid(), "", drop=False)) / name)
    except EmbeddedPostgresError:
        if installed:
            return installed
        raise


def _without_password(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if parts.password is None:
        return url, ""
    user = parts.netloc.rsplit("@", 1)[0].split(":", 1)[0]
    host = parts.netloc.rsplit("@", 1)[1]
    return urlunsplit(parts._replace(netloc=f"{user}@{host}")), unquote(parts.password)
