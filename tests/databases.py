"""Migrated databases without making one each time: a stopped one is kept, and tests start copies of it."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from huida.kernel import migrate
from huida.kernel.embedded import EmbeddedPostgres, temporary


@contextmanager
def template() -> Iterator[Path]:
    """The files of a database with every migration applied, whose server has ended in order."""
    with temporary("huida-template-") as server:
        # Alembic runs its own event loop, so it must not be the thread that runs ours.
        with ThreadPoolExecutor(1) as other_thread:
            other_thread.submit(migrate.upgrade, server.url).result()
        server.stop()
        yield server.home / "cluster"


def copied(files: Path, server: EmbeddedPostgres) -> EmbeddedPostgres:
    """The server, not yet started, on a copy of these files; owners and modes are kept."""
    server.home.mkdir(mode=0o711, parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", str(files), str(server.home / "cluster")], check=True)
    return server
