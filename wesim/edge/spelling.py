"""Header names as WeChat Pay writes them. ASGI has lower-case names only, and servers write those; some SDKs know no other case."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

NAMES = (
    b"Wechatpay-Timestamp",
    b"Wechatpay-Nonce",
    b"Wechatpay-Signature",
    b"Wechatpay-Serial",
    b"Wechatpay-Signature-Type",
    b"Request-ID",
)
_SPELLED = {name.lower(): name for name in NAMES}


class _Transport:
    """The server's transport for one answer, whose first bytes are its head."""

    def __init__(self, transport: Any) -> None:
        self._transport, self._head = transport, True

    def write(self, data: bytes) -> None:
        if self._head:
            self._head = False
            head, gap, body = bytes(data).partition(b"\r\n\r\n")
            for lower, name in _SPELLED.items():
                head = head.replace(b"\r\n" + lower + b":", b"\r\n" + name + b":")
            data = head + gap + body
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def spell(send: Any, headers: Iterable[tuple[bytes, bytes]]) -> None:
    """Have the server write the names of these headers as the platform does; in process they stay as ASGI has them."""
    exchange = getattr(send, "__self__", None)
    transport = getattr(exchange, "transport", None)
    if exchange is not None and transport is not None and any(name in _SPELLED for name, _ in headers):
        exchange.transport = _Transport(transport)
