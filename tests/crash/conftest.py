"""Real processes that are really killed. PostgreSQL here keeps what it has acknowledged when it is killed."""

import asyncio
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from huida.kernel import migrate
from huida.kernel.embedded import EmbeddedPostgres
from tests.conftest import MASTER_KEY, World
from tests.shop import Shop, open_shop
from wesim.app import create_app

SEED = int(os.environ.get("HUIDA_CRASH_SEED", "7"))
ROOT = Path(__file__).resolve().parents[2]


def migrated(server: EmbeddedPostgres) -> EmbeddedPostgres:
    server.start()
    with ThreadPoolExecutor(1) as other_thread:
        other_thread.submit(migrate.upgrade, server.url).result()
    return server


@pytest.fixture
def postgres() -> Iterator[EmbeddedPostgres]:
    """A server of this test alone, that answers only after the write-ahead log is written."""
    home = Path(tempfile.mkdtemp(prefix="huida-crash-"))
    home.chmod(0o711)
    server = EmbeddedPostgres(home / "pg", settings={"shared_buffers": "64MB", "max_connections": "60"})
    try:
        yield migrated(server)
    finally:
        server.stop(mode="immediate")
        shutil.rmtree(home, ignore_errors=True)


@dataclass
class Workers:
    """Worker processes of this test."""

    environment: dict[str, str]
    log: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.runner"], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        self.running.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.running.remove(process)


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
    for process in made.running:
        with suppress(ProcessLookupError):
            process.kill()
        process.wait()
    print(made.log.read_text()[-3000:] if made.log.exists() else "")


@pytest.fixture
async def shop(world: World) -> Shop:
    return await open_shop(world)


@pytest.fixture
def dice() -> random.Random:
    return random.Random(SEED)
