"""`backup` and `restore`: PostgreSQL's own custom format, one file; the master key stays apart unless asked for."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg

from huida.commands import database, signed
from huida.commands.screen import Failure, Screen
from huida.kernel.embedded import APP_ROLE
from huida.kernel.pgplace import EmbeddedPostgresError, OsUser, reachable_binaries
from huida.settings import Settings

EMPTIED: Final = "DROP SCHEMA public CASCADE;\nCREATE SCHEMA public;\n"
RESTORE_ROLE: Final = "huida_restore"
RESTORER: Final = f"""
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{RESTORE_ROLE}') THEN
    CREATE ROLE {RESTORE_ROLE} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE BYPASSRLS;
  END IF;
  EXECUTE format('GRANT CREATE ON DATABASE %I TO {RESTORE_ROLE}', current_database());
END $$;
ALTER SCHEMA public OWNER TO {RESTORE_ROLE};
"""
HANDED_OVER: Final = (
    f"REASSIGN OWNED BY {RESTORE_ROLE} TO CURRENT_USER; DROP OWNED BY {RESTORE_ROLE}; DROP ROLE {RESTORE_ROLE}"
)
PRIVILEGES: Final = f"""
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APP_ROLE};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO {APP_ROLE};
"""
"""As the migration 0002 gives them."""


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
                signed.sign(draft, settings.master())
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


def restore(
    settings: Settings, screen: Screen, *, file: Path, force: bool, unsigned: bool, confirmed: Callable[[str], bool]
) -> None:
    """Put a backup back in one transaction: all of it or nothing.

    The file is checked before anything is touched, and what is in it runs with the rights of an owner who is no superuser.
    Raises Failure when the file is unreadable, was not made under this master key (unless `unsigned`), the database is in
    use, or it is not empty and `force` is not given.
    """
    if not file.is_file():
        raise Failure("cli.no_such_file", file=file)
    _check_key(settings, file)
    with tempfile.TemporaryDirectory(prefix="huida-restore-") as folder:
        # What is checked is what is loaded, whoever else may write the file.
        own = Path(shutil.copyfile(file, Path(folder, file.name)))
        if not unsigned:
            signed.check(own, _key(settings, file))
        with database.opened(settings, screen) as place:
            _check_target(place, screen, force=force, unsigned=unsigned, confirmed=confirmed)
            with screen.step("cli.step.restore", file=file):
                script = _script(own, Path(folder))
                asyncio.run(_as_restorer(place, script) if place.server is not None else _loaded(place, script))
            _restore_key(settings, screen, file)
            database.brought_up(place.settings, screen)
    screen.say("cli.restored")


def _script(file: Path, folder: Path) -> list[Path]:
    """The dump as SQL, after what empties the database. Default privileges are ours to give, not the file's."""
    contents, wanted, empty, script = (folder / name for name in ("contents", "wanted", "empty.sql", "restore.sql"))
    _run(None, "pg_restore", ["--list", f"--file={contents}", str(file)])
    lines = contents.read_text(errors="replace").splitlines()
    wanted.write_text("\n".join(line for line in lines if " DEFAULT ACL " not in line) + "\n")
    _run(None, "pg_restore", ["--no-owner", f"--use-list={wanted}", f"--file={script}", str(file)])
    empty.write_text(EMPTIED)
    return [empty, script]


async def _loaded(place: database.Place, scripts: Sequence[Path], *, url: str = "") -> None:
    options = ["--single-transaction", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
    await asyncio.to_thread(_run, place, "psql", [*options, *(f"--file={one}" for one in scripts)], url=url)
    sql = await database.connected(place.settings.migrate_url)
    try:
        await sql.execute(PRIVILEGES)
    finally:
        await sql.close()


async def _as_restorer(place: database.Place, scripts: Sequence[Path]) -> None:
    """Load it as a role that owns nothing but this, and hand over to the owner what it made."""
    assert place.server is not None
    sql = await database.connected(place.settings.migrate_url)
    try:
        await sql.execute(RESTORER)
        try:
            await _loaded(place, scripts, url=place.server.url_for(RESTORE_ROLE))
        except BaseException:
            with suppress(asyncpg.PostgresError):  # the first error is the one to be told
                await sql.execute(HANDED_OVER)
            raise
        await sql.execute(HANDED_OVER)
    finally:
        await sql.close()


def _key_file(file: Path) -> Path:
    return file.with_name(f"{file.name}.key")


def _private(path: Path) -> None:
    """An empty file that only its owner may read: it will hold every member's data."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))


def _key(settings: Settings, file: Path) -> bytes:
    """The master key that is in place, or else the one beside the backup. Raises Failure when there is none."""
    saved, own = _key_file(file), settings.data_dir / "master.key"
    if settings.master_key or own.exists():
        return settings.master()
    if not saved.exists():
        raise Failure("cli.backup_needs_key", own=own)
    return replace(settings, master_key=saved.read_text().strip()).master()


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


def _check_target(
    place: database.Place, screen: Screen, *, force: bool, unsigned: bool, confirmed: Callable[[str], bool]
) -> None:
    tables, others, role, mighty = asyncio.run(_look(place.settings.migrate_url))
    if unsigned and mighty and place.server is None:
        raise Failure("cli.restore_superuser")
    if others:
        raise Failure("cli.database_in_use", count=others)
    if not role:
        raise Failure("cli.role_missing", role=APP_ROLE)
    if tables and not force:
        raise Failure("cli.not_empty", tables=tables)
    if tables and not confirmed(screen.text("cli.confirm_restore", tables=tables)):
        raise Failure("cli.not_confirmed")


async def _look(url: str) -> tuple[int, int, bool, bool]:
    """How many tables there are, who else is connected, whether the app's role exists and ours is a superuser."""
    sql = await database.connected(url)
    try:
        tables = await sql.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        others = await sql.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        role = await sql.fetchval("SELECT count(*) > 0 FROM pg_roles WHERE rolname = $1", APP_ROLE)
        mighty = await sql.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        return tables, others, role, mighty
    finally:
        await sql.close()


def _run(place: database.Place | None, program: str, arguments: Sequence[str], *, url: str = "") -> None:
    """Run one of PostgreSQL's programs; the password goes through the environment, where `ps` does not show it."""
    environment = dict(os.environ)
    command = [_program(place, program), *arguments]
    if place is not None:
        address, password = _without_password(url or place.settings.migrate_url)
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
