"""`serve` and `worker`: the two faces of the system as processes."""

import asyncio
import gc
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from wsgiref.simple_server import WSGIServer

import uvicorn
import uvloop
from prometheus_client import start_http_server
from starlette.types import ASGIApp

from huida.commands import database
from huida.commands.first_login import announced
from huida.commands.ports import taken
from huida.commands.screen import Failure, Screen
from huida.commands.signals import on_endings
from huida.kernel import log
from huida.kernel.pgwatch import Watch
from huida.kernel.worker import ClockIsOff
from huida.main import build
from huida.settings import Settings

KEEP_ALIVE_S: Final = 75
"""How long an idle connection stays open. Tills and web servers in front give theirs up after a minute at most; who leaves
second never closes a connection on which a request is just arriving."""


class Server(uvicorn.Server):
    """Uvicorn without its own signal handling: the command decides when and in which order things end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(settings: Settings, screen: Screen, *, with_worker: bool) -> None:
    """Serve until an ending. With the embedded database the schema is brought up to date first."""
    log.configure(json=settings.log_json, level=settings.log_level)
    sock = taken(settings.host, settings.port, option="--port / HUIDA_PORT")
    if settings.metrics_port:
        figures(settings.metrics_host, settings.metrics_port, option="HUIDA_METRICS_PORT")
    with sock, database.opened(settings, screen) as place:
        _ready(place, screen)
        if place.server is not None and screen.console.is_terminal:
            announced(place.settings, screen)
        with place.watched() as watch:
            screen.say("cli.serving", url=f"http://{settings.host}:{settings.port}")
            uvloop.run(_serve(place.settings, sock, watch, with_worker=with_worker))


def work(settings: Settings, screen: Screen, *, metrics_port: int | None) -> None:
    """Work until an ending; `metrics_port` serves this process's figures."""
    log.configure(json=settings.log_json, level=settings.log_level)
    if metrics_port is not None:
        figures(settings.metrics_host, metrics_port, option="--metrics-port")
    with database.opened(settings, screen) as place:
        _ready(place, screen)
        with place.watched() as watch:
            screen.say("cli.working")
            uvloop.run(_work(place.settings, watch))


def figures(host: str, port: int, *, option: str) -> WSGIServer:
    """Show this process's figures to Prometheus at this address. Raises as `taken` when it is in use."""
    taken(host, port, option=option).close()
    return start_http_server(port, addr=host)[0]


def _ready(place: database.Place, screen: Screen) -> None:
    if place.server is not None:
        database.brought_up(place.settings, screen)
    else:
        database.must_be_current(place.settings)


def _spare_the_collector() -> None:
    """Batches make and drop many small objects: look for cycles less often, and never among what was loaded at the start."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def configured(api: ASGIApp, settings: Settings) -> uvicorn.Config:
    """How requests reach the API: whose word on the caller's address counts is a setting of ours, not uvicorn's."""
    return uvicorn.Config(
        api,
        http="httptools",
        interface="asgi3",
        lifespan="on",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=10,
        timeout_keep_alive=KEEP_ALIVE_S,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
    )


def _stops(stop: Callable[[], None], watch: Watch | None) -> None:
    """What ends a process in order: an ending from outside, and a database that is lost."""
    loop = asyncio.get_running_loop()
    on_endings(loop, stop)
    if watch is not None:

        def lost() -> None:
            loop.call_soon_threadsafe(stop)

        watch.when_lost(lost)


async def _serve(settings: Settings, sock: socket.socket, watch: Watch | None, *, with_worker: bool) -> None:
    server = Server(configured(build(settings).api(), settings))
    _spare_the_collector()

    def stop() -> None:
        server.should_exit = True

    _stops(stop, watch)
    if not with_worker:
        await server.serve(sockets=[sock])
        return
    # A system of its own: the API's closes with its last request, while the worker may still be recording.
    system = build(settings)
    worker = system.worker()
    working = asyncio.create_task(worker.run())
    working.add_done_callback(lambda _: stop())  # a worker that crashes takes the process along, to be started again
    try:
        await server.serve(sockets=[sock])
    finally:
        worker.stop()
        try:
            await working
        except ClockIsOff as off:
            raise Failure("cli.clock_off", seconds=f"{off.seconds:+.1f}") from off
        finally:
            await system.close()


async def _work(settings: Settings, watch: Watch | None) -> None:
    system = build(settings)
    _spare_the_collector()
    worker = system.worker()
    _stops(worker.stop, watch)
    try:
        await worker.run()
    except ClockIsOff as off:
        raise Failure("cli.clock_off", seconds=f"{off.seconds:+.1f}") from off
    finally:
        await system.close()
