"""What browser tests stand on: a real server with its worker and the simulator, over HTTP on this machine.

One `Stage` serves a test run (its own PostgreSQL, so its worker meets no other test's work); every test has a `Shop`, a
fresh merchant. A new shop resets the simulator: its three persons have empty phones again.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import requests
import uvicorn

from huida import faces, main
from huida.commands.serving import Server, configured
from huida.demo import stage as demo
from huida.demo.doors import Doors
from huida.kernel import migrate
from huida.kernel.db import Database
from huida.kernel.embedded import temporary
from huida.modules import connections
from huida.settings import Settings
from tests import make
from tests.make import PASSWORD, Person
from tests.versions import page_of
from wesim.app import create_app
from wesim.seed import seeded_world

T = TypeVar("T")
LIN, CHEN, WANG = "linxiaoman", "chenyiming", "wangsiyuan"
PERSONS = {LIN: ("林小满", "13800000001"), CHEN: ("陈一鸣", "13800000002"), WANG: ("王思远", "13800000003")}
QUIET_WITHIN_S = 60.0


class Refused(AssertionError):
    """A door said no where the test did not expect it."""


class Api:
    """The API as one person, or one key, calls it; answers are decoded."""

    def __init__(self, base: str, headers: dict[str, str] | None = None) -> None:
        self.base = base
        self.http = requests.Session()
        # An address of its own, as in life: the login limit counts callers by it.
        self.http.headers["X-Forwarded-For"] = f"10.{uuid4().int % 250}.{uuid4().int % 250}.{uuid4().int % 250}"
        self.http.headers.update(headers or {})

    def log_in(self, person: Person) -> "Api":
        me = self.post("/api/console/login", {"login": person.login, "password": PASSWORD})
        self.http.headers["X-CSRF-Token"] = me["csrf_token"]
        return self

    def get(self, path: str, **query: Any) -> Any:
        return self._call("GET", path, params=query)

    def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return self._call("POST", path, json=body, **more)

    def put(self, path: str, body: Any = None) -> Any:
        """Replace something as a page does: what is there is read first, and its version goes with the call."""
        shown = page_of(path)
        if shown is not None and "version" not in body:
            body = body | {"version": shown[1](self.get(shown[0]))}
        return self._call("PUT", path, json=body)

    def patch(self, path: str, body: Any = None) -> Any:
        return self._call("PATCH", path, json=body)

    def delete(self, path: str) -> Any:
        return self._call("DELETE", path)

    def _call(self, method: str, path: str, **more: Any) -> Any:
        answer = self.http.request(method, self.base + path, timeout=20, **more)
        if not answer.ok:
            raise Refused(f"{method} {path}: {answer.status_code} {answer.text[:600]}")
        return answer.json() if answer.content else None


@dataclass
class Stage:
    """The running product and simulator."""

    url: str
    sim_url: str
    db: Database
    loop: asyncio.AbstractEventLoop
    operator: Person

    @property
    def console(self) -> str:
        return f"{self.url}/console"

    @property
    def sim(self) -> Api:
        return Api(self.sim_url)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the server's own loop, where its database lives."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def as_operator(self) -> Api:
        return Api(self.url).log_in(self.operator)

    def open_shop(self, *, name: str = "山月茶事", entitled: bool = True) -> "Shop":
        """A fresh merchant with its administrator, and empty phones around it."""
        self.sim.post("/_sim/reset")
        tenant = self.run(make.merchant(self.db, name=name, entitled=(demo.MODULE,) if entitled else ()))
        return Shop(self, tenant, self.run(make.staff(self.db, tenant)))


@dataclass
class Shop:
    """One merchant. What a test does not ask for is not there: no store, no connection, no member."""

    stage: Stage
    tenant: int
    admin: Person
    cards: dict[str, str] = field(default_factory=dict)
    _api: Api | None = None

    @property
    def api(self) -> Api:
        """The administrator's calls."""
        if self._api is None:
            self._api = Api(self.stage.url).log_in(self.admin)
        return self._api

    def staff(self, role: str) -> Person:
        """Somebody with this role (`store_admin`, `store_staff`, `viewer`); the password is `PASSWORD`."""
        return self.stage.run(make.staff(self.stage.db, self.tenant, role=role))

    def store(self, code: str = "S01", name: str = "人民路店") -> UUID:
        return self.stage.run(make.store(self.stage.db, self.tenant, code=code, name=name))

    def member(self, person: str = LIN, *, card_no: str | None = None, phone: bool = True) -> UUID:
        """One of the simulator's persons as a member, not yet in WeChat; `cards` keeps the card number."""
        name, number = PERSONS[person]
        self.cards[person] = card_no or f"6088{make.number():06d}"
        return self.stage.run(
            make.member(
                self.stage.db,
                self.tenant,
                card_no=self.cards[person],
                name=name,
                phone=number if phone else None,
            )
        )

    def connect(self) -> None:
        """Both accounts of the simulator, callbacks included; the subscription function stays closed."""
        for app in demo.APPS:
            known = self.api.post("/api/console/connections", dict(app))
            callback = {"url": known["callback_url"], "mode": "safe", "format": "xml", "verify": True}
            self.stage.sim.post(f"/_sim/apps/{app['app_id']}/callback", callback)

    def open_for_business(self) -> None:
        """Everything set up as in the demo: store S01, both accounts, SMS, a channel of each kind live.

        A purchase is told by subscription message, a recharge by SMS, a change of points by template message.
        """
        self.store()
        demo.set_up(self._demo(), self.tenant)

    def welcome(self, person: str = LIN) -> None:
        """The member opens the member centre, gives the phone, allows five messages of each kind, follows the account."""
        demo.welcome(self._demo(), person)
        self.settle()

    def _demo(self) -> demo.Stage:
        url = self.stage.url
        operator, admin = Doors(url), Doors(url)
        operator.headers["x-forwarded-for"] = admin.headers["x-forwarded-for"] = "10.251.0.1"
        operator.log_in(self.stage.operator.login, PASSWORD)
        admin.log_in(self.admin.login, PASSWORD)
        return demo.Stage(url, operator, admin, Doors(self.stage.sim_url))

    def till(self) -> Api:
        """A till with a key of every scope."""
        key = self.stage.run(make.key(self.stage.db, self.tenant))
        return Api(self.stage.url, {"Authorization": f"Bearer {key}"})

    def buys(self, person: str = LIN, total_fen: int = 2500, **more: Any) -> Any:
        """A purchase at the till, with all that follows from it done."""
        row = {"store": "S01", "till_no": uuid4().hex[:16], "card_no": self.cards[person], "total_fen": total_fen}
        answer = self.till().post("/api/v1/purchases", row | more)
        self.settle()
        return answer

    def settle(self) -> None:
        """Wait until nothing of this merchant is left to do, the simulator's pushes included."""
        deadline = time.monotonic() + QUIET_WITHIN_S
        quiet = 0
        while quiet < 2:
            assert time.monotonic() < deadline, "the jobs of this merchant never end"
            self.stage.sim.post("/_sim/settle")
            self.stage.sim.post("/_sim/sms/settle")
            quiet = quiet + 1 if self.stage.run(self._idle()) else 0
            time.sleep(0.05)

    async def _idle(self) -> bool:
        async with self.stage.db.tx(self.tenant) as tx:
            # A receipt that overtook its message is tried again after a minute; tests do not wait for that.
            again = await tx.execute(
                "UPDATE jobs_later SET due_at = $2 WHERE tenant_id = $1 AND kind = 'messaging.finish_again'",
                *(self.tenant, tx.now),
            )
            return not again and not await tx.value(
                "SELECT EXISTS (SELECT FROM jobs WHERE tenant_id = $1)", self.tenant
            )

    def close(self) -> None:
        """Let the simulator's accounts go: the next shop connects the same ones."""
        self.stage.run(self._let_go())

    async def _let_go(self) -> None:
        async with self.stage.db.tx(self.tenant) as tx:
            for app in await connections.apps(tx):
                if app.connected:
                    await connections.disconnect(tx, app.app_id)


@contextmanager
def raised(folder: Path) -> Iterator[Stage]:
    """Start everything, in a thread with a loop of its own."""
    for face in ("console",):
        if not (faces.STATIC / face / "index.html").exists():
            raise AssertionError(f"{face} is not built: make faces")
    with temporary(settings={"max_connections": "60", "shared_buffers": "64MB"}) as server:
        with ThreadPoolExecutor(1) as other_thread:
            other_thread.submit(migrate.upgrade, server.url).result()
        product, phones = _listening(), _listening()
        url, sim_url = (f"http://127.0.0.1:{one.getsockname()[1]}" for one in (product, phones))
        settings = Settings(
            database_url=server.url_for("huida_app"),
            migrate_url=server.url,
            data_dir=folder,
            public_url=url,
            master_key="22" * 32,
            wechat_api_url=f"{sim_url}/api.weixin.qq.com",
            wechat_open_url=f"{sim_url}/open.weixin.qq.com",
            wechat_pages_url=f"{sim_url}/mp.weixin.qq.com",
            aliyun_sms_url=f"{sim_url}/dysmsapi.aliyuncs.com",
            tencent_sms_url=f"{sim_url}/sms.tencentcloudapi.com",
            wechat_pay_url=f"{sim_url}/api.mch.weixin.qq.com",
            simulator_url=sim_url,
            pool_size=8,
        )
        with _serving(settings, product, phones) as (db, loop):
            operator = asyncio.run_coroutine_threadsafe(make.operator(db), loop).result(30)
            yield Stage(url, sim_url, db, loop, operator)


def _listening() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


@contextmanager
def _serving(
    settings: Settings, product: socket.socket, phones: socket.socket
) -> Iterator[tuple[Database, asyncio.AbstractEventLoop]]:
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    ending = asyncio.Event()
    opened: list[Database] = []

    async def serve() -> None:
        system = main.build(settings)
        worker = system.worker()
        server = Server(configured(main.build(settings).api(), settings))
        sim = Server(uvicorn.Config(create_app(seeded_world()), log_level="warning", timeout_graceful_shutdown=1))
        opened.append(system.db)
        work = [
            asyncio.create_task(worker.run()),
            asyncio.create_task(server.serve(sockets=[product])),
            asyncio.create_task(sim.serve(sockets=[phones])),
        ]
        while not (server.started and sim.started):
            await asyncio.sleep(0.01)
        ready.set()
        await ending.wait()
        server.should_exit = sim.should_exit = True
        worker.stop()
        await asyncio.gather(*work)
        await system.close()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="stage", daemon=True)
    thread.start()
    assert ready.wait(30), "the stage does not start"
    try:
        yield opened[0], loop
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join(30)
