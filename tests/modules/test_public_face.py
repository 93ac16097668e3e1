"""What every answer of the public port says and does not say, and how quickly a suspended merchant is out."""

import asyncio
import re
import socket
from collections import Counter
from contextvars import Context
from dataclasses import replace
from urllib.request import urlopen

import pytest
from starlette.types import ASGIApp

from huida.commands.serving import figures
from huida.kernel.db import Database
from huida.main import System
from huida.modules.tenants import service
from tests import make
from tests.asgi import Client

ALWAYS = {"x-content-type-options": "nosniff", "referrer-policy": "same-origin"}
HSTS = {"strict-transport-security": "max-age=31536000"}
PATHS = ("/", "/console/", "/h5/", "/api/console/me", "/api/v1/members", "/healthz", "/nowhere", "/api/openapi.json")


@pytest.fixture
def behind_tls(system: System) -> ASGIApp:
    """The same server, reached by https."""
    return replace(system, settings=replace(system.settings, public_url="https://huida.test")).api()


@pytest.mark.parametrize("https", [False, True])
async def test_every_answer_has_each_security_header_once(app: ASGIApp, behind_tls: ASGIApp, https: bool) -> None:
    expected = ALWAYS | HSTS if https else ALWAYS
    for path in PATHS:
        for method in ("GET", "POST"):
            reply = await Client(behind_tls if https else app).request(method, path)
            counts = Counter(name for name, _ in reply.raw)
            assert {name: reply.headers.get(name) for name in ALWAYS | HSTS if counts[name]} == expected, path
            once = ("content-security-policy", "x-request-id", "cache-control", "content-type", *expected)
            assert [name for name in once if counts[name] > 1] == [], path


async def test_behind_tls_cookies_belong_to_this_host_alone(behind_tls: ASGIApp, db: Database, tenant: int) -> None:
    person = await make.staff(db, tenant)
    client = await make.logged_in(Client(behind_tls), person)
    reply = await client.log_in(person.login, make.PASSWORD)
    session, device = reply.all("set-cookie")
    assert re.fullmatch(
        r"__Host-huida_session=hs_[\w-]+; HttpOnly; Max-Age=43200; Path=/; SameSite=lax; Secure", session
    )
    assert re.fullmatch(
        rf"__Host-huida_device_{person.id.hex}=[0-9a-f.]+; HttpOnly; Max-Age=15552000; Path=/; SameSite=lax; Secure",
        device,
    )
    assert (await client.get("/api/console/me")).status == 200
    # a cookie that another host of the domain could have set opens nothing
    plain = Client(behind_tls, cookies={"huida_session": client.cookies["__Host-huida_session"]})
    assert (await plain.get("/api/console/me")).refusal == (401, "auth.required")
    # the device is known, and logging out takes the session back
    for _ in range(5):
        await Client(behind_tls, address=client.address).log_in(person.login, "wrong password")
    assert (await client.log_in(person.login, make.PASSWORD)).status == 200
    [ended] = (await client.post("/api/console/logout")).all("set-cookie")
    assert ended.startswith('__Host-huida_session=""; ') and ended.endswith("; Secure")


async def test_figures_are_not_on_the_public_port_but_on_their_own(app: ASGIApp) -> None:
    assert (await Client(app).get("/metrics")).status == 404
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = figures("127.0.0.1", port, option="HUIDA_METRICS_PORT")
    try:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:  # noqa: S310, ASYNC210
            assert b"huida_http_requests_total" in answer.read()
    finally:
        server.shutdown()
        server.server_close()


async def test_a_suspended_merchants_keys_and_sessions_stop_at_once(app: ASGIApp, db: Database, tenant: int) -> None:
    """R-20: in this process with the commit; another one asks the database at most five seconds later."""
    operator = await make.logged_in(Client(app), await make.operator(db))
    staff = await make.logged_in(Client(app), await make.staff(db, tenant))
    key = Client(app, headers={"authorization": f"Bearer {await make.key(db, tenant)}"})
    at = f"/api/operator/merchants/{tenant}"
    row = {"store": "S01", "till_no": "T-1", "card_no": "60880001", "total_fen": 100}

    async def doors() -> list[int]:
        replies = [await key.get("/api/v1/members", card_no="x"), await key.post("/api/v1/purchases", row)]
        return [reply.status for reply in (*replies, await staff.get("/api/console/stores"))]

    assert await doors() == [200, 404, 200]
    assert (await operator.post(f"{at}/suspend")).status == 204
    assert await doors() == [401, 401, 401]
    assert (await operator.post(f"{at}/resume")).status == 204
    assert await doors() == [200, 404, 200]
    # a call that came while the suspension was being written keeps nothing for later
    async with db.tx(tenant) as tx:
        await service.suspend_merchant(tx)
        meanwhile = asyncio.create_task(doors(), context=Context())
        assert await meanwhile == [200, 404, 200]
    assert await doors() == [401, 401, 401]


async def test_one_subscriber_is_one_whichever_address_they_take(app: ASGIApp) -> None:
    """R-10: a /64 has as many addresses as anybody wants; what is limited in this process counts it as one."""
    body = {"app_id": "wx00000000000000ff", "code": "c"}

    async def log_in(address: str) -> int:
        return (await Client(app, address=address).post("/api/member/login", body)).status

    replies = Counter([await log_in(f"2001:db8:77:1::{number:x}") for number in range(130)])
    assert replies[404] < 125 and replies[429] > 0 and replies.total() == 130
    assert await log_in("2001:db8:77:2::1") == 404
