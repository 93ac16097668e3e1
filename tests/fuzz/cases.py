"""Requests made up from the API document by Schemathesis: right ones and wrong ones, the same ones each time.

They are made first and sent afterwards: making them needs no server, and sending them is asynchronous.
"""

import json
import os
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urlencode

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.core import NotSet
from schemathesis.generation import GenerationMode

LONG = bool(os.environ.get("HUIDA_LONG"))
SEED = int(os.environ.get("HUIDA_FUZZ_SEED", "20261121"))
EACH = 16 if LONG else 2
"""Requests of each kind, right and wrong, for each operation."""


@dataclass(frozen=True)
class Made:
    """A request; `path` still has its places, and `places` what was made up for them."""

    method: str
    path: str
    places: dict[str, Any]
    query: dict[str, Any]
    headers: dict[str, str]
    body: bytes
    kind: str

    def url(self, known: dict[str, Any]) -> str:
        """The address, with what is `known` in its places."""
        path = self.path
        for name, value in (self.places | known).items():
            path = path.replace(f"{{{name}}}", quote(str(value), safe="") or "%20")
        return path + ("?" + urlencode(self.query, doseq=True, errors="replace") if self.query else "")


def made_up(document: dict[str, Any]) -> list[Made]:
    """Requests for every operation of the document, in its order."""
    schema = schemathesis.openapi.from_dict(document)
    made: list[Made] = []
    for result in schema.get_all_operations():
        operation = result.ok()
        made += _of(operation, GenerationMode.POSITIVE)
        if can_be_wrong(document["paths"][operation.path][operation.method]):
            made += _of(operation, GenerationMode.NEGATIVE)
    return made


def can_be_wrong(operation: dict[str, Any]) -> bool:
    """Whether anything of a request could be wrong: an address of texts alone cannot, and looking for it takes long."""
    asked = operation.get("parameters", ())
    return "requestBody" in operation or any(
        one["in"] == "query" or one["schema"].keys() & {"format", "enum", "minimum", "pattern"} for one in asked
    )


def _of(operation: Any, mode: Any) -> list[Made]:
    found: list[Made] = []

    @seed(SEED)
    @settings(
        max_examples=EACH,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def collect(case: Any) -> None:
        found.append(_made(case, mode.value))

    try:
        collect()
    except Exception as error:  # nothing can be wrong about an operation that takes nothing
        if type(error).__name__ not in ("Unsatisfiable", "SkipTest"):
            raise
    return found


def _made(case: Any, mode: str) -> Made:
    headers = {str(k).lower(): str(v) for k, v in (case.headers or {}).items()}
    body, kind = b"", case.media_type or ""
    if not isinstance(case.body, NotSet):
        if kind == "multipart/form-data":
            body, kind = _form(case.body)
        else:
            body = _json(case.body)
        headers["content-type"] = kind or "application/json"
    return Made(
        case.method.upper(),
        case.path,
        {name: unquote(str(value)) for name, value in (case.path_parameters or {}).items()},
        dict(case.query or {}),
        headers,
        body,
        mode,
    )


def _json(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return json.dumps(value, default=str).encode()


def _form(value: Any) -> tuple[bytes, str]:
    edge = "----huida"
    parts = []
    for name, content in value.items() if isinstance(value, dict) else ():
        for one in content if isinstance(content, list) else [content]:
            raw = one if isinstance(one, bytes) else str(one).encode("utf-8", "replace")
            file = f'; filename="{name}"' if name in ("file", "files") else ""
            head = f'--{edge}\r\ncontent-disposition: form-data; name="{quote(str(name))}"{file}\r\n\r\n'
            parts.append(head.encode() + raw + b"\r\n")
    return b"".join(parts) + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"
