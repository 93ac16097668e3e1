"""Control calls that arrange the world: apps, persons, callbacks, faults, clock, settings."""

from __future__ import annotations

import secrets
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.routing import BaseRoute

from wesim.control.edge import Wrong, number, read, route, the_app
from wesim.faults import Fault
from wesim.oa.template import template_id
from wesim.state import App, AppKind, Callback, PrivateTemplate
from wesim.world import World


class NewApp(msgspec.Struct, forbid_unknown_fields=True):
    kind: AppKind
    name: str
    appid: str = ""
    secret: str = ""
    original_id: str = ""
    open_platform: str = ""
    categories: list[int] | None = None


class AppChange(msgspec.Struct, forbid_unknown_fields=True):
    name: str | None = None
    secret: str | None = None
    ip_whitelist: list[str] | None = None
    linked: list[str] | None = None
    pages: list[str] | None = None
    h5: str | None = None
    oauth_domains: list[str] | None = None
    categories: list[int] | None = None
    daily_limits: dict[str, int] | None = None
    subscribe_banned: bool | None = None
    industry: list[str] | None = None


class CallbackChange(msgspec.Struct, forbid_unknown_fields=True):
    url: str | None = None
    token: str | None = None
    aes_key: str | None = None
    mode: Literal["plain", "compatible", "safe"] | None = None
    format: Literal["xml", "json"] | None = None
    verify: bool = False


class TemplateChange(msgspec.Struct, forbid_unknown_fields=True):
    """`keywords`: names out of its library entry, in order: as if WeChat had changed the template."""

    state: Literal["normal", "restricted", "banned"] | None = None
    keywords: list[str] | None = None


class NewPerson(msgspec.Struct, forbid_unknown_fields=True):
    name: str = ""
    phone: str = ""
    id: str = ""
    count: int = 0  # > 0: that many persons p00001… at once
    first_phone: int = 13900000001
    prefix: str = "p"
    follow: list[str] = []  # appids followed silently (no event) by the new persons
    open: list[str] = []  # mini programs whose openid shall exist


class ClockChange(msgspec.Struct, forbid_unknown_fields=True):
    set: float | None = None
    advance: float | None = None
    freeze: bool | None = None


def _apply(target: Any, change: msgspec.Struct) -> None:
    for name in change.__struct_fields__:
        value = getattr(change, name)
        if value is not None and hasattr(target, name):
            setattr(target, name, value)


def routes(world: World) -> list[BaseRoute]:
    async def add_app(request: Request) -> Any:
        body = await read(request, NewApp)
        appid = body.appid or "wx" + secrets.token_hex(8)
        if appid in world.apps:
            raise Wrong(f"app {appid} exists")
        app = App(
            appid,
            body.secret or secrets.token_hex(16),
            body.name,
            body.kind,
            body.original_id or "gh_" + appid[-12:],
            body.open_platform,
            categories=list(world.categories) if body.categories is None else body.categories,
        )
        world.apps[appid] = app
        return {"appid": appid, "secret": app.secret, "original_id": app.original_id}

    async def change_app(request: Request) -> Any:
        app = the_app(world, request.path_params["appid"])
        change = await read(request, AppChange)
        if change.h5 and not change.h5.startswith(("http://", "https://")):
            raise Wrong("h5: http or https")
        _apply(app, change)
        return {"ok": True}

    async def set_callback(request: Request) -> Any:
        app = the_app(world, request.path_params["appid"])
        change = await read(request, CallbackChange)
        wanted = msgspec.structs.replace(app.callback)
        _apply(wanted, change)
        _check_callback(wanted)
        app.callback = wanted
        return {"ok": True, "verified": await world.pusher.verify(app) if change.verify and wanted.url else None}

    async def verify(request: Request) -> Any:
        return {"verified": await world.pusher.verify(the_app(world, request.path_params["appid"]))}

    async def change_template(request: Request) -> Any:
        app = the_app(world, request.path_params["appid"])
        template = app.templates.get(request.path_params["template"])
        if template is None:
            raise Wrong("no such template", status=404)
        change = await read(request, TemplateChange)
        if change.state is not None:
            template.state = change.state
        if change.keywords is not None:
            library = world.library_mini if app.kind == "mini" else world.library_oa
            by_name = {keyword.name: keyword for keyword in library[template.library_id].keywords}
            if not change.keywords or set(change.keywords) - set(by_name):
                raise Wrong("keywords: names out of its library entry")
            template.keywords = tuple(by_name[name] for name in change.keywords)
        return {"ok": True}

    async def remove_template(request: Request) -> Any:
        """As if the merchant had deleted it on WeChat's own pages."""
        app = the_app(world, request.path_params["appid"])
        if app.templates.pop(request.path_params["template"], None) is None:
            raise Wrong("no such template", status=404)
        return {"ok": True}

    async def add_historical(request: Request) -> Any:
        """Put a template of the industry library into the account, as if added before 2023."""
        app = the_app(world, request.path_params["appid"])
        entry = world.library_oa.get(request.path_params["short"])
        if entry is None or not entry.historical:
            raise Wrong("no such historical template", status=404)
        return {"template_id": install_historical(app, entry.id, entry.title, world)}

    async def add_person(request: Request) -> Any:
        body = await read(request, NewPerson)
        if body.count > 0:
            return {"persons": _add_many(world, body)}
        person_id = body.id or f"{body.prefix}{len(world.persons) + 1:05d}"
        if not body.name or person_id in world.persons or body.phone in world.person_by_phone:
            raise Wrong("name missing, or this id or phone is taken")
        world.add_person(person_id, name=body.name, phone=body.phone)
        _attach(world, person_id, body)
        return {"person": person_id}

    async def list_faults(request: Request) -> Any:
        return {"faults": world.faults.items}

    async def add_fault(request: Request) -> Any:
        return world.faults.add(await read(request, Fault))

    async def clear_faults(request: Request) -> Any:
        world.faults.clear()
        return {"ok": True}

    async def remove_fault(request: Request) -> Any:
        return {"ok": world.faults.remove(int(request.path_params["id"]))}

    async def show_clock(request: Request) -> Any:
        return {"now": world.clock.now(), "frozen": world.clock.frozen}

    async def change_clock(request: Request) -> Any:
        body = await read(request, ClockChange)
        if body.freeze is not None:
            (world.clock.freeze if body.freeze else world.clock.run)()
        if body.set is not None:
            world.clock.set(body.set)
        if body.advance is not None:
            world.clock.advance(body.advance)
        return await show_clock(request)

    async def show_settings(request: Request) -> Any:
        return world.settings

    async def change_settings(request: Request) -> Any:
        given = msgspec.json.decode(await request.body() or b"{}")
        try:
            merged = msgspec.convert({**msgspec.to_builtins(world.settings), **given}, type(world.settings))
        except (msgspec.ValidationError, TypeError) as e:
            raise Wrong(str(e)) from None
        unknown = set(given) - set(world.settings.__struct_fields__)
        if unknown:
            raise Wrong(f"unknown settings: {', '.join(sorted(unknown))}")
        _apply(world.settings, merged)
        return world.settings

    async def reset(request: Request) -> Any:
        world.reset()
        return {"ok": True}

    async def settle(request: Request) -> Any:
        await world.settle()
        return {"ok": True}

    async def persons(request: Request) -> Any:
        start, limit = number(request, "offset", 0), number(request, "limit", 100)
        rows = list(world.persons.values())[start : start + limit]
        return {
            "total": len(world.persons),
            "persons": [{"id": p.id, "name": p.name, "phone": p.phone, "received": p.received} for p in rows],
        }

    return [
        route("/apps", add_app, method="POST"),
        route("/apps/{appid}", change_app, method="POST"),
        route("/apps/{appid}/callback", set_callback, method="POST"),
        route("/apps/{appid}/verify", verify, method="POST"),
        route("/apps/{appid}/historical/{short}", add_historical, method="POST"),
        route("/apps/{appid}/templates/{template}", change_template, method="POST"),
        route("/apps/{appid}/templates/{template}", remove_template, method="DELETE"),
        route("/persons", persons, method="GET"),
        route("/persons", add_person, method="POST"),
        route("/faults", list_faults, method="GET"),
        route("/faults", add_fault, method="POST"),
        route("/faults", clear_faults, method="DELETE"),
        route("/faults/{id:int}", remove_fault, method="DELETE"),
        route("/clock", show_clock, method="GET"),
        route("/clock", change_clock, method="POST"),
        route("/settings", show_settings, method="GET"),
        route("/settings", change_settings, method="POST"),
        route("/reset", reset, method="POST"),
        route("/settle", settle, method="POST"),
    ]


def install_historical(app: App, short: str, title: str, world: World) -> str:
    new_id = template_id(app.id, short)
    keywords = world.library_oa[short].keywords
    app.templates[new_id] = PrivateTemplate(new_id, short, title, keywords, "historical", industry=("消费品", "消费品"))
    return new_id


def _check_callback(callback: Callback) -> None:
    """Token 3 to 32 letters or digits, AES key 43 characters (reference §1.2)."""
    if callback.url and not (3 <= len(callback.token) <= 32 and callback.token.isalnum()):
        raise Wrong("token: 3 to 32 letters or digits")
    if callback.mode != "plain" and len(callback.aes_key) != 43:
        raise Wrong("aes_key: 43 characters")


def _add_many(world: World, body: NewPerson) -> list[str]:
    added: list[str] = []
    n, phone = len(world.persons), body.first_phone
    while len(added) < body.count:
        n += 1
        person_id = f"{body.prefix}{n:05d}"
        if person_id in world.persons:
            continue
        while str(phone) in world.person_by_phone:
            phone += 1
        world.add_person(person_id, name=body.name or f"顾客{n}", phone=str(phone))
        _attach(world, person_id, body)
        added.append(person_id)
    return added


def _attach(world: World, person_id: str, body: NewPerson) -> None:
    for appid in body.follow:
        user = world.user(the_app(world, appid), person_id)
        user.following, user.subscribe_time = True, world.clock.now_s()
        user.subscribe_scene = "ADD_SCENE_SEARCH"
    for appid in body.open:
        world.user(the_app(world, appid), person_id)
