"""Media: temporary ones of three days, pictures for articles, permanent material (reference §1.11 and §1.3 of its additions)."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from typing import Any

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import Response

from wesim.routing import Answer, Call, Route, WxError
from wesim.state import App, MediaKind, Medium
from wesim.world import World

FIRST_BYTES: dict[
    str, tuple[tuple[int, bytes, str], ...]
] = {  # kind: (offset, bytes, MIME type); by content is UNCONFIRMED
    "image": ((0, b"\x89PNG\r\n\x1a\n", "image/png"), (0, b"\xff\xd8\xff", "image/jpeg"), (0, b"GIF8", "image/gif")),
    "voice": (
        (0, b"#!AMR", "audio/amr"),
        (0, b"ID3", "audio/mp3"),
        (0, b"\xff\xfb", "audio/mp3"),
        (0, b"\xff\xf3", "audio/mp3"),
    ),
    "video": ((4, b"ftyp", "video/mp4"),),
    "thumb": ((0, b"\xff\xd8\xff", "image/jpeg"),),
    "uploadimg": ((0, b"\x89PNG\r\n\x1a\n", "image/png"), (0, b"\xff\xd8\xff", "image/jpeg")),
}
KINDS: dict[str, MediaKind] = {"image": "image", "voice": "voice", "video": "video", "thumb": "thumb"}
MATERIAL_PAGE_MAX = 20
KEPT_BYTES_MAX = 256 << 20  # the oldest go: memory stays bounded in long runs
OK = {"errcode": 0, "errmsg": "ok"}
BAD_ID = (40007, "invalid media_id")


def require_medium(world: World, app: App, media_id: Any, *kinds: MediaKind) -> Medium:
    """A live medium of this app and of one of these kinds. Raises WxError 40007."""
    found = world.media.get(media_id) if isinstance(media_id, str) else None
    if found is None or found.app != app.id or found.kind not in kinds:
        raise WxError(*BAD_ID)
    if found.expires is not None and world.clock.now() >= found.expires:
        raise WxError(*BAD_ID)
    return found


def require_material(world: World, app: App, media_id: Any, *kinds: MediaKind) -> Medium:
    """A permanent one. Raises WxError 40007."""
    found = require_medium(world, app, media_id, *kinds)
    if found.expires is not None:
        raise WxError(*BAD_ID)
    return found


async def upload(world: World, call: Call) -> Answer:
    """A medium that lives for three days."""
    kind, file = _kind(call), await _file(call)
    _check(world, kind, file)
    now = world.clock.now_s()
    made = _keep(world, call.account, kind, file, expires=now + world.settings.media_lifetime_s)
    name = "thumb_media_id" if kind == "thumb" else "media_id"
    return {"type": kind, name: made.id, "created_at": now}


async def get(world: World, call: Call) -> Answer:
    """The bytes; of a video the address of them, which is not served here."""
    if not call.query.get("media_id"):
        raise WxError(41006, "missing media_id")
    return _sent(require_medium(world, call.account, call.query["media_id"], *KINDS.values()), "video_url")


async def upload_image(world: World, call: Call) -> Answer:
    """A picture for articles and cards: an address, no id. It counts against nothing."""
    file = await _file(call)
    mime = _check(world, "uploadimg", file, wrong_type=(40137, "invalid image format"))
    return {"url": _picture_url(mime)}


async def add_material(world: World, call: Call) -> Answer:
    """A medium that stays until it is deleted."""
    kind, file = _kind(call), await _file(call)
    mime = _check(world, kind, file)
    made = _keep(world, call.account, kind, file, expires=None)
    return {"media_id": made.id, **({"url": _picture_url(mime)} if kind in ("image", "thumb") else {})}


async def get_material(world: World, call: Call) -> Answer:
    wanted = call.json().get("media_id")
    return _sent(require_material(world, call.account, wanted, *KINDS.values()), "down_url")


async def delete_material(world: World, call: Call) -> Answer:
    found = require_material(world, call.account, call.json().get("media_id"), *KINDS.values())
    del world.media[found.id]
    return OK


async def count_material(world: World, call: Call) -> Answer:
    kinds = [one.kind for one in world.media.values() if one.app == call.account.id and one.expires is None]
    counts = {f"{kind}_count": kinds.count(kind) for kind in ("voice", "video")}
    return {**counts, "image_count": kinds.count("image") + kinds.count("thumb"), "news_count": 0}


async def list_material(world: World, call: Call) -> Answer:
    body = call.json()
    kind, offset, count = body.get("type"), body.get("offset", 0), body.get("count")
    if kind not in ("image", "voice", "video", "news"):
        raise WxError(40004, "invalid media type")
    if not isinstance(offset, int) or not isinstance(count, int) or offset < 0 or not 1 <= count <= MATERIAL_PAGE_MAX:
        raise WxError(40097, "invalid args")
    kinds = ("image", "thumb") if kind == "image" else (kind,)
    found = [m for m in world.media.values() if m.app == call.account.id and m.expires is None and m.kind in kinds]
    page = [
        {"media_id": one.id, "name": one.name, "update_time": one.created} for one in found[offset : offset + count]
    ]
    return {"total_count": len(found), "item_count": len(page), "item": page}


def _kind(call: Call) -> MediaKind:
    kind = KINDS.get(call.query.get("type", ""))
    if kind is None:
        raise WxError(40004, "invalid media type")
    return kind


async def _file(call: Call) -> tuple[str, bytes]:
    """Name and content of the part `media`. Raises WxError 41005."""

    async def body() -> AsyncGenerator[bytes, None]:
        yield call.body

    try:
        form = await MultiPartParser(Headers(call.headers), body()).parse()
    except (MultiPartException, KeyError, AttributeError, UnicodeDecodeError):
        raise WxError(41005, "media data missing") from None
    part = form.get("media")
    content = await part.read() if isinstance(part, UploadFile) else b""
    if not isinstance(part, UploadFile) or not content:
        raise WxError(41005, "media data missing")
    return part.filename or "", content


def _check(
    world: World, kind: str, file: tuple[str, bytes], wrong_type: tuple[int, str] = (40005, "invalid file type")
) -> str:
    """The MIME type. Raises WxError 40006 or for a wrong type."""
    content = file[1]
    longest = world.settings.media_bytes_max.get(kind)
    if longest is not None and len(content) > longest:
        raise WxError(40006, "invalid meida size")  # their spelling
    for offset, first, mime in FIRST_BYTES[kind]:
        if content[offset : offset + len(first)] == first:
            return mime
    raise WxError(*wrong_type)


def _keep(world: World, app: App, kind: MediaKind, file: tuple[str, bytes], *, expires: float | None) -> Medium:
    name, content = file
    mime = next(mime for offset, first, mime in FIRST_BYTES[kind] if content[offset : offset + len(first)] == first)
    made = Medium(secrets.token_urlsafe(48), app.id, kind, name, mime, content, world.clock.now_s(), expires)
    world.media[made.id] = made
    while sum(len(one.content) for one in world.media.values()) > KEPT_BYTES_MAX:
        del world.media[next(iter(world.media))]
    return made


def _sent(found: Medium, address: str) -> Answer:
    if found.kind == "video":
        return {address: f"http://vweixinp.tc.qq.com/{found.id}.f10.mp4"}
    disposition = f'attachment; filename="{found.id}.{found.mime.rpartition("/")[2]}"'
    return Response(found.content, media_type=found.mime, headers={"content-disposition": disposition})


def _picture_url(mime: str) -> str:
    form = mime.rpartition("/")[2]
    return f"http://mmbiz.qpic.cn/mmbiz_{form}/{secrets.token_urlsafe(48)}/0?wx_fmt={form}"


ROUTES = [
    Route("POST", "/cgi-bin/media/upload", upload, token=True),
    Route("GET", "/cgi-bin/media/get", get, token=True),
    Route("POST", "/cgi-bin/media/uploadimg", upload_image, token=True, kind="service"),
    Route("POST", "/cgi-bin/material/add_material", add_material, token=True, kind="service"),
    Route("POST", "/cgi-bin/material/get_material", get_material, token=True, kind="service"),
    Route("POST", "/cgi-bin/material/del_material", delete_material, token=True, kind="service"),
    Route("GET", "/cgi-bin/material/get_materialcount", count_material, token=True, kind="service"),
    Route("POST", "/cgi-bin/material/batchget_material", list_material, token=True, kind="service"),
]
