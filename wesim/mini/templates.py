"""Subscribe template management (reference §3.2)."""

from __future__ import annotations

from typing import Any

from wesim.oa.template import template_id
from wesim.routing import Answer, Call, Route, WxError, is_whole
from wesim.state import Keyword, LibraryTemplate, PrivateTemplate
from wesim.world import World

LIMIT_MAX = 30
SCENE_MAX = 15
OK = {"errcode": 0, "errmsg": "ok"}


async def categories(world: World, call: Call) -> Answer:
    rows = [{"id": c, "name": world.categories[c]} for c in call.account.categories]
    return {**OK, "data": rows}


async def titles(world: World, call: Call) -> Answer:
    ids = call.query.get("ids", "")
    if not ids:
        raise WxError(200018, "ids missing")
    wanted = ids.split(",")
    if any(not is_whole(w) or int(w) not in call.account.categories for w in wanted):
        raise WxError(200019, "invalid ids")
    start, limit = call.query.get("start", ""), call.query.get("limit", "")
    if not is_whole(start):
        raise WxError(200016, "invalid start")
    if not is_whole(limit) or not 1 <= int(limit) <= LIMIT_MAX:
        raise WxError(200017, "invalid limit")
    found = [t for t in world.library_mini.values() if str(t.category) in wanted]
    page = found[int(start) : int(start) + int(limit)]
    rows = [{"tid": int(t.id), "title": t.title, "type": t.type, "categoryId": str(t.category)} for t in page]
    return {**OK, "count": len(found), "data": rows}


async def keywords(world: World, call: Call) -> Answer:
    entry = _entry(world, call, call.query.get("tid", ""))
    rows = [{"kid": k.kid, "name": k.name, "example": k.example, "rule": k.rule} for k in entry.keywords]
    return {**OK, "count": len(rows), "data": rows}


async def add(world: World, call: Call) -> Answer:
    """kidList: 2 to 5 keywords in display order; the same title and keywords twice is 200022."""
    body, app = call.json(), call.account
    entry = _entry(world, call, str(body.get("tid", "")))
    chosen = _chosen(entry, body.get("kidList"))
    scene = body.get("sceneDesc")
    if not isinstance(scene, str) or not 1 <= len(scene) <= SCENE_MAX:
        raise WxError(200021, "invalid sceneDesc")
    for existing in app.templates.values():
        if existing.library_id == entry.id and set(existing.keywords) == set(chosen):
            raise WxError(200022, "the same template already exists")
    if len(app.templates) >= world.settings.private_templates_max:
        raise WxError(200012, "private template num exceeds limit")
    new_id = template_id(app.id, entry.id, *(str(k.kid) for k in chosen))
    if entry.type == 3:
        app.templates[new_id] = PrivateTemplate(new_id, entry.id, entry.title, chosen, "long_term", scene)
    else:
        app.templates[new_id] = PrivateTemplate(new_id, entry.id, entry.title, chosen, "one_time", scene)
    return {**OK, "priTmplId": new_id}


def _entry(world: World, call: Call, tid: str) -> LibraryTemplate:
    entry = world.library_mini.get(tid)
    if entry is None or entry.category not in call.account.categories:
        raise WxError(200014, "invalid tid")
    return entry


def _chosen(entry: LibraryTemplate, wanted: Any) -> tuple[Keyword, ...]:
    by_kid = {k.kid: k for k in entry.keywords}
    if (
        not isinstance(wanted, list)
        or not 2 <= len(wanted) <= 5
        or any(not isinstance(w, int) or w not in by_kid for w in wanted)
        or len(set(wanted)) < len(wanted)
    ):
        raise WxError(200020, "invalid kidList")
    return tuple(by_kid[w] for w in wanted)


async def listing(world: World, call: Call) -> Answer:
    return {**OK, "data": [_shown(t) for t in call.account.templates.values()]}


def _shown(template: PrivateTemplate) -> dict[str, Any]:
    enums = [
        {"keywordCode": f"{template.key(k)}.DATA", "enumValueList": list(k.enum)} for k in template.keywords if k.enum
    ]
    return {
        "priTmplId": template.id,
        "title": template.title,
        "content": template.content,
        "example": template.example,
        "type": 3 if template.kind == "long_term" else 2,
        **({"keywordEnumValueList": enums} if enums else {}),
    }


async def delete(world: World, call: Call) -> Answer:
    if call.account.templates.pop(str(call.json().get("priTmplId", "")), None) is None:
        raise WxError(200014, "invalid template id")
    return OK


ROUTES = [
    Route("GET", "/wxaapi/newtmpl/getcategory", categories, token=True, kind="mini"),
    Route("GET", "/wxaapi/newtmpl/getpubtemplatetitles", titles, token=True, kind="mini"),
    Route("GET", "/wxaapi/newtmpl/getpubtemplatekeywords", keywords, token=True, kind="mini"),
    Route("POST", "/wxaapi/newtmpl/addtemplate", add, token=True, kind="mini"),
    Route("GET", "/wxaapi/newtmpl/gettemplate", listing, token=True, kind="mini"),
    Route("POST", "/wxaapi/newtmpl/deltemplate", delete, token=True, kind="mini"),
]
