"""Real processes that are really killed. PostgreSQL here keeps what it has acknowledged when it is killed."""

import asyncio
import multiprocessing
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import uvicorn

from huida.kernel.embedded import EmbeddedPostgres
from tests.conftest import MASTER_KEY, World
from tests.crash import runner
from tests.databases import copied
from tests.faked_clock import Clock
from tests.shop import Shop, open_shop
from wesim.app import create_app

ROOT = Path(__file__).resolve().parents[2]
SEED = int(os.environ.get("HUIDA_CRASH_SEED", "7"))
# Its one process imports the product once; each worker is forked from there and is at work a moment later.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([runner.__name__])


@pytest.fixture
def postgres(migrated_files: Path) -> Iterator[EmbeddedPostgres]:
    """A server of this test alone, that answers only after the write-ahead log is written.

    Written, not on the disk: what a killed process has written, the operating system still has. Only a machine that
    goes down could tell the difference, and here processes do.
    """
    home = Path(tempfile.mkdtemp(prefix="huida-crash-"))
    home.chmod(0o711)
    settings = {"fsync": "off", "synchronous_commit": "on", "shared_buffers": "64MB", "max_connections": "60"}
    server = copied(migrated_files, EmbeddedPostgres(home / "pg", settings=settings))
    try:
        server.start()
        yield server
    finally:
        server.stop(mode="immediate")
        shutil.rmtree(home, ignore_errors=True)


@dataclass
class WorkerProcess:
    """A worker, and the name under which it begins errands."""

    id: UUID
    process: "BaseProcess | Program"


class Program(subprocess.Popen[bytes]):
    """A program that is ended as a forked process is."""

    def join(self) -> None:
        self.wait()


@dataclass
class Workers:
    """Worker processes of this test."""

    environment: dict[str, str]
    log: Path
    running: list[WorkerProcess] = field(default_factory=list)

    def start(self) -> WorkerProcess:
        number = uuid4()
        process = FORKS.Process(target=runner.run, args=(number, self.environment, self.log), daemon=True)
        process.start()
        self.running.append(WorkerProcess(number, process))
        return self.running[-1]

    def start_with(self, clock: Clock) -> WorkerProcess:
        """A worker on a machine with this clock."""
        number = uuid4()
        call = f"from tests.crash import runner; from uuid import UUID; runner.run(UUID('{number}'), dict(os.environ), Path(sys.argv[1]))"
        program = Program(
            [sys.executable, "-c", f"import os, sys; from pathlib import Path; {call}", str(self.log)],
            env={**self.environment, **clock.environment, "PYTHONPATH": f"{clock.environment['PYTHONPATH']}:{ROOT}"},
        )
        self.running.append(WorkerProcess(number, program))
        return self.running[-1]

    def kill(self, worker: WorkerProcess) -> None:
        """SIGKILL; it is dead when this returns."""
        worker.process.kill()
        worker.process.join()
        self.running.remove(worker)


@pytest.fixture
async def simulator(world: World) -> AsyncIterator[str]:
    """The same simulated WeChat over HTTP, for processes."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(create_app(world.sim), log_level="critical", access_log=False, lifespan="off")
    )
    server.capture_signals = _no_signals  # type: ignore[method-assign]
    task = asyncio.create_task(server.serve(sockets=[sock]))
    yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    server.should_exit = True
    await task


def _no_signals() -> Any:
    from contextlib import nullcontext

    return nullcontext()


@pytest.fixture
def workers(postgres: EmbeddedPostgres, simulator: str, tmp_path: Path) -> Iterator[Workers]:
    hosts = {
        "HUIDA_WECHAT_API_URL": "api.weixin.qq.com",
        "HUIDA_ALIYUN_SMS_URL": "dysmsapi.aliyuncs.com",
        "HUIDA_TENCENT_SMS_URL": "sms.tencentcloudapi.com",
        "HUIDA_WECHAT_PAY_URL": "api.mch.weixin.qq.com",
    }
    environment = {
        **os.environ,
        **{name: f"{simulator}/{host}" for name, host in hosts.items()},
        "HUIDA_DATABASE_URL": postgres.url_for("huida_app"),
        "HUIDA_MASTER_KEY": MASTER_KEY,
        "HUIDA_DATA_DIR": str(tmp_path),
    }
    made = Workers(environment, tmp_path / "workers.log")
    yield made
    for worker in list(made.running):
        made.kill(worker)
    print(made.log.read_text()[-3000:] if made.log.exists() else "")


@pytest.fixture
async def shop(world: World) -> Shop:
    return await open_shop(world)


@pytest.fixture
def dice() -> random.Random:
    return random.Random(SEED)
