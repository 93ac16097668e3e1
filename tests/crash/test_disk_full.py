"""The embedded database's disk is full: a clear refusal, and nothing lost once there is room again."""

import asyncio
import os
import random
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from huida.kernel.embedded import EmbeddedPostgres
from tests.crash import kit
from tests.databases import copied
from tests.shop import Shop

SIZE_MB = 200


def as_root(*command: str) -> None:
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run([*prefix, *command], check=True, capture_output=True)


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own with little room (root, or sudo without a password as on CI machines)."""
    home = Path(tempfile.mkdtemp(prefix="huida-full-"))
    as_root("mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0777", "tmpfs", str(home))
    home.chmod(0o777) if os.geteuid() == 0 else None
    yield home
    as_root("umount", "-l", str(home))
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def postgres(small_disk: Path, migrated_files: Path) -> Iterator[EmbeddedPostgres]:
    settings = {"shared_buffers": "32MB", "min_wal_size": "32MB", "max_wal_size": "48MB", "max_connections": "40"}
    server = copied(migrated_files, EmbeddedPostgres(small_disk / "pg", settings=settings))
    try:
        server.start()
        yield server
    finally:
        server.stop(mode="immediate")


def fill(disk: Path) -> Path:
    """Take all the room there is."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
    return ballast


@pytest.mark.timeout(180)
async def test_a_full_disk_is_refused_clearly_and_forgotten_once_there_is_room(
    shop: Shop, small_disk: Path, postgres: EmbeddedPostgres, dice: random.Random
) -> None:
    template_id = await shop.enable("consumption")
    [member] = await kit.guests(shop, 1, template_id, 3)
    card = await shop.card_no(member)
    items = [{"name": "".join(dice.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=2000))} for _ in range(20)]

    def row(number: int) -> dict[str, object]:
        return {"store": "S01", "till_no": f"T-{number}", "card_no": card, "total_fen": 1000 + number, "items": items}

    for number in range(5):
        assert (await shop.key.post("/api/v1/purchases", row(number))).status == 201
    ballast = fill(small_disk)
    acknowledged = set(range(5))
    refused = 0
    for number in range(5, 3000):
        reply = await shop.key.post("/api/v1/purchases", row(number))
        if reply.status == 201:
            acknowledged.add(number)
            continue
        assert reply.refusal == (503, "server.unavailable"), reply.text
        refused += 1
        if refused == 20:
            break
    assert refused == 20, "the disk was never full"
    last = number

    ballast.unlink()
    if not postgres.running:
        await asyncio.to_thread(postgres.start)
    seen: Counter[int] = Counter()
    for number in range(last + 1):
        while True:
            reply = await shop.key.post("/api/v1/purchases", row(number))
            seen[reply.status] += 1
            if reply.status in (200, 201):
                break
            assert reply.refusal == (503, "server.unavailable"), reply.text
            await asyncio.sleep(0.1)
        if number in acknowledged:
            assert (reply.status, reply.json()["status"]) == (200, "repeated")
    rows = await kit.ask(postgres.url, "SELECT till_no FROM purchases WHERE tenant_id = $1", shop.tenant)
    assert Counter(r["till_no"] for r in rows) == {f"T-{n}": 1 for n in range(last + 1)}
    assert (await shop.balances(member))["points"] == sum((1000 + n) // 100 for n in range(last + 1))
    await shop.settle()
    assert len(await shop.notices(member)) == 3
    assert await kit.broken(postgres.url) == {}
