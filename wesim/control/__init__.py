"""The control plane under /_sim (documented in README.md)."""

from __future__ import annotations

from starlette.routing import BaseRoute

from wesim.control import acts, setup, till, watch
from wesim.world import World


def control_routes(world: World) -> list[BaseRoute]:
    return [*setup.routes(world), *acts.routes(world), *watch.routes(world), *till.routes(world)]
