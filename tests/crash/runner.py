"""A worker as a process that a test kills: what `huida worker` runs, with shorter leases so that a test need not wait.

`python -m tests.crash.runner`, settings from the environment as usual.
"""

import asyncio

from huida import main
from huida.kernel import log, worker
from huida.settings import from_environment


async def run() -> None:
    log.configure(json=False, level="error")
    worker.LEASE_S, worker.HEARTBEAT_S, worker.POLL_S = 2.0, 0.3, 0.2
    await main.build(from_environment()).worker().run()


if __name__ == "__main__":
    asyncio.run(run())
