"""The three request signatures of the SMS providers, as pure functions (reference §5.5, §5.8)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def percent(text: str) -> str:
    """RFC 3986: everything but letters, digits and -_.~ is encoded."""
    return quote(text, safe="-_.~")


def canonical_query(pairs: Iterable[tuple[str, str]]) -> str:
    """Sorted by name, then value, and encoded. Takes decoded pairs, so a client's own escaping does not matter."""
    return "&".join(f"{percent(k)}={percent(v)}" for k, v in sorted(pairs))


def rpc_string_to_sign(method: str, pairs: Iterable[tuple[str, str]]) -> str:
    """Aliyun RPC v1: the parameters without `Signature`."""
    kept = [(k, v) for k, v in pairs if k != "Signature"]
    return f"{method}&%2F&{percent(canonical_query(kept))}"


def rpc_signature(secret: str, string_to_sign: str) -> str:
    return base64.b64encode(hmac.digest(f"{secret}&".encode(), string_to_sign.encode(), "sha1")).decode()


def acs3_canonical_request(
    method: str,
    pairs: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    signed: Iterable[str],
    body_hash: str,
    path: str = "/",
) -> str:
    """Aliyun V3; the path of every RPC action is `/`."""
    names = list(signed)
    lines = "".join(f"{name}:{headers.get(name, '').strip()}\n" for name in names)
    return f"{method}\n{path}\n{canonical_query(pairs)}\n{lines}\n{';'.join(names)}\n{body_hash}"


def acs3_string_to_sign(canonical_request: str) -> str:
    return f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical_request.encode()).hexdigest()}"


def acs3_signature(secret: str, string_to_sign: str) -> str:
    return hmac.digest(secret.encode(), string_to_sign.encode(), "sha256").hex()


def tc3_canonical_request(headers: Mapping[str, str], signed: Iterable[str], body: bytes, path: str = "/") -> str:
    """Tencent TC3 for POST. Header values are trimmed and lower-cased."""
    names = list(signed)
    lines = "".join(f"{name}:{headers.get(name, '').strip().lower()}\n" for name in names)
    return f"POST\n{path}\n\n{lines}\n{';'.join(names)}\n{hashlib.sha256(body).hexdigest()}"


def tc3_signature(secret: str, *, timestamp: int, service: str, canonical_request: str) -> str:
    date = tc3_date(timestamp)
    hashed = hashlib.sha256(canonical_request.encode()).hexdigest()
    string_to_sign = f"TC3-HMAC-SHA256\n{timestamp}\n{date}/{service}/tc3_request\n{hashed}"
    key = f"TC3{secret}".encode()
    for part in (date, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, string_to_sign.encode(), "sha256").hex()


def tc3_date(timestamp: int) -> str:
    return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")


def same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
