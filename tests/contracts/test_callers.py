"""Whole kinds of callers' mistakes, at every door that could make them: wrong tenant, unknown ids, wrong types."""

import re
from typing import Any
from uuid import uuid4

import pytest

from tests.asgi import Client
from tests.contracts.test_isolation import ANY_STAFF, PUBLIC, counts, doors, filled
from tests.contracts.test_openapi import api
from tests.fuzz.callers import Callers

pytestmark = pytest.mark.slow


# --------------------------------------------------------- the platform is no shop
async def test_an_operators_login_opens_no_door_of_a_merchant(world: Any) -> None:
    callers = await Callers.of(world)
    async with world.db.read(0) as tx:
        before = await tx.value("SELECT count(*) FROM members WHERE tenant_id = 0")
    opened = []
    for method, path, route in doors():
        if route is None or not path.startswith("/api/console/") or (method, path) in PUBLIC | ANY_STAFF:
            continue
        reply = await callers.operator.request(method, filled(path), None if method == "GET" else {})
        if reply.status != 403 or reply.json()["code"] != "auth.forbidden":
            opened.append((method, path, reply.status))
    assert opened == []
    named = await callers.operator.post("/api/console/members", {"name": "谁"})
    assert named.refusal == (403, "auth.forbidden")
    async with world.db.read(0) as tx:
        assert await tx.value("SELECT count(*) FROM members WHERE tenant_id = 0") == before


# ------------------------------------------------- what is not there, is not there
NAMES_NOT_THINGS = ("/api/console/messaging/library/{tid}/keywords",)
"""The place names something at WeChat, which answers for it."""


async def test_every_list_and_thing_of_an_unknown_id_is_not_found(world: Any) -> None:
    callers = await Callers.of(world)
    found = {}
    for method, path, route in doors():
        if method != "GET" or "{" not in path or path in NAMES_NOT_THINGS or path.startswith(("/callbacks", "/s/")):
            continue
        assert route is not None
        url = filled(path.replace("{number}", "3").replace("{merchant_id}", str(callers.known["merchant_id"])))
        url = url.replace(str(callers.known["merchant_id"]), "999999999") if path.endswith("{merchant_id}") else url
        url = re.sub(r"/mall/pictures/[^/]+/", f"/mall/pictures/{callers.known['merchant_id']}/", url)
        if path.endswith(("{merchant_id}/code-limits", "{merchant_id}/admins")):
            url = path.replace("{merchant_id}", "999999999")
        reply = await callers.one_for(path).request("GET", url)
        if reply.status != 404:
            found[path] = (reply.status, reply.text[:120])
    # Its channel is asked for by name first.
    assert found.keys() == {
        "/api/console/messaging/scenarios/{scenario}/channels/{channel}/remap",
        # A coupon's code has a check digit: one that nobody can have is said to be mistyped.
        "/api/console/coupons/codes/{code}",
        "/api/v1/coupons/{code}",
    }, found


# ------------------------------------------------------ a member is somebody
@pytest.mark.parametrize("body", [{}, {"name": " "}, {"birthday": "1990-01-01"}, {"store": "S01"}])
async def test_a_member_without_anything_is_refused(world: Any, body: dict[str, Any]) -> None:
    callers = await Callers.of(world)
    before = await counts(callers.shop)
    for client, path in ((callers.staff, "/api/console/members"), (callers.key, "/api/v1/members")):
        refused = await client.post(path, body)
        assert (refused.refusal, refused.json()["where"]) == ((422, "member.nobody"), "name")
    assert await counts(callers.shop) == before
    for number, some in enumerate(({"name": "林"}, {"phone": "13900000077"}, {"card_no": "778899"})):
        made = await (callers.key if number % 2 else callers.staff).post(
            "/api/v1/members" if number % 2 else "/api/console/members", some
        )
        assert made.status == 201, made.text


# -------------------------------------------- R-12, I-01: types and names in every body
def bodies() -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, schema) of every JSON body of the API, with references followed."""
    document = api().openapi()
    schemas = document["components"]["schemas"]

    def whole(schema: dict[str, Any]) -> dict[str, Any]:
        if "$ref" in schema:
            return whole(schemas[schema["$ref"].rsplit("/", 1)[1]])
        made = dict(schema)
        if "properties" in made:
            made["properties"] = {name: whole(part) for name, part in made["properties"].items()}
        if isinstance(made.get("items"), dict):
            made["items"] = whole(made["items"])
        if "anyOf" in made:
            made["anyOf"] = [whole(part) for part in made["anyOf"]]
        if isinstance(made.get("additionalProperties"), dict):
            made["additionalProperties"] = whole(made["additionalProperties"])
        return made

    found = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            media = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if media is not None:
                found.append((method.upper(), path, whole(media["schema"])))
    return found


SAMPLES = {"^[0-9]{6": "123456", "^pages/[": "pages/home"}
"""By how their pattern begins."""
TIME = "2026-11-21T10:00:00+08:00"


def sample(schema: dict[str, Any]) -> Any:
    """Something that this schema takes."""
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            return sample(choice)
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "object" if "properties" in schema:
            return {name: TIME if name.endswith("_at") else sample(part) for name, part in schema["properties"].items()}
        case "object":
            values = schema.get("additionalProperties")
            return {"x": sample(values)} if isinstance(values, dict) else {}
        case "array":
            return [sample(schema["items"])]
        case "integer":
            return int(max(schema.get("minimum", 1), schema.get("exclusiveMinimum", 0) + 1))
        case "boolean":
            return True
        case _:
            formats = {"uuid": str(uuid4()), "date": "2026-11-21", "date-time": TIME}
            text = formats.get(schema.get("format", ""), "1" * max(1, schema.get("minLength", 1)))
            return SAMPLES.get(schema.get("pattern", "")[:8], text)


def places(schema: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
    """(place, type) of every number and truth value in a body."""
    found = []
    for choice in schema.get("anyOf", ()):
        found += places(choice, path)
    if schema.get("type") in ("integer", "boolean", "number"):
        found.append((path, schema["type"]))
    for name, part in schema.get("properties", {}).items():
        found += places(part, (*path, name))
    if isinstance(schema.get("items"), dict):
        found += places(schema["items"], (*path, "0"))
    if isinstance(schema.get("additionalProperties"), dict):
        found += places(schema["additionalProperties"], (*path, "x"))
    return found


def put_at(body: Any, path: tuple[str, ...], value: Any) -> Any:
    """The body with this value at this place."""
    if not path:
        return value
    head, *rest = path
    if isinstance(body, list):
        return [put_at(body[0], tuple(rest), value)]
    return body | {head: put_at(body[head], tuple(rest), value)}


WRONG = {"integer": (True, False, "7", 7.0, 7.5, None, [7]), "boolean": (1, 0, "true", "on", None)}


def test_there_are_numbers_to_try() -> None:
    assert sum(len(places(schema)) for _, _, schema in bodies()) > 60


async def test_a_number_is_a_number_in_every_body(world: Any) -> None:
    callers = await Callers.of(world)
    before = await counts(callers.shop)
    taken = []
    for method, path, schema in bodies():
        good = sample(schema)
        for place, kind in places(schema):
            optional = [p for p, k in places(schema) if p == place] and _may_be_null(schema, place)
            for wrong in WRONG[kind]:
                if wrong is None and optional:
                    continue
                reply = await send(callers, method, path, put_at(good, place, wrong))
                where = "/".join(place)
                if reply.status != (200 if path.endswith("/batch") else 422) or not _named(reply.json(), where):
                    taken.append((method, path, where, wrong, reply.status, reply.text[:200]))
    assert taken == []
    assert await counts(callers.shop) == before


def _may_be_null(schema: dict[str, Any], place: tuple[str, ...]) -> bool:
    if not place:
        return any(choice.get("type") == "null" for choice in schema.get("anyOf", ()))
    for choice in (schema, *schema.get("anyOf", ())):
        head, *rest = place
        if head in choice.get("properties", {}):
            return _may_be_null(choice["properties"][head], tuple(rest))
        if head == "0" and isinstance(choice.get("items"), dict):
            return _may_be_null(choice["items"], tuple(rest))
        if head == "x" and isinstance(choice.get("additionalProperties"), dict):
            return _may_be_null(choice["additionalProperties"], tuple(rest))
    return False


def _named(problem: dict[str, Any], where: str) -> bool:
    """Whether the refusal names the field; a row of a batch is answered in its own place."""
    if "results" in problem:
        return f"purchases/0/{problem['results'][0]['error']['where']}" == where
    return bool(problem.get("where") == where)


async def send(callers: Callers, method: str, path: str, body: Any) -> Any:
    known = {k: v for k, v in callers.known.items() if "{" + k + "}" in path}
    if "template_id" in known and "/templates/{template_id}/remove" not in path:
        known["template_id"] = callers.known["coupon_template"]
    url = filled(path.replace("{merchant_id}", str(callers.known["merchant_id"])), **known)
    headers = None if path.endswith("/batch") else {"Idempotency-Key": uuid4().hex}
    client: Client = callers.one_for(path)
    return await client.request(method, url, body, headers=headers)


async def test_an_unknown_field_is_refused_by_name_in_every_body(world: Any) -> None:
    callers = await Callers.of(world)
    before = await counts(callers.shop)
    taken = []
    for method, path, schema in bodies():
        if "properties" not in schema:
            schema = next((one for one in schema.get("anyOf", ()) if "properties" in one), schema)
        body = sample(schema) | {"balance": 100}
        reply = await send(callers, method, path, body)
        if reply.status != 422 or reply.json().get("where") != "balance":
            taken.append((method, path, reply.status, reply.text[:200]))
    assert taken == []
    assert await counts(callers.shop) == before
