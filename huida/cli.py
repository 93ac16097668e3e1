"""The command `huida`: names and options; what they do is in `huida.commands`.

A command loads what it runs and not what the others run: loading the whole product takes seconds on a small machine.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from huida.commands.screen import Failure, Screen
from huida.commands.signals import interrupt_on_endings
from huida.kernel.pgplace import EmbeddedPostgresError
from huida.settings import Settings, from_environment

cli = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Huida 会达: membership and member notices for merchants in the WeChat world. Settings: HUIDA_* variables.",
)

DataDir = Annotated[Path | None, typer.Option(help="where data is kept (HUIDA_DATA_DIR)")]


@contextmanager
def _ready(
    data_dir: Path | None = None, port: int | None = None, host: str | None = None
) -> Iterator[tuple[Settings, Screen]]:
    """Settings and screen; every expected failure ends the command with a sentence and exit code 1."""
    interrupt_on_endings()
    screen = Screen()
    try:
        try:
            settings = from_environment()
        except ValueError as wrong:
            raise Failure("cli.bad_setting", reason=wrong) from wrong
        given = {"data_dir": data_dir, "port": port, "host": host}
        yield replace(settings, **{key: value for key, value in given.items() if value is not None}), screen  # type: ignore[arg-type]
    except Failure as failure:
        screen.fail(failure)
        raise typer.Exit(1) from None
    except EmbeddedPostgresError as failure:
        screen.fail(Failure("cli.embedded_failed", reason=failure))
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        screen.say("cli.stopped")
        raise typer.Exit(0) from None


@cli.command()
def demo(
    play: Annotated[bool, typer.Option("--play/--no-play", help="play a purchase, so that a message is seen")] = True,
    exit_after_play: Annotated[bool, typer.Option(help="stop after the purchase was played (CI)")] = False,
    port: Annotated[int | None, typer.Option(help="port of the product")] = None,
    wesim_port: Annotated[int | None, typer.Option(help="port of the simulated WeChat")] = None,
    data_dir: DataDir = None,
    fresh: Annotated[bool, typer.Option(help="throw the demo's earlier data away")] = False,
) -> None:
    """Everything at once: database, product, worker, simulated WeChat, a tea shop with three months of business."""
    from huida.commands import demo as demos

    with _ready(port=port) as (settings, screen):
        settings = replace(settings, wesim_port=wesim_port or settings.wesim_port)
        options = demos.Options(data_dir=data_dir, fresh=fresh, play=play, exit_after_play=exit_after_play)
        demos.demo(settings, screen, options)


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="address to listen on (HUIDA_HOST)")] = None,
    port: Annotated[int | None, typer.Option(help="port to listen on (HUIDA_PORT)")] = None,
    with_worker: Annotated[bool, typer.Option(help="run a worker in the same process")] = False,
    data_dir: DataDir = None,
) -> None:
    """Serve the console, the open API, the member centre and the callbacks."""
    from huida.commands import serving

    with _ready(data_dir, port, host) as (settings, screen):
        serving.serve(settings, screen, with_worker=with_worker)


@cli.command()
def worker(
    metrics_port: Annotated[int | None, typer.Option(help="serve this worker's figures for Prometheus")] = None,
    data_dir: DataDir = None,
) -> None:
    """Do the work that requests leave behind: messages, reminders, reports. Any number may run."""
    from huida.commands import serving

    with _ready(data_dir) as (settings, screen):
        serving.work(settings, screen, metrics_port=metrics_port)


@cli.command()
def migrate(data_dir: DataDir = None) -> None:
    """Bring the database to this version's schema; the first time, make the operator's login. Safe to run again."""
    from huida.commands import database
    from huida.commands.first_login import announced

    with _ready(data_dir) as (settings, screen), database.opened(settings, screen) as place:
        database.brought_up(place.settings, screen)
        screen.say("cli.migrated", revision=database.newest())
        announced(place.settings, screen)


@cli.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="print the findings as JSON")] = False,
    data_dir: DataDir = None,
) -> None:
    """Check everything that must hold: schema, money, queue, keys, accounts. Exit code 1 when something is wrong."""
    from huida.commands import doctor as doctors

    with _ready(data_dir) as (settings, screen):
        doctors.doctor(settings, screen, as_json=as_json)


@cli.command()
def rescue(
    login: Annotated[str, typer.Argument(help="the operator's login")] = "operator", data_dir: DataDir = None
) -> None:
    """Let an operator in again who forgot the password or lost the authenticator: shows a password that works once."""
    from huida.commands import database
    from huida.commands.first_login import rescued

    with _ready(data_dir) as (settings, screen), database.opened(settings, screen) as place:
        database.must_be_current(place.settings)
        rescued(place.settings, screen, login)


@cli.command()
def backup(
    file: Annotated[Path, typer.Argument(help="the file to write; must not exist")],
    with_key: Annotated[bool, typer.Option(help="write the master key beside it (FILE.key)")] = False,
    data_dir: DataDir = None,
) -> None:
    """Write the whole database into one file. The master key is not in it."""
    from huida.commands import backup as backups

    with _ready(data_dir) as (settings, screen):
        backups.backup(settings, screen, file=file, with_key=with_key)
        screen.say("cli.backed_up", file=file, mib=f"{file.stat().st_size / (1 << 20):.1f}")


@cli.command()
def restore(
    file: Annotated[Path, typer.Argument(help="a file that `huida backup` wrote")],
    force: Annotated[bool, typer.Option(help="replace what is in the database")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    unsigned: Annotated[
        bool, typer.Option("--unsigned", help="take a file that nobody signed: only one that you made yourself")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Put a backup back: all of it or nothing. Refuses a database that is in use or not empty."""
    from huida.commands import backup as backups

    with _ready(data_dir) as (settings, screen):
        ask = (lambda _question: True) if yes else (lambda question: typer.confirm(question, default=False, err=True))
        backups.restore(settings, screen, file=file, force=force, unsigned=unsigned, confirmed=ask)


@cli.command()
def simulator(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int | None, typer.Option(help="port to listen on (HUIDA_WESIM_PORT)")] = None,
) -> None:
    """Serve the simulated WeChat and SMS; the same as `wesim serve`."""
    from huida.commands import bench as benches

    with _ready() as (settings, _):
        benches.simulator(host, port or settings.wesim_port)


@cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def bench(context: typer.Context, name: Annotated[str, typer.Argument(help="pipeline, ledger, ingest, …")]) -> None:
    """Run one of the benchmarks in bench/; its options follow the name."""
    from huida.commands import bench as benches

    with _ready():
        code = benches.bench(name, context.args)
    raise typer.Exit(code)


def main() -> None:
    cli()
