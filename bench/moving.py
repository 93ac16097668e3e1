"""A shop moves in with 20,000 members and balances while others work: 50 logins a minute and tills that report in batches.

One server with its worker; aims: logins under a second at p95, nothing fails, the balance agrees to the fen.
"""

import argparse
import asyncio
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import msgspec
import uvloop
from pyreqwest.client import Client, ClientBuilder

from bench import shop
from bench.common import KEY, Child, database, free_port, machine, wait_for_port
from huida.kernel.clock import SystemClock
from huida.kernel.db import Database
from huida.kernel.secrets import Sealer
from huida.modules import tenants

AIM_MS = 1000
LOGINS_A_MINUTE = 50
PASSWORD = "moving in 2026 bench"
HUIDA = ("-c", "from huida.cli import main; main()")
EDGE = "----bench"


@dataclass
class Seen:
    """What came of the load: milliseconds of each login, and everything that was not as it should be."""

    logins: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    """Of before the import began: what the machine does anyway."""
    failures: list[str] = field(default_factory=list)
    batches: int = 0


def p95(took: list[float]) -> float:
    """Milliseconds within which nineteen of twenty were answered."""
    return statistics.quantiles(took, n=20)[18] if len(took) > 1 else max(took, default=0.0)


def table(lines: int) -> bytes:
    """The file: new members, each with points, principal, gift and a tag."""
    rows = (
        f"M{number:08d},会员{number},139{number:08d},1990-05-07,{number % 500},{number % 300}.5,{number % 7},老客 搬家"
        for number in range(lines)
    )
    return ("卡号,姓名,手机号,生日,积分,储值余额,赠金,标签\n" + "\n".join(rows)).encode()


async def call(client: Client, url: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], Any]:
    request = client.post(url) if body is not None else client.get(url)
    for name, value in headers.items():
        request = request.header(name.replace("_", "-"), value)
    answer = await (request.body_bytes(body) if body is not None else request).build().send()
    cookie = answer.get_header("set-cookie") or ""
    raw = bytes(await answer.bytes())
    return answer.status, {"cookie": cookie.partition(";")[0]}, msgspec.json.decode(raw) if raw[:1] in b"{[" else raw


async def log_in(client: Client, base: str, login: str) -> tuple[float, int, dict[str, str]]:
    """(milliseconds, status, what later calls need)"""
    began = time.perf_counter()
    body = msgspec.json.encode({"login": login, "password": PASSWORD, "totp": ""})
    status, cookies, answer = await call(client, f"{base}/api/console/login", body, content_type="application/json")
    took = (time.perf_counter() - began) * 1000
    return took, status, {**cookies, "x_csrf_token": answer.get("csrf_token", "") if status == 200 else ""}


async def logins(client: Client, base: str, names: list[str], seen: Seen, over: asyncio.Event) -> None:
    for number in range(10**6):
        if over.is_set():
            return
        took, status, _ = await log_in(client, base, names[number % len(names)])
        seen.logins.append(took)
        if status != 200:
            seen.failures.append(f"login {status}")
        await asyncio.sleep(max(0.0, 60 / LOGINS_A_MINUTE - took / 1000))


async def till(client: Client, base: str, key: str, people: int, seen: Seen, over: asyncio.Event) -> None:
    """A batch of 500 purchases every two seconds."""
    for number in range(10**6):
        if over.is_set():
            return
        rows = [
            {"store": "S01", "till_no": f"B{number}-{n}", "card_no": f"6{n % people:09d}", "total_fen": 2500}
            for n in range(500)
        ]
        body = msgspec.json.encode({"purchases": rows})
        status, _, answer = await call(client, f"{base}/api/v1/purchases/batch", body, authorization=f"Bearer {key}")
        seen.batches += 1
        if status != 200 or any(row["status"] != "recorded" for row in answer["results"]):
            seen.failures.append(f"batch {status}")
        await asyncio.sleep(2)


async def move_in(client: Client, base: str, login: str, lines: int) -> dict[str, Any]:
    """Upload, start, and wait until it is done; returns the import, with the seconds of both parts."""
    _, status, session = await log_in(client, base, login)
    assert status == 200
    form = f'--{EDGE}\r\nContent-Disposition: form-data; name="file"; filename="members.csv"\r\n\r\n'.encode()
    began = time.perf_counter()
    status, _, made = await call(
        client,
        f"{base}/api/console/imports?kind=members",
        form + table(lines) + f"\r\n--{EDGE}--\r\n".encode(),
        content_type=f"multipart/form-data; boundary={EDGE}",
        **session,
    )
    assert status == 201, made
    understood_s = time.perf_counter() - began
    at = f"{base}/api/console/imports/{made['id']}"
    began = time.perf_counter()
    status, _, answer = await call(client, f"{at}/start", b"{}", content_type="application/json", **session)
    assert status == 202, answer
    while made["state"] != "done":
        await asyncio.sleep(0.5)
        _, _, made = await call(client, at, **session)
    return {**made, "understood_s": understood_s, "carried_out_s": time.perf_counter() - began}


async def load(base: str, names: list[str], key: str, people: int, lines: int, seconds: float) -> tuple[Any, Seen]:
    """The import beside logins and tills, for so many seconds at least."""
    client, seen, over = ClientBuilder().build(), Seen(), asyncio.Event()
    beside = [
        asyncio.create_task(logins(client, base, names[1:], seen, over)),
        asyncio.create_task(till(client, base, key, people, seen, over)),
    ]
    await asyncio.sleep(min(20.0, seconds / 2))
    seen.alone, seen.logins = seen.logins, []
    until = time.perf_counter() + seconds
    done = await move_in(client, base, names[0], lines)
    await asyncio.sleep(max(0.0, until - time.perf_counter()))
    over.set()
    await asyncio.gather(*beside)
    return done, seen


async def staff_of(url: str, tenant_id: int, number: int) -> list[str]:
    """Administrators who log in, with passwords as dear as in real life."""
    db = Database(url, clock=SystemClock(), sealer=Sealer(bytes.fromhex(KEY)))
    names = [f"bench{place}" for place in range(number)]
    password_hash = await tenants.hashed(PASSWORD, login="bench")
    async with db.tx(tenant_id) as tx:
        for name in names:
            await tenants.create_staff(tx, login=name, name=name, role="store_admin", password_hash=password_hash)
    await db.close()
    return names


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--people", type=int, default=1000)
    options = parser.parse_args(arguments)
    print(f"moving in: {options.lines:,} lines beside {LOGINS_A_MINUTE} logins a minute and a till; {machine()}")
    with ExitStack() as stack:
        server = stack.enter_context(database())
        url, port = server.url_for("huida_app"), free_port()
        tenant_id, key = asyncio.run(shop.open_shop(url, KEY, options.people, 0))
        names = asyncio.run(staff_of(url, tenant_id, 12))
        environment = {
            "HUIDA_DATABASE_URL": url,
            "HUIDA_MASTER_KEY": KEY,
            "HUIDA_PORT": str(port),
            "HUIDA_LOG_LEVEL": "warning",
        }
        child = stack.enter_context(Child([*HUIDA, "serve", "--with-worker"], environment))
        wait_for_port(port, child)
        done, seen = uvloop.run(
            load(f"http://127.0.0.1:{port}", names, key, options.people, options.lines, options.seconds)
        )
    agrees = all(one["balanced"] and one["booked"] == one["in_file"] for one in done["balance"])
    print(
        f"understood in {done['understood_s']:.1f} s, carried out in {done['carried_out_s']:.1f} s; "
        f"{len(seen.logins)} logins, median {statistics.median(seen.logins):.0f} ms, p95 {p95(seen.logins):.0f} ms "
        f"(before it: {p95(seen.alone):.0f} ms); {seen.batches} batches; failures: {seen.failures or 'none'}; "
        f"balance {'agrees' if agrees else 'DIFFERS'}"
    )
    if seen.failures or p95(seen.logins) > AIM_MS or not agrees or done["counts"]["created"] != options.lines:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
