"""The command `wesim`."""

from __future__ import annotations

from typing import Annotated

import typer
import uvicorn

from wesim.app import create_app
from wesim.seed import seeded_world

cli = typer.Typer(add_completion=False, help="A simulator of WeChat (and SMS) for people who build for WeChat.")


@cli.callback()
def _root() -> None:
    """Keeps `serve` a sub-command."""


@cli.command()
def serve(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port to listen on")] = 8900,
) -> None:
    """Serve the simulated hosts, the control plane (/_sim) and the phone page (/)."""
    typer.echo(f"wesim on http://{host}:{port}/ (control plane: /_sim, see wesim/README.md)")
    uvicorn.run(
        create_app(seeded_world()),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=1,  # pages that watch /_sim/events never hang up by themselves
    )


def main() -> None:
    cli()
