"""Official accounts (service accounts) at api.weixin.qq.com."""

from wesim.oa import media, menu, qr, service_message, template, token, user, web
from wesim.routing import Route
from wesim.world import World


def routes(world: World) -> list[Route]:
    modules = (token, user, template, media, menu, service_message, qr, web)
    return [route for module in modules for route in module.ROUTES]
