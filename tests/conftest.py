"""One PostgreSQL per run (per xdist worker); a fresh merchant per test; the whole system in process with wesim outside."""

import json
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp

from huida import main
from huida.kernel import migrate
from huida.kernel.clock import ShiftedClock
from huida.kernel.db import Database
from huida.kernel.embedded import EmbeddedPostgres, temporary
from huida.kernel.facts import SHARDS
from huida.kernel.http import Send
from huida.kernel.secrets import Secret
from huida.kernel.worker import Worker
from huida.main import System
from huida.modules import connections
from huida.settings import Settings
from tests import asgi, make
from tests.asgi import Client, Proxy
from tests.databases import template
from wesim import seed
from wesim.app import create_app
from wesim.state import App, AppUser
from wesim.world import World as Sim

MASTER_KEY = "11" * 32


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first; otherwise the order stays."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """A migrated server of this run; tests keep apart by tenant."""
    with temporary(settings={"max_connections": "100", "shared_buffers": "128MB"}) as server:
        # Alembic runs its own event loop, so it must not be the thread that runs ours.
        with ThreadPoolExecutor(1) as other_thread:
            other_thread.submit(migrate.upgrade, server.url).result()
        yield server


@pytest.fixture(scope="session")
def migrated_files() -> Iterator[Path]:
    """A migrated database that nobody uses; tests with a server of their own start a copy (`databases.copied`)."""
    with template() as files:
        yield files


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
def sim() -> Sim:
    """WeChat and SMS, simulated: two apps, three persons; pushes go to the system's own callback door."""
    return seed.seeded_world(poster=_Poster())


@pytest.fixture
def proxy() -> Proxy:
    """What stands between the system and the simulator."""
    return Proxy()


@pytest.fixture
def send(sim: Sim, proxy: Proxy) -> Send:
    """The way to the simulator, instead of the network."""
    return proxy.in_front_of(asgi.sender(create_app(sim)))


@pytest.fixture
async def system(postgres: EmbeddedPostgres, clock: ShiftedClock, send: Send, tmp_path: Path) -> AsyncIterator[System]:
    """The whole system as `main` wires it, on the app's role, with the simulator instead of the network."""
    settings = Settings(
        database_url=postgres.url_for("huida_app"),
        migrate_url=postgres.url,
        data_dir=tmp_path,
        public_url="http://huida.test",
        master_key=MASTER_KEY,
        wechat_api_url="http://wesim.test/api.weixin.qq.com",
        wechat_open_url="http://wesim.test/open.weixin.qq.com",
        wechat_pages_url="http://wesim.test/mp.weixin.qq.com",
        wechat_pay_url="http://wesim.test/api.mch.weixin.qq.com",
        aliyun_sms_url="http://wesim.test/dysmsapi.aliyuncs.com",
        tencent_sms_url="http://wesim.test/sms.tencentcloudapi.com",
        pool_size=8,
    )
    built = main.build(settings, clock=clock, send=send)
    await make.nobody_connected(built.db)
    yield built
    await built.close()


@pytest.fixture
def db(system: System) -> Database:
    return system.db


@pytest.fixture
def app(system: System, sim: Sim) -> ASGIApp:
    api = system.api()
    poster = sim.pusher._poster
    assert isinstance(poster, _Poster)
    poster.app = api
    return api


@pytest.fixture
async def tenant(db: Database) -> int:
    """A fresh merchant."""
    return await make.merchant(db)


@pytest.fixture
async def console(app: ASGIApp, db: Database, tenant: int) -> Client:
    """The merchant's administrator, logged in."""
    return await make.logged_in(Client(app), await make.staff(db, tenant))


@pytest.fixture
async def other(app: ASGIApp, db: Database) -> Client:
    """Another merchant's administrator, logged in: for what must not be seen or touched."""
    return await make.logged_in(Client(app), await make.staff(db, await make.merchant(db, name="隔壁小店")))


class _Poster:
    """Brings the simulator's pushes to the system's callback door."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self.posted: list[tuple[str, dict[str, str], bytes]] = []

    async def __call__(
        self, method: str, url: str, headers: dict[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, bytes]:
        assert self.app is not None, "a push before the application is there"
        self.posted.append((url, headers, body))
        reply = await asgi.call(self.app, method, url, headers=headers, body=body)
        return reply.status, reply.body


@dataclass
class World:
    """One merchant in the whole system, with WeChat around it."""

    system: System
    app: ASGIApp
    sim: Sim
    tenant: int
    clock: ShiftedClock
    worker: Worker = field(init=False)

    def __post_init__(self) -> None:
        self.worker = self.system.worker()

    @property
    def db(self) -> Database:
        return self.system.db

    @property
    def posted(self) -> list[tuple[str, dict[str, str], bytes]]:
        """What the simulator pushed: address, headers, body."""
        poster = self.sim.pusher._poster
        assert isinstance(poster, _Poster)
        return poster.posted

    async def settle(self) -> None:
        """Deliver the simulator's pushes and run this merchant's jobs until nothing is left to do now."""
        for _ in range(100):
            await self.sim.settle()
            if not await self.worker.turn(range(SHARDS), self.tenant, only_tenant=self.tenant):
                return
        raise AssertionError("the jobs of this merchant never end")

    async def later(self, delta: timedelta) -> None:
        """Move our clock, and run what became due."""
        self.clock.advance(delta)
        await self.worker.ripen()
        await self.settle()

    async def facts(self, kind: str) -> list[dict[str, Any]]:
        """The payloads of this merchant's facts of one kind, oldest first."""
        async with self.db.read(self.tenant) as tx:
            rows = await tx.fetch(
                "SELECT payload FROM facts WHERE tenant_id = $1 AND kind = $2 ORDER BY id", self.tenant, kind
            )
        return [json.loads(row["payload"]) for row in rows]

    def sim_app(self, app_id: str) -> App:
        return self.sim.apps[app_id]

    def user(self, app_id: str, person: str = "linxiaoman") -> AppUser:
        """A simulated person at one app."""
        return self.sim.user(self.sim_app(app_id), person)


@pytest.fixture
async def world(system: System, app: ASGIApp, sim: Sim, tenant: int, clock: ShiftedClock) -> World:
    """The merchant with the simulator's official account and mini program connected, callbacks included."""
    made = World(system, app, sim, tenant, clock)
    for kind, app_id, secret, token, aes_key in (
        ("oa", seed.OA_APPID, seed.OA_SECRET, seed.OA_TOKEN, seed.OA_AES_KEY),
        ("mini", seed.MINI_APPID, seed.MINI_SECRET, seed.MINI_TOKEN, seed.MINI_AES_KEY),
    ):
        async with system.db.tx(tenant) as tx:
            connected = await connections.connect(
                tx,
                connections.Wanted(
                    app_id=app_id,
                    kind=kind,
                    name=sim.apps[app_id].name,
                    secret=Secret(secret),
                    token=Secret(token),
                    aes_key=Secret(aes_key),
                ),
            )
        sim.apps[app_id].callback.url = f"http://huida.test/callbacks/wechat/{connected.route_key}"
        sim.apps[app_id].callback.mode = "safe"
    return made
