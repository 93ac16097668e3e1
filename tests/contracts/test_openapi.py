"""The API document of the repository is the API; HUIDA_REGENERATE=1 writes it anew. Its answers are typed, and tell no secret."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from huida import main
from huida.modules.connections.models import APP_MOVES, KINDS
from huida.modules.coupons.models import COUPON_MOVES, TEMPLATE_MOVES
from huida.modules.members.models import MEMBER_MOVES
from huida.modules.messaging.catalogue import SCENARIOS
from huida.modules.messaging.models import DELIVERY_MOVES
from huida.modules.messaging.templates import PROPOSAL_MOVES
from huida.modules.sms.models import SIGNATURE_MOVES
from huida.modules.tenants.models import ROLES
from huida.providers.wechat.callbacks import Mode
from huida.settings import Settings

SNAPSHOT = Path(__file__).resolve().parents[2] / "docs/api/openapi.json"
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
OURS = ("/api/console", "/api/operator", "/api/member", "/api/v1")

FREE = {
    "AuditEntry.payload": "what a fact holds depends on its kind",
    "TimelineEntry.payload": "what a fact holds depends on its kind",
    "Receipt.items[]": "lines of a receipt are as the till sent them",
}
"""The only parts of answers without an exact type."""

TOLD = {
    "Me.csrf_token": "to who has the session",
    "TotpOffer.secret": "to its owner, before it is confirmed",
    "NewApiKey.key": "once, when it is made",
    "CallbackSettings.token": "to who manages connections: it is typed into WeChat's console",
    "CallbackSettings.aes_key": "to who manages connections: it is typed into WeChat's console",
    "MemberSession.token": "to the member who logs in",
    "OneTimePassword.password": "to the operator, once: it opens the door together with a new one (U-06)",
    "PayAccount.public_key_id": "the name of a public key",
    "SmsAccount.key_id": "a name, not the secret",
    "SmsAccount.report_url": "to operators: it is typed into the provider's console",
    "WechatIdentity.openid": "to who may see members",
    "WechatIdentity.unionid": "to who may see members",
    "CreditAccount.openid": "to who may see messages",
    "MessageBody.touser": "to who may see messages",
}
"""The only keys, tokens and accounts that answers tell, and to whom."""
SECRET = re.compile(
    r"(^|_)(sealed|hash|hashes|password|secret|token|key|keys|openid|unionid|touser|report_url|csrf)(_|$)"
)
NAMES_OF_FIELDS = {"PreviewField.key", "TemplateField.key", "Variable.key", "LibraryKeywordView.key"}


def api() -> FastAPI:
    """The application, built without any database to connect to."""
    settings = Settings(database_url=NOWHERE, migrate_url=NOWHERE, master_key="11" * 32)
    app: Any = main.build(settings).api()
    while not isinstance(app, FastAPI):
        app = app.app
    return app


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return dict(json.loads(json.dumps(api().openapi(), ensure_ascii=False)))


@pytest.fixture(scope="module")
def schemas(document: dict[str, Any]) -> dict[str, Any]:
    return dict(document["components"]["schemas"])


def answers(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(door, schema) of everything that our doors answer with when all is well."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if not path.startswith(OURS):
                continue
            for status, answer in operation["responses"].items():
                if status.startswith("2") and status != "204":
                    door = f"{method} {path} {status}"
                    content = answer.get("content", {})
                    assert content, f"{door} says nothing of its answer"
                    for media in content.values():
                        yield door, media.get("schema", {})


def parts(
    schema: dict[str, Any], place: str, schemas: dict[str, Any], seen: frozenset[str] = frozenset()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every part of a schema with its place (`Component.field`), through references."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        if name not in seen:
            yield from parts(schemas[name], name, schemas, seen | {name})
        return
    yield place, schema
    for choice in schema.get("anyOf", []) + schema.get("oneOf", []) + schema.get("allOf", []):
        yield from parts(choice, place, schemas, seen)
    for field, kind in schema.get("properties", {}).items():
        yield from parts(kind, f"{place}.{field}", schemas, seen)
    if "items" in schema:
        yield from parts(schema["items"], f"{place}[]", schemas, seen)
    if isinstance(schema.get("additionalProperties"), dict):
        yield from parts(schema["additionalProperties"], f"{place}.*", schemas, seen)


def is_free(schema: dict[str, Any]) -> bool:
    """Whether anything at all could stand here."""
    if schema.get("type") == "object":
        return not schema.get("properties") and not isinstance(schema.get("additionalProperties"), dict)
    if schema.get("type") == "array":
        return "items" not in schema
    return not schema.keys() & {"type", "enum", "const", "anyOf", "oneOf", "allOf"}


def test_the_document_is_up_to_date(document: dict[str, Any]) -> None:
    if os.environ.get("HUIDA_REGENERATE"):
        SNAPSHOT.parent.mkdir(parents=True, exist_ok=True)
        SNAPSHOT.write_text(json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")
    known = json.loads(SNAPSHOT.read_text("utf-8"))
    assert sorted(document["paths"]) == sorted(known["paths"])
    assert document == known, "run with HUIDA_REGENERATE=1 and look at the difference"


def test_every_operation_has_its_own_name(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))


def test_every_answer_has_an_exact_type(document: dict[str, Any], schemas: dict[str, Any]) -> None:
    free = {
        place: door
        for door, schema in answers(document)
        for place, part in parts(schema, door, schemas)
        if is_free(part)
    }
    assert sorted(free) == sorted(FREE), free


def test_answers_tell_no_secret_but_to_whom_it_belongs(document: dict[str, Any], schemas: dict[str, Any]) -> None:
    told = {
        place
        for door, schema in answers(document)
        for place, _ in parts(schema, door, schemas)
        if SECRET.search(place.rpartition(".")[2].removesuffix("[]"))
    }
    assert sorted(told - NAMES_OF_FIELDS) == sorted(TOLD)


def test_schemas_have_short_names_of_their_own(schemas: dict[str, Any]) -> None:
    assert [name for name in schemas if "__" in name] == []


def test_every_tag_is_described(document: dict[str, Any]) -> None:
    used = {tag for path in document["paths"].values() for operation in path.values() for tag in operation["tags"]}
    described = {tag["name"]: tag["description"] for tag in document["tags"]}
    assert used == described.keys()
    assert all(described.values())


def states(moves: Any) -> set[str]:
    """Every state of a state table."""
    return set(moves).union(*moves.values())


@pytest.mark.parametrize(
    ("schema", "field", "values"),
    [
        ("StaffMember", "role", set(ROLES)),
        ("App", "kind", set(KINDS)),
        ("App", "state", states(APP_MOVES)),
        ("App", "callback_mode", {mode.value for mode in Mode}),
        ("Member", "state", states(MEMBER_MOVES)),
        ("Coupon", "state", states(COUPON_MOVES)),
        ("CouponTemplate", "state", states(TEMPLATE_MOVES)),
        ("SmsSignature", "state", states(SIGNATURE_MOVES) - {"none"}),
        ("TemplateProposal", "state", states(PROPOSAL_MOVES)),
        ("Delivery", "state", states(DELIVERY_MOVES)),
        ("TraceStep", "decision", states(DELIVERY_MOVES) | {"not_told", "merged", "waiting"}),
        ("Variable", "type", {variable.type for scenario in SCENARIOS for variable in scenario.variables}),
    ],
)
def test_closed_sets_are_those_of_the_state_tables(
    schemas: dict[str, Any], schema: str, field: str, values: set[str]
) -> None:
    assert set(schemas[schema]["properties"][field]["enum"]) == values
