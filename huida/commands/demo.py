"""`demo`: the whole product on one machine without any preparation, connected to the simulated WeChat.

Four processes: this one, the API, the worker and the simulator (each its own command); PostgreSQL is embedded. A first
start loads the sample merchant, later ones use its data again.
"""

import asyncio
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec
from rich.console import Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from huida.commands import database
from huida.commands.children import Children
from huida.commands.ports import must_be_free
from huida.commands.screen import Failure, Screen
from huida.commands.signals import undisturbed
from huida.demo import history, mall, notices, sms, stage
from huida.demo.doors import Closed, Doors
from huida.kernel.pgprocess import lock_file
from huida.settings import Settings

READY_WITHIN_S: Final = 60.0
ARRIVES_WITHIN_S: Final = 30.0
HOST: Final = "127.0.0.1"
SIMULATOR: Final = "wesim"
PERSON: Final = "linxiaoman"
CARD_NO: Final = "6088000001"
TOTAL_FEN: Final = 5600


class Notes(msgspec.Struct):
    """What the demo remembers between its starts (`demo.json`, mode 0600). `loaded` once the history is complete."""

    passwords: dict[str, str]
    tenant_id: int = 0
    api_key: str = ""
    loaded: bool = False


@dataclass(frozen=True)
class Options:
    data_dir: Path | None
    fresh: bool
    play: bool
    exit_after_play: bool


def demo(settings: Settings, screen: Screen, options: Options) -> None:
    """Start everything, play a purchase, and stay until Ctrl-C."""
    folder = (options.data_dir or settings.data_dir / "demo").resolve()
    settings = _demo_settings(settings, folder)
    must_be_free(HOST, settings.port, option="--port")
    must_be_free(HOST, settings.wesim_port, option="--wesim-port")
    with _alone(folder):
        notes = _notes(folder, fresh=options.fresh)
        children = Children(folder / "log")
        try:
            with database.opened(settings, screen) as place, place.watched():
                try:
                    _run(place.settings, screen, options, children, notes)
                finally:
                    with undisturbed():
                        children.stop()
        except Closed as closed:
            raise Failure("cli.demo_failed", reason=closed, logs=children.log_dir) from closed


def _demo_settings(settings: Settings, folder: Path) -> Settings:
    """The demo has a database and a key of its own, whatever the environment says."""
    wechat = f"http://{HOST}:{settings.wesim_port}"
    return replace(
        settings,
        database_url="",
        migrate_url="",
        data_dir=folder,
        master_key="",
        host=HOST,
        public_url=f"http://{HOST}:{settings.port}",
        member_url="",
        wechat_api_url=f"{wechat}/api.weixin.qq.com",
        wechat_open_url=f"{wechat}/open.weixin.qq.com",
        wechat_pages_url=f"{wechat}/mp.weixin.qq.com",
        simulator_url=wechat,
        aliyun_sms_url=f"{wechat}/dysmsapi.aliyuncs.com",
        tencent_sms_url=f"{wechat}/sms.tencentcloudapi.com",
        wechat_pay_url=f"{wechat}/api.mch.weixin.qq.com",
    )


def _run(settings: Settings, screen: Screen, options: Options, children: Children, notes: Notes) -> None:
    database.brought_up(settings, screen)
    if not notes.loaded:
        _load(settings, screen, notes)
    _start(settings, screen, children)
    set_stage = stage.Stage(settings.public_url, Doors(settings.public_url), Doors(settings.public_url), _sim(settings))
    with screen.step("cli.step.stage"):
        set_stage.operator.log_in(history.OPERATOR, notes.passwords[history.OPERATOR])
        set_stage.admin.log_in(history.ADMIN, notes.passwords[history.ADMIN])
        stage.set_up(set_stage, notes.tenant_id)
        mall.open_mall(set_stage, notes.tenant_id)
        notices.open_notices(set_stage)
        sms.sell(set_stage.operator, set_stage.admin, set_stage.sim, notes.tenant_id)
        for person in stage.PERSONS:
            stage.welcome(set_stage, person)
        mall.place_orders(set_stage)
        if not notes.api_key:
            notes.api_key = stage.new_key(set_stage)
            _save(settings.data_dir, notes)
        stage.show_pages(set_stage, notes.tenant_id)
        stage.set_up_till(set_stage, notes.api_key)
    _show_addresses(settings, screen, notes)
    if options.play or options.exit_after_play:
        _play(settings, screen, set_stage, notes)
    if options.exit_after_play:
        return
    _say_how_to_go_on(settings, screen, notes)
    screen.say("cli.until_ctrl_c")
    _watch(children)


def _load(settings: Settings, screen: Screen, notes: Notes) -> None:
    with screen.bar("cli.step.history", history.DAYS) as bar:
        notes.tenant_id = asyncio.run(history.tell(settings, passwords=notes.passwords, told=bar.advance))
    notes.loaded = True
    _save(settings.data_dir, notes)


def _start(settings: Settings, screen: Screen, children: Children) -> None:
    environment = {
        f"HUIDA_{name.upper()}": str(getattr(settings, name))
        for name in Settings.__dataclass_fields__
        if name != "master_key"
    }
    with screen.step("cli.step.simulator", port=settings.wesim_port):
        children.start(SIMULATOR, "wesim", ["serve", "--host", HOST, "--port", str(settings.wesim_port)], environment)
        _await_door(children, SIMULATOR, _sim(settings), "/_sim/health")
    with screen.step("cli.step.product", port=settings.port):
        children.start("serve", "huida", ["serve"], environment)
        children.start("worker", "huida", ["worker"], environment)
        _await_door(children, "serve", Doors(settings.public_url), "/readyz")


def _sim(settings: Settings) -> Doors:
    return Doors(f"http://{HOST}:{settings.wesim_port}")


def _await_door(children: Children, name: str, doors: Doors, path: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        _all_alive(children)
        with suppress(Closed):
            doors.get(path)
            return
        if time.monotonic() > deadline:
            raise Failure("cli.child_slow", name=name, seconds=READY_WITHIN_S, output=children.tail(name))
        time.sleep(0.1)


def _all_alive(children: Children) -> None:
    ended = children.ended()
    if ended is not None:
        raise Failure("cli.child_ended", name=ended, output=children.tail(ended))


def _watch(children: Children) -> None:
    """Server and worker are started again when they die; the simulator's world is in its memory, and ends with it."""
    while True:
        time.sleep(0.5)
        ended = children.ended()
        if ended is not None and (ended == SIMULATOR or not children.start_again(ended)):
            _all_alive(children)


def _show_addresses(settings: Settings, screen: Screen, notes: Notes) -> None:
    rows = [
        ("cli.demo.phones", f"http://{HOST}:{settings.wesim_port}/"),
        ("cli.demo.console", f"{settings.public_url}/console/"),
        ("cli.demo.centre", settings.member_centre),
        ("cli.demo.docs", f"{settings.public_url}/api/docs"),
        ("cli.demo.health", f"{settings.public_url}/readyz"),
        ("cli.demo.merchant", f"{history.ADMIN} / {notes.passwords[history.ADMIN]}"),
        ("cli.demo.operator", f"{history.OPERATOR} / {notes.passwords[history.OPERATOR]}"),
        ("cli.demo.key", notes.api_key),
        ("cli.demo.data", str(settings.data_dir)),
    ]
    shown = [(screen.text(code), f"[bold]{escape(value)}[/]") for code, value in rows]
    screen.console.print(Panel(_aligned(shown), title=history.SHORT_NAME, expand=False, padding=(0, 1)))


def _play(settings: Settings, screen: Screen, set_stage: stage.Stage, notes: Notes) -> None:
    """Report a purchase with the till's key and wait until the phone shows the message. Raises Failure when it does not."""
    till = Doors(settings.public_url)
    till.headers["authorization"] = f"Bearer {notes.api_key}"
    seen = {message["id"] for message in stage.messages(set_stage, PERSON)}
    with screen.step("cli.step.play", card=CARD_NO, yuan=f"{TOTAL_FEN / 100:.2f}"):
        body = {"store": "S01", "till_no": stage.till_no(), "card_no": CARD_NO, "total_fen": TOTAL_FEN}
        began = time.monotonic()
        till.post("/api/v1/purchases", body)
        answered = time.monotonic() - began
        message = _arrival(set_stage, seen)
        took = time.monotonic() - began
    till.close()
    _show_message(screen, message, answered_ms=answered * 1000, took_ms=took * 1000)


def _arrival(set_stage: stage.Stage, seen: set[Any]) -> dict[str, Any]:
    deadline = time.monotonic() + ARRIVES_WITHIN_S
    while time.monotonic() < deadline:
        fresh = [
            one for one in stage.messages(set_stage, PERSON) if one["id"] not in seen and one["kind"] == "subscribe"
        ]
        if fresh:
            return fresh[0]
        time.sleep(0.02)
    raise Failure("cli.message_missing", seconds=round(ARRIVES_WITHIN_S))


def _show_message(screen: Screen, message: dict[str, Any], *, answered_ms: float, took_ms: float) -> None:
    fields = _aligned([(escape(label), escape(value)) for label, value in message["fields"]])
    title = escape(screen.text("cli.demo.phone_of", name="林小满"))
    card = Group(f"[bold]{escape(message['title'])}[/]", fields)
    screen.console.print(Panel(card, title=title, expand=False, padding=(0, 1)))
    screen.say("cli.demo.timing", answered=f"{answered_ms:.0f}", took=f"{took_ms:.0f}")


def _aligned(rows: Sequence[tuple[str, str]]) -> Table:
    """Labels and values in two columns; a value is never broken, so that it can be copied."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(no_wrap=True, overflow="ignore")
    for row in rows:
        table.add_row(*row)
    return table


def _say_how_to_go_on(settings: Settings, screen: Screen, notes: Notes) -> None:
    """A call that can be pasted into another terminal."""
    body = {"store": "S01", "till_no": "T-1", "card_no": CARD_NO, "total_fen": 2500}
    screen.say("cli.demo.try")
    screen.console.print(
        f"  curl -X POST {settings.public_url}/api/v1/purchases \\\n"
        f"    -H 'Authorization: Bearer {notes.api_key}' -H 'Content-Type: application/json' \\\n"
        f"    -d '{msgspec.json.encode(body).decode()}'",
        markup=False,
        soft_wrap=True,
        style="dim",
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one demo works in a folder at a time; the lock ends with its process."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = lock_file(folder / "demo.lock")
    except OSError as refused:
        raise Failure("cli.folder_closed", folder=folder, reason=refused.strerror) from refused
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure("cli.demo_runs_already", folder=folder) from None
        yield


def _notes(folder: Path, *, fresh: bool) -> Notes:
    """What an earlier start left. A first load that was interrupted is thrown away. Raises Failure for a folder not ours."""
    file = folder / "demo.json"
    if not file.exists():
        if (folder / "pg").exists():
            raise Failure("cli.not_a_demo_folder", folder=folder)
        return _begun(folder)
    try:
        notes = msgspec.json.decode(file.read_bytes(), type=Notes)
    except msgspec.MsgspecError as broken:
        raise Failure("cli.demo_notes_broken", file=file, reason=broken) from broken
    if notes.loaded and not fresh:
        return notes
    _throw_away(folder)
    return _begun(folder)


def _throw_away(folder: Path) -> None:
    """Remove the demo's database, wherever the supervisor put it. The demo's lock is ours, so nobody uses it."""
    location = folder / "pg" / "LOCATION"
    if location.exists():
        shutil.rmtree(location.read_text().strip(), ignore_errors=True)
    shutil.rmtree(folder / "pg", ignore_errors=True)


def _begun(folder: Path) -> Notes:
    notes = Notes({name: secrets.token_urlsafe(9) for name in (history.OPERATOR, history.ADMIN)})
    _save(folder, notes)
    return notes


def _save(folder: Path, notes: Notes) -> None:
    draft = folder / "demo.json.new"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(notes)))
    draft.replace(folder / "demo.json")
