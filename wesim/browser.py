"""The browser hosts: open.weixin.qq.com (web authorisation) and mp.weixin.qq.com (QR images)."""

from __future__ import annotations

from wesim.routing import Route
from wesim.world import World


def open_routes(world: World) -> list[Route]:
    return []


def mp_routes(world: World) -> list[Route]:
    return []
