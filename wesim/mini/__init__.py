"""Mini programs at api.weixin.qq.com."""

from wesim.mini import links, session, subscribe, templates
from wesim.routing import Route
from wesim.world import World


def routes(world: World) -> list[Route]:
    return [route for module in (session, templates, subscribe, links) for route in module.ROUTES]
