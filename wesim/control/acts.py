"""Control calls in which a person does something."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec
from starlette.requests import Request
from starlette.routing import BaseRoute

from wesim import acts
from wesim.control.edge import Wrong, read, route, the_app, the_person, the_user
from wesim.mini.popup import CHOICES, change_setting, request_subscribe, settings_of
from wesim.oa.web import mint_code
from wesim.world import Qr, World


class Who(msgspec.Struct, forbid_unknown_fields=True):
    person: str
    app: str


class Follow(Who):
    scene: str = "ADD_SCENE_SEARCH"


class Scan(msgspec.Struct, forbid_unknown_fields=True):
    person: str
    content: str  # ticket, showqrcode URL, the URL inside the QR, a mini-program link or its token


class Say(Who):
    text: str


class Press(Who):
    key: str


class Open(Who):
    page: str = ""
    scene: str = ""


class OauthCode(Who):
    scope: Literal["snsapi_base", "snsapi_userinfo"] = "snsapi_base"


class Subscribe(Who):
    templates: list[str]
    choices: dict[str, str] | str = "accept"  # accept | reject | ban | always | always_accept | always_reject


class Setting(Who):
    template: str = ""
    status: Literal["accept", "reject", ""] = ""
    main_switch: bool | None = None
    blocks_messages: bool | None = None


class Tap(msgspec.Struct, forbid_unknown_fields=True):
    person: str
    message: int


class Read(msgspec.Struct, forbid_unknown_fields=True):
    person: str
    chat: str = ""  # services, an appid, sms; empty: everything


def routes(world: World) -> list[BaseRoute]:
    async def follow(request: Request) -> Any:
        body = await read(request, Follow)
        app, user = the_user(world, body.app, body.person)
        acts.follow(world, app, user, scene=body.scene)
        return {"openid": user.openid}

    async def unfollow(request: Request) -> Any:
        body = await read(request, Who)
        app, user = the_user(world, body.app, body.person)
        acts.unfollow(world, app, user)
        return {"openid": user.openid}

    async def scan(request: Request) -> Any:
        body = await read(request, Scan)
        person = the_person(world, body.person)
        qr = _find_qr(world, body.content)
        if qr is not None:
            app, user = the_user(world, qr.app, person.id)
            return {"event": acts.scan(world, app, user, qr), "openid": user.openid, "app": app.id}
        link = world.short_links.get(_link_token(body.content))
        if link is None or (link["expires"] is not None and world.clock.now() >= link["expires"]):
            raise Wrong("nothing known under this code", status=404)
        app, user = the_user(world, link["app"], person.id)
        page = f"{link['page']}?{link['query']}" if link["query"] else link["page"]
        return {"openid": user.openid, **acts.open_mini(world, app, user, page=page, scene=link["scene"])}

    async def say(request: Request) -> Any:
        body = await read(request, Say)
        app, user = the_user(world, body.app, body.person)
        return acts.say(world, app, user, body.text)

    async def press(request: Request) -> Any:
        body = await read(request, Press)
        app, user = the_user(world, body.app, body.person)
        button = acts.click_menu(world, app, user, body.key)
        if button is None:
            raise Wrong("no such button", status=404)
        return {"button": button}

    async def open_mini(request: Request) -> Any:
        body = await read(request, Open)
        app, user = the_user(world, body.app, body.person)
        if app.kind != "mini":
            raise Wrong("not a mini program")
        return {"openid": user.openid, **acts.open_mini(world, app, user, page=body.page, scene=body.scene)}

    async def phone_code(request: Request) -> Any:
        body = await read(request, Who)
        app, user = the_user(world, body.app, body.person)
        return {"code": mint_code(world, kind="phone", app=app.id, person=user.person)}

    async def oauth_code(request: Request) -> Any:
        body = await read(request, OauthCode)
        app, user = the_user(world, body.app, body.person)
        return {"code": mint_code(world, kind="oauth", app=app.id, person=user.person, scope=body.scope)}

    async def subscribe(request: Request) -> Any:
        body = await read(request, Subscribe)
        app, user = the_user(world, body.app, body.person)
        wanted = body.choices
        given = dict.fromkeys(body.templates, wanted) if isinstance(wanted, str) else wanted
        choices = {t: "always_accept" if c == "always" else c for t, c in given.items()}
        if set(choices.values()) - {*CHOICES, "ban"}:
            raise Wrong("choices: accept, reject, ban, always, always_accept or always_reject")
        return request_subscribe(world, app, user, templates=body.templates, choices=choices)

    async def setting(request: Request) -> Any:
        body = await read(request, Setting)
        app, user = the_user(world, body.app, body.person)
        if body.main_switch is not None:
            user.main_switch = body.main_switch
        if body.blocks_messages is not None:
            user.blocks_messages = body.blocks_messages
        if body.template and body.status:
            if body.template not in app.templates:
                raise Wrong("no such template", status=404)
            change_setting(world, app, user, template=body.template, status=body.status)
        return settings_of(user)

    async def tap(request: Request) -> Any:
        body = await read(request, Tap)
        message = acts.tap(world, the_person(world, body.person).id, body.message)
        if message is None:
            raise Wrong("no such message on this phone", status=404)
        return {"message": message, "jump": message.jump}

    async def read_all(request: Request) -> Any:
        body = await read(request, Read)
        person, read_ids = the_person(world, body.person), []
        for message in person.inbox:
            chat = {"sms": "sms", "subscribe": "services"}.get(message.kind, message.app)
            if not message.read and body.chat in ("", chat):
                message.read = True
                read_ids.append(message.id)
        if read_ids:
            world.bus.publish("read", at=world.clock.now(), person=person.id, body={"ids": read_ids})
        return {"read": len(read_ids)}

    async def user_of(request: Request) -> Any:
        app = the_app(world, request.path_params["appid"])
        person = the_person(world, request.path_params["person"])
        user = world.user(app, person.id)
        return {**msgspec.to_builtins(user), "unionid": world.unionid(app, person.id)}

    return [
        route("/follow", follow, method="POST"),
        route("/unfollow", unfollow, method="POST"),
        route("/scan", scan, method="POST"),
        route("/say", say, method="POST"),
        route("/press", press, method="POST"),
        route("/open", open_mini, method="POST"),
        route("/phone-code", phone_code, method="POST"),
        route("/oauth-code", oauth_code, method="POST"),
        route("/subscribe", subscribe, method="POST"),
        route("/setting", setting, method="POST"),
        route("/tap", tap, method="POST"),
        route("/read", read_all, method="POST"),
        route("/apps/{appid}/users/{person}", user_of, method="GET"),
    ]


def _find_qr(world: World, content: str) -> Qr | None:
    ticket = parse_qs(urlsplit(content).query).get("ticket", [content])[0]
    return world.qrs.get(ticket) or next((q for q in world.qrs.values() if q.url == content), None)


def _link_token(content: str) -> str:
    asked = parse_qs(urlsplit(content).query).get("t")
    return asked[0] if asked else content.rsplit("/", 1)[-1]
