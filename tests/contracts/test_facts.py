"""Facts are public: what is written in tests/contracts/facts.json stays. HUIDA_REGENERATE=1 adds what is new."""

import importlib
import json
import os
import pkgutil
from pathlib import Path
from typing import Any

import msgspec

import huida.modules
from huida.kernel.facts import Fact

SNAPSHOT = Path(__file__).with_name("facts.json")


def all_facts() -> dict[str, type[Fact]]:
    for module in pkgutil.iter_modules(huida.modules.__path__):
        importlib.import_module(f"huida.modules.{module.name}")
    found: dict[str, type[Fact]] = {}
    waiting = list(Fact.__subclasses__())
    while waiting:
        fact = waiting.pop()
        waiting += fact.__subclasses__()
        if fact.kind and fact.__module__.startswith("huida."):
            assert fact.kind not in found, f"two facts are called {fact.kind}"
            found[fact.kind] = fact
    return dict(sorted(found.items()))


def shape(fact: type[Fact]) -> dict[str, Any]:
    """The fact's fields with their types, and which of them an old payload may lack."""
    fields = msgspec.structs.fields(fact)
    return {
        "fields": {field.name: str(field.type).replace("typing.", "") for field in fields},
        "required": sorted(field.name for field in fields if field.required),
    }


def test_facts_only_grow() -> None:
    now = {kind: shape(fact) for kind, fact in all_facts().items()}
    known = json.loads(SNAPSHOT.read_text("utf-8")) if SNAPSHOT.exists() else {}
    gone = sorted(known.keys() - now.keys())
    assert gone == []
    for kind, was in known.items():
        fields = now[kind]["fields"]
        assert {name: fields.get(name) for name in was["fields"]} == was["fields"], kind
        assert set(now[kind]["required"]) <= set(was["required"]), f"{kind}: an old payload could not be read"
    if os.environ.get("HUIDA_REGENERATE"):
        SNAPSHOT.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", "utf-8")
        known = now
    assert now == known, "new facts or fields: run with HUIDA_REGENERATE=1"


def test_facts_are_named_by_their_subject_in_the_past_tense() -> None:
    for kind in all_facts():
        subject, _, event = kind.partition(".")
        assert subject.isidentifier() and event.isidentifier(), kind


def test_no_fact_carries_a_secret_or_a_phone() -> None:
    secret = ("secret", "token", "phone", "password", "aes")
    named = [
        f"{kind}.{name}"
        for kind, fact in all_facts().items()
        for name in fact.__struct_fields__
        if any(word in name for word in secret)
    ]
    assert named == []
