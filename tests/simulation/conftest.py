"""The simulation has a database and a disk of its own, so that the invariants can look at everybody, and both can fail."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from huida.kernel.embedded import EmbeddedPostgres
from huida.kernel.pgwatch import Watch
from tests import asgi
from tests.crash.test_disk_full import as_root
from tests.databases import copied
from tests.simulation.troubles import Network
from wesim.app import create_app
from wesim.world import World as Sim

SIZE_MB = 1500


@pytest.fixture(scope="session")
def disk() -> Iterator[Path]:
    """A file system of its own (root, or sudo without a password as on CI machines)."""
    home = Path(tempfile.mkdtemp(prefix="huida-sim-"))
    home.chmod(0o711)
    as_root("mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0777", "tmpfs", str(home))
    yield home
    as_root("umount", "-l", str(home))
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(disk: Path, migrated_files: Path) -> Iterator[EmbeddedPostgres]:
    """A server that keeps what it has acknowledged when it is killed, and is started again by the product's own watch."""
    settings = {
        **{"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off", "max_connections": "60"},
        **{"shared_buffers": "128MB", "min_wal_size": "64MB", "max_wal_size": "192MB"},
    }
    server = copied(migrated_files, EmbeddedPostgres(disk / "pg", settings=settings))
    server.start()
    watch = Watch(server, give_up_s=120)
    watch.start()
    yield server
    watch.stop()
    assert watch.lost is None
    server.stop(mode="immediate")


@pytest.fixture
def send(sim: Sim) -> Network:
    return Network(asgi.sender(create_app(sim)))
