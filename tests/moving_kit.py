"""What tests of moving in need: upload, start, let the worker finish, and read what the members have now."""

from pathlib import Path
from typing import Any

from tests.asgi import Client, Reply
from tests.conftest import World

CASES = Path(__file__).parent / "cases"
IMPORTS = "/api/console/imports"
MEMBERS = "/api/console/members"
AGREED = {"make_numbers": True, "accept_losses": True}


def case(name: str) -> bytes:
    return (CASES / name).read_bytes()


async def upload(console: Client, content: bytes | str, name: str = "members.csv", kind: str = "members") -> Reply:
    """Have a file understood."""
    body = content.encode() if isinstance(content, str) else content
    return await console.upload(IMPORTS, name, body, kind=kind)


async def understood(console: Client, content: bytes | str, name: str = "members.csv", kind: str = "members") -> Any:
    reply = await upload(console, content, name, kind)
    assert reply.status == 201, reply.text
    return reply.json()


async def lines(console: Client, import_id: str, **params: Any) -> list[Any]:
    """All lines of an import."""
    found: list[Any] = []
    cursor: dict[str, Any] = {}
    while True:
        page = (await console.get(f"{IMPORTS}/{import_id}/lines", limit=100, **params, **cursor)).json()
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def carried_out(world: World, console: Client, import_id: str, **chosen: Any) -> Any:
    """Start it, let the worker finish, and return what it is then."""
    started = await console.post(f"{IMPORTS}/{import_id}/start", AGREED | chosen)
    assert started.status == 202, started.text
    await world.settle()
    return (await console.get(f"{IMPORTS}/{import_id}")).json()


async def moved_in(
    world: World, console: Client, content: bytes | str, name: str = "members.csv", kind: str = "members", **chosen: Any
) -> Any:
    """A file from the upload to the end."""
    return await carried_out(world, console, (await understood(console, content, name, kind))["id"], **chosen)


async def everybody(console: Client) -> dict[str, Any]:
    """The merchant's members by card number."""
    return {one["card_no"]: one for one in (await console.get(MEMBERS, limit=100)).json()["items"]}


def counts(done: Any) -> tuple[int, int, int, int]:
    """(created, updated, unchanged, refused)"""
    found = done["counts"]
    return found["created"], found["updated"], found["unchanged"], found["refused"]
