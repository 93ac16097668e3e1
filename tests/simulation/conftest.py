"""The simulation has a database of its own, so that the invariants can look at everybody."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from huida.kernel import migrate
from huida.kernel.embedded import EmbeddedPostgres, temporary


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    with temporary(prefix="huida-sim-", settings={"max_connections": "60", "shared_buffers": "128MB"}) as server:
        with ThreadPoolExecutor(1) as other_thread:
            other_thread.submit(migrate.upgrade, server.url).result()
        yield server
