"""Purchases in, messages accepted: the product against the bare HTTP client and against Celery with requests.

`make bench` or `python -m bench.pipeline [--messages 100000] [--rounds 3] [--no-celery]`. Every round runs all variants one
after the other against the same answerer; ratios are taken within a round. Aims: ≥ 0.50 of the bare client with one process,
≥ 0.65 with two, ≥ 25 times Celery; memory of each process under 300 MB and flat.
"""

import argparse
import asyncio
import contextlib
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack

import asyncpg

from bench import shop
from bench.common import KEY, Child, database, free_port, machine, spread, wait_for_port
from huida.kernel.embedded import EmbeddedPostgres

PEOPLE = 5000
BATCH = 500
HUIDA = ("-c", "from huida.cli import main; main()")


def count(base: str) -> int:
    with urllib.request.urlopen(f"{base}/count", timeout=10) as answer:
        return int(answer.read())


def bare(base: str, messages: int) -> float:
    """Messages a second of the bare client."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.bare", base, str(messages)],
        check=True,
        capture_output=True,
        text=True,
        timeout=600,
    )
    return messages / float(done.stdout)


def pipeline(
    server: EmbeddedPostgres, base: str, key: str, messages: int, processes: int, tag: str
) -> dict[str, float]:
    """Start the product, feed it, and wait until the answerer has said yes to every message."""
    port = free_port()
    environment = {
        "HUIDA_DATABASE_URL": server.url_for("huida_app"),
        "HUIDA_MASTER_KEY": KEY,
        "HUIDA_PORT": str(port),
        "HUIDA_WECHAT_API_URL": base,
        "HUIDA_LOG_LEVEL": "warning",
        "HUIDA_SEND_RATE_PER_S": "1000000",
    }
    with ExitStack() as stack:
        serve = [*HUIDA, "serve", *(["--with-worker"] if processes == 1 else [])]
        children = [stack.enter_context(Child(serve, environment))]
        if processes > 1:
            children += [stack.enter_context(Child([*HUIDA, "worker"], environment)) for _ in range(processes - 1)]
        wait_for_port(port, children[0])
        time.sleep(6)  # leases are taken and the processes are warm
        before, started = count(base), time.perf_counter()
        cpu = sum(child.cpu_s() for child in children)
        feeder = Child(
            ["-m", "bench.feed", f"http://127.0.0.1:{port}", key, str(messages), str(PEOPLE), str(BATCH), tag],
            quiet=False,
        )
        halfway = 0.0
        while (done := count(base) - before) < messages:
            if feeder.process.poll() not in (None, 0):
                raise RuntimeError("the till was refused")
            if time.perf_counter() - started > 600:
                raise TimeoutError(f"{done} of {messages} after ten minutes")
            if not halfway and done > messages / 2:
                halfway = max(child.rss_mb() for child in children)
            time.sleep(0.05)
        seconds = time.perf_counter() - started
        feeder.process.wait(30)
        cpu = sum(child.cpu_s() for child in children) - cpu
        time.sleep(1.5)
        return {
            "rate": messages / seconds,
            "cpu_us": cpu / messages * 1e6,
            "half_mb": halfway,
            "end_mb": max(child.rss_mb() for child in children),
            "peak_mb": max(child.peak_mb() for child in children),
        }


@contextlib.contextmanager
def redis() -> Iterator[str]:
    """A Redis of our own, without persistence."""
    binary = shutil.which("redis-server")
    if binary is None:
        raise SystemExit(
            "redis-server is missing: apt-get install -y --no-install-recommends redis-server (or --no-celery)"
        )
    port = free_port()
    process = subprocess.Popen(
        [binary, "--port", str(port), "--save", "", "--appendonly", "no", "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
    )
    time.sleep(0.5)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait(10)


async def _baseline_rows(url: str, messages: int) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("DROP TABLE IF EXISTS baseline_messages")
    await connection.execute("CREATE TABLE baseline_messages (id int PRIMARY KEY, state text)")
    await connection.execute("INSERT INTO baseline_messages SELECT generate_series(1, $1::int), 'queued'", messages)
    await connection.close()


def celery(server: EmbeddedPostgres, base: str, broker: str, messages: int) -> float:
    """Messages a second of the Celery pipeline, over the middle of a run whose queue was filled before."""
    asyncio.run(_baseline_rows(server.url, messages))
    host = server.url.split("host=")[1]
    environment = {
        "BENCH_REDIS": broker,
        "BENCH_URL": base,
        "BENCH_SQLALCHEMY": f"postgresql+psycopg://huida_owner@/huida?host={host}",
    }
    producer = f"from bench.celery_app import send\nfor n in range(1, {messages} + 1):\n    send.delay(n, 'o' * 28)\n"
    with Child(["-c", producer], environment, quiet=False) as filling:
        filling.process.wait(300)
    before = count(base)
    worker = [
        "-m",
        "celery",
        "-A",
        "bench.celery_app",
        "worker",
        "-c",
        "4",
        "-l",
        "error",
        "--without-gossip",
        "--without-mingle",
    ]
    with Child(worker, environment):
        low, high = before + messages // 5, before + messages * 9 // 10
        while count(base) < low:
            time.sleep(0.02)
        started, first = time.perf_counter(), count(base)
        while (last := count(base)) < high:
            time.sleep(0.02)
        return (last - first) / (time.perf_counter() - started)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--celery-messages", type=int, default=3000)
    parser.add_argument("--no-celery", action="store_true")
    parser.add_argument(
        "--processes", default="1,2,3", help="1: one process with both faces; 2: API and worker; 3: API and two workers"
    )
    options = parser.parse_args(arguments)
    print(f"pipeline: {options.messages:,} purchases → messages; {machine()}")
    variants = [int(n) for n in options.processes.split(",")]
    with ExitStack() as stack:
        server = stack.enter_context(database())
        port = free_port()
        answerer = stack.enter_context(Child(["-m", "bench.answerer", str(port)]))
        wait_for_port(port, answerer)
        base = f"http://127.0.0.1:{port}"
        each = options.messages * options.rounds * len(variants) // PEOPLE + 10
        _, key = asyncio.run(shop.open_shop(server.url_for("huida_app"), KEY, PEOPLE, each))
        broker = None if options.no_celery else stack.enter_context(redis())
        ratios: dict[str, list[float]] = {}
        for turn in range(options.rounds):
            floor = bare(base, options.messages)
            print(f"round {turn + 1}: bare client {floor:,.0f}/s", flush=True)
            rates = {}
            for processes in variants:
                told = pipeline(server, base, key, options.messages, processes, f"r{turn}p{processes}")
                rates[processes] = told["rate"]
                ratios.setdefault(f"{processes} process(es) / bare", []).append(told["rate"] / floor)
                print(
                    f"  {processes} process(es): {told['rate']:,.0f}/s = {told['rate'] / floor:.2f} of bare; "
                    f"{told['cpu_us']:.0f} µs CPU each (ours); memory {told['half_mb']:.0f} MB half way, "
                    f"{told['end_mb']:.0f} MB at the end, {told['peak_mb']:.0f} MB peak",
                    flush=True,
                )
            if broker:
                slow = celery(server, base, broker, options.celery_messages)
                print(f"  Celery -c 4 with requests: {slow:,.0f}/s")
                for processes, rate in rates.items():
                    ratios.setdefault(f"{processes} process(es) / Celery", []).append(rate / slow)
        print("ratios within a round, median [min..max]:")
        for name, values in ratios.items():
            print(f"  {name}: {spread(values)}")
        aims = {
            "1 process(es) / bare": 0.50,
            "2 process(es) / bare": 0.65,
            "1 process(es) / Celery": 25,
            "2 process(es) / Celery": 25,
        }
        for name, aim in aims.items():
            if name in ratios:
                verdict = "met" if statistics.median(ratios[name]) >= aim else "missed"
                print(f"  aim {name} ≥ {aim}: {verdict}")


if __name__ == "__main__":
    main()
