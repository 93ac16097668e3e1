"""Mini programs at api.weixin.qq.com."""

from wesim.routing import Route
from wesim.world import World


def routes(world: World) -> list[Route]:
    return []
