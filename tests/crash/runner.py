"""A worker as a process that a test kills: what `huida worker` runs, with shorter leases so that a test need not wait."""

import asyncio
import os
from pathlib import Path
from uuid import UUID

from huida import main
from huida.kernel import log, worker
from huida.kernel.http import Outgoing
from huida.settings import from_environment

LEASE_S, CALL_S = 3.5, 2.0
"""As in the product a lease is longer than a call and a heartbeat together, and a call ends in the time it was promised."""


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
    worker.LEASE_S, worker.HEARTBEAT_S, worker.POLL_S = LEASE_S, 0.3, 0.2
    worker.CALL_S = CALL_S
    system = main.build(from_environment(), outgoing=Outgoing(connect_s=CALL_S / 2, total_s=CALL_S))
    one = system.worker()
    one.id = number
    await one.run()
