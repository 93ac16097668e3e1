"""Request signatures of Aliyun and Tencent Cloud (reference: wechat-pay-and-sms §5.5, §5.8)."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote


def encode(text: str) -> str:
    """Percent-encoding of RFC 3986."""
    return quote(text, safe="~")


def canonical_query(params: Mapping[str, str]) -> str:
    """Encoded and sorted by name."""
    return "&".join(f"{encode(name)}={encode(params[name])}" for name in sorted(params))


def rpc_v1_signature(params: Mapping[str, str], *, secret: str, method: str) -> str:
    """Aliyun's older RPC signature over all parameters except `Signature`."""
    to_sign = f"{method}&%2F&{encode(canonical_query(params))}"
    return base64.b64encode(hmac.digest(f"{secret}&".encode(), to_sign.encode(), "sha1")).decode()


def acs3_canonical(*, method: str, query: str, headers: Mapping[str, str], body_hash: str) -> tuple[str, str]:
    """The canonical request and its list of signed headers; `headers` have lower-case names."""
    names = sorted(headers)
    signed = ";".join(names)
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in names)
    return f"{method}\n/\n{query}\n{lines}\n{signed}\n{body_hash}", signed


def acs3_authorization(
    *, key_id: str, secret: str, method: str, query: str, headers: Mapping[str, str], body_hash: str
) -> str:
    """The `Authorization` of ACS3-HMAC-SHA256."""
    canonical, signed = acs3_canonical(method=method, query=query, headers=headers, body_hash=body_hash)
    to_sign = f"ACS3-HMAC-SHA256\n{sha256_hex(canonical.encode())}"
    signature = hmac.digest(secret.encode(), to_sign.encode(), "sha256").hex()
    return f"ACS3-HMAC-SHA256 Credential={key_id},SignedHeaders={signed},Signature={signature}"


def tc3_authorization(
    *, key_id: str, secret: str, service: str, headers: Mapping[str, str], body: bytes, timestamp: int
) -> str:
    """The `Authorization` of TC3-HMAC-SHA256 for a JSON POST; values of `headers` as they are to be signed."""
    names = sorted(headers)
    signed = ";".join(names)
    lines = "".join(f"{name}:{headers[name]}\n" for name in names)
    canonical = f"POST\n/\n\n{lines}\n{signed}\n{sha256_hex(body)}"
    day = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{service}/tc3_request"
    to_sign = f"TC3-HMAC-SHA256\n{timestamp}\n{scope}\n{sha256_hex(canonical.encode())}"
    key = hmac.digest(f"TC3{secret}".encode(), day.encode(), "sha256")
    key = hmac.digest(key, service.encode(), "sha256")
    key = hmac.digest(key, b"tc3_request", "sha256")
    signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
    return f"TC3-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={signed}, Signature={signature}"


def sha256_hex(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
