"""Signed calls to the simulated SMS providers, in process."""

from __future__ import annotations

import hashlib
import json
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from wesim.app import create_app
from wesim.seed import seeded_world
from wesim.sms import catalogue, signing
from wesim.sms.account import Sms, sms_of

ALIYUN_HOST, TENCENT_HOST = "dysmsapi.aliyuncs.com", "sms.tencentcloudapi.com"
NOON = 1795233600.0  # 2026-11-21 12:00:00 in China
PHONE = "13800000001"  # 林小满


class SmsSim:
    """A frozen world at noon, a merchant that keeps what is pushed to it, and signed calls."""

    def __init__(self) -> None:
        self.pushed: list[tuple[str, Any]] = []
        self.answers: list[tuple[int, bytes]] = []
        self.world = seeded_world(poster=self._poster)
        self.app = create_app(self.world)
        self.world.clock.freeze()
        self.world.clock.set(NOON)

    @property
    def sms(self) -> Sms:
        return sms_of(self.world)

    async def _poster(
        self, method: str, url: str, headers: dict[str, str], body: bytes, timeout_s: float
    ) -> tuple[int, bytes]:
        self.pushed.append((url, json.loads(body)))
        return self.answers.pop(0) if self.answers else (200, b'{"code":0,"msg":"ok","result":0}')

    async def http(
        self, method: str, path: str, *, query: str = "", headers: dict[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, bytes]:
        raw = [(k.encode(), v.encode()) for k, v in (headers or {"host": "sim.test"}).items()]
        scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": raw}
        scope |= {"client": ("127.0.0.1", 1), "scheme": "http", "root_path": "", "http_version": "1.1"}
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:])

    async def control(self, path: str, body: Any = None) -> Any:
        method = "GET" if body is None else "POST"
        _status, answer = await self.http(method, f"/_sim/sms{path}", body=json.dumps(body).encode() if body else b"")
        return json.loads(answer)

    async def aliyun(self, action: str, **params: str) -> tuple[int, dict[str, Any]]:
        """One ACS3 call, correctly signed unless a keyword of `acs3` says otherwise."""
        status, body = await self.http(**self.acs3(action, params))
        return status, json.loads(body)

    def acs3(self, action: str, params: dict[str, str], **changed: Any) -> dict[str, Any]:
        headers = {
            "host": ALIYUN_HOST,
            "x-acs-action": action,
            "x-acs-version": "2017-05-25",
            "x-acs-date": changed.get("date", self.stamp()),
            "x-acs-signature-nonce": changed.get("nonce", uuid.uuid4().hex),
            "x-acs-content-sha256": hashlib.sha256(b"").hexdigest(),
        }
        signed = sorted(changed.get("signed", headers))
        canonical = signing.acs3_canonical_request(
            "POST", params.items(), headers, signed, headers["x-acs-content-sha256"], changed.get("signs", "/")
        )
        secret = changed.get("secret", catalogue.ALIYUN_KEY_SECRET)
        signature = signing.acs3_signature(secret, signing.acs3_string_to_sign(canonical))
        key = changed.get("key", catalogue.ALIYUN_KEY_ID)
        headers["authorization"] = (
            f"ACS3-HMAC-SHA256 Credential={key},SignedHeaders={';'.join(signed)},Signature={signature}"
        )
        return {"method": "POST", "path": changed.get("under", "/"), "query": urlencode(params), "headers": headers}

    async def send(
        self, code: str = "SMS_100000002", values: dict[str, str] | None = None, **params: str
    ) -> dict[str, Any]:
        values = {"p1": "0001", "p2": "11-21 12:00", "code": "a8Kd"} if values is None else values
        asked = {
            "PhoneNumbers": PHONE,
            "SignName": "会达小店",
            "TemplateCode": code,
            "TemplateParam": json.dumps(values),
        }
        status, body = await self.aliyun("SendSms", **{**asked, **params})
        assert status == 200
        return body

    def stamp(self, offset_s: float = 0) -> str:
        return datetime.fromtimestamp(self.world.clock.now() + offset_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def inbox(self, person: str = "linxiaoman") -> list[Any]:
        return list(self.world.persons[person].inbox)

    async def tencent(self, action: str, body: dict[str, Any], **changed: Any) -> dict[str, Any]:
        raw = json.dumps(body, ensure_ascii=False).encode()
        stamp = int(changed.get("stamp", self.world.clock.now()))
        headers = {
            "host": TENCENT_HOST,
            "content-type": "application/json",
            "x-tc-action": action,
            "x-tc-version": changed.get("version", "2021-01-11"),
            "x-tc-region": "ap-guangzhou",
            "x-tc-timestamp": str(stamp),
        }
        canonical = signing.tc3_canonical_request(headers, ["content-type", "host"], raw, changed.get("signs", "/"))
        secret = changed.get("secret", catalogue.TENCENT_SECRET_KEY)
        signature = signing.tc3_signature(secret, timestamp=stamp, service="sms", canonical_request=canonical)
        key = changed.get("key", catalogue.TENCENT_SECRET_ID)
        headers["authorization"] = (
            f"TC3-HMAC-SHA256 Credential={key}/{signing.tc3_date(stamp)}/sms/tc3_request, "
            f"SignedHeaders=content-type;host, Signature={signature}"
        )
        status, answer = await self.http("POST", changed.get("under", "/"), headers=headers, body=raw)
        assert status == 200
        found: dict[str, Any] = json.loads(answer)["Response"]
        return found
