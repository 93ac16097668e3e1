"""A worker as a process that a test kills: what `huida worker` runs, with shorter leases so that a test need not wait."""

import asyncio
import os
from pathlib import Path
from uuid import UUID

from huida import main
from huida.kernel import log, worker
from huida.settings import from_environment


def run(number: UUID, environment: dict[str, str], output: Path) -> None:
    """Work until killed, with this environment, under this name."""
    os.environ.clear()
    os.environ.update(environment)
    with output.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    asyncio.run(_work(number))


async def _work(number: UUID) -> None:
    log.configure(json=False, level="error")
    worker.LEASE_S, worker.HEARTBEAT_S, worker.POLL_S = 2.0, 0.3, 0.2
    one = main.build(from_environment()).worker()
    one.id = number
    await one.run()
