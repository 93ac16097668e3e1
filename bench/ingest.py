"""Single purchases a second with p99, through the open API, against a bare ASGI handler that only inserts.

Both are one process behind the same client and the same PostgreSQL; the product's answer means that points have moved, the
fact is recorded and the jobs are written.
"""

import argparse
import asyncio
import statistics
import time
from contextlib import ExitStack

import msgspec
import uvloop
from pyreqwest.client import ClientBuilder

from bench import shop
from bench.common import KEY, Child, database, free_port, machine, spread, wait_for_port

HUIDA = ("-c", "from huida.cli import main; main()")
PEOPLE = 5000


async def load(url: str, key: str, seconds: float, at_once: int, tag: str) -> tuple[float, float, float]:
    """(requests a second, p50 ms, p99 ms) over so many seconds with `at_once` callers."""
    client = ClientBuilder().build()
    took: list[float] = []
    numbers = iter(range(10**9))
    started = time.perf_counter()

    async def call() -> None:
        while time.perf_counter() - started < seconds:
            n = next(numbers)
            row = {"store": "S01", "till_no": f"{tag}-{n}", "card_no": f"6{n % PEOPLE:09d}", "total_fen": 2500}
            began = time.perf_counter()
            request = client.post(url).header("authorization", f"Bearer {key}").body_bytes(msgspec.json.encode(row))
            answer = await request.build().send()
            assert answer.status == 201, bytes(await answer.bytes())
            took.append(time.perf_counter() - began)

    await asyncio.gather(*(call() for _ in range(at_once)))
    total = time.perf_counter() - started
    cuts = statistics.quantiles(took, n=100)
    return len(took) / total, cuts[49] * 1000, cuts[98] * 1000


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--at-once", type=int, default=64)
    options = parser.parse_args(arguments)
    print(f"ingest: one purchase per request, {options.at_once} callers; {machine()}")
    with ExitStack() as stack:
        server = stack.enter_context(database())
        _, key = asyncio.run(shop.open_shop(server.url_for("huida_app"), KEY, PEOPLE, 1))
        port, bare_port = free_port(), free_port()
        environment = {
            "HUIDA_DATABASE_URL": server.url_for("huida_app"),
            "HUIDA_MASTER_KEY": KEY,
            "HUIDA_PORT": str(port),
            "HUIDA_LOG_LEVEL": "warning",
        }
        ours = stack.enter_context(Child([*HUIDA, "serve"], environment))
        bare = stack.enter_context(Child(["-m", "bench.bare_ingest", str(bare_port), server.url]))
        wait_for_port(port, ours)
        wait_for_port(bare_port, bare)
        ratios, tails = [], []
        for turn in range(options.rounds):
            floor = uvloop.run(
                load(f"http://127.0.0.1:{bare_port}/", key, options.seconds, options.at_once, f"b{turn}")
            )
            told = uvloop.run(
                load(f"http://127.0.0.1:{port}/api/v1/purchases", key, options.seconds, options.at_once, f"o{turn}")
            )
            ratios.append(told[0] / floor[0])
            tails.append(told[2] / floor[2])
            print(
                f"round {turn + 1}: bare {floor[0]:,.0f}/s p50 {floor[1]:.1f} ms p99 {floor[2]:.1f} ms; "
                f"ours {told[0]:,.0f}/s p50 {told[1]:.1f} ms p99 {told[2]:.1f} ms = {ratios[-1]:.2f}; {ours.rss_mb():.0f} MB",
                flush=True,
            )
        print(f"ours / bare: rate {spread(ratios)}, p99 {spread(tails)}")


if __name__ == "__main__":
    main()
