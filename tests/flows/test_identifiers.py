"""One folding of phones, cards and till numbers at every door (B-15, B-17, B-22, M-09), and transactions that cross (B-11)."""

import asyncio
import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from huida.kernel.embedded import EmbeddedPostgres
from tests import make
from tests.asgi import Client
from tests.conftest import World
from tests.moving_kit import MEMBERS, everybody, moved_in

PLAIN = "13900000001"
SAME = {
    "direction marks": "\u202d13900000001\u202c",
    "zero width": "139\u200b00000001",
    "byte order mark": "\ufeff13900000001",
    "variation selector": "13900000001\ufe0f",
    "isolates": "\u206813900000001\u2069",
    "full width": "".join(chr(ord(digit) + 0xFEE0) for digit in PLAIN),
    "one of full width": "1390000000１",
    "brackets": "(139)0000-0001",
    "en dash": "139–0000–0001",
    "full-width hyphen": "139－0000－0001",
    "float": "13900000001.0",
    "country": "+86 139 0000 0001",
    "zeros": "0086-139-0000-0001",
    "blank": " 139 0000 0001",
    "full-width blanks": "139　0000　0001",
}
NONE = {
    "letters": ("139OOOO0001", "member.bad_phone_character"),
    "other digits": ("1380000000١", "member.bad_phone_character"),
    "two": ("13900000001；13900000002", "member.two_phones"),
    "two with a blank": ("13900000001 13900000002", "member.two_phones"),
    "short": ("12345", "member.bad_phone"),
    "rewritten": ("1.37E+10", "member.bad_phone"),
    "landline": ("0571-88001122", "member.bad_phone"),
    "Hong Kong": ("+852 9123 4567", "member.bad_phone"),
}


@pytest.fixture
async def key(world: World, app: Any) -> Client:
    await make.store(world.db, world.tenant)
    client = Client(app)
    client.headers["authorization"] = f"Bearer {await make.key(world.db, world.tenant)}"
    return client


def sale(till_no: str, **who: str) -> dict[str, Any]:
    return {"store": "S01", "till_no": till_no, "total_fen": 100, **who}


@pytest.mark.parametrize("how", SAME)
async def test_a_phone_is_the_same_at_every_door(world: World, console: Client, key: Client, how: str) -> None:
    made = await console.post(MEMBERS, {"name": "林小满", "phone": SAME[how]})
    assert made.status == 201, made.text
    assert (await console.get(f"{MEMBERS}/{made.json()['id']}")).json()["phone"] == PLAIN
    assert [one["id"] for one in (await console.get(MEMBERS, q=SAME[how])).json()["items"]] == [made.json()["id"]]
    assert [one["id"] for one in (await key.get("/api/v1/members", phone=SAME[how])).json()["items"]] == [
        made.json()["id"]
    ]
    assert (await key.post("/api/v1/purchases", sale("G", phone=PLAIN))).status == 201
    again = await key.post("/api/v1/purchases", sale("G", phone=SAME[how]))
    assert (again.status, again.json()["status"]) == (200, "repeated")
    assert (await console.post(MEMBERS, {"phone": SAME[how]})).refusal == (409, "member.phone_taken")


@pytest.mark.parametrize("how", NONE)
async def test_what_is_no_phone_is_refused_with_the_trouble(console: Client, how: str) -> None:
    text, code = NONE[how]
    assert (await console.post(MEMBERS, {"name": "林小满", "phone": text})).refusal == (422, code)
    assert await everybody(console) == {}


async def test_the_strange_character_is_named(console: Client) -> None:
    refused = await console.post(MEMBERS, {"phone": "139OOOO0001"})
    assert refused.json()["params"] == {"character": "O"}


async def test_blanks_around_a_till_number_make_no_other_event(world: World, key: Client) -> None:
    await make.member(world.db, world.tenant, card_no="C0001")
    first = await key.post("/api/v1/purchases", sale("T1", card_no="C0001"))
    for till_no in ("T1 ", " T1", "\u3000T1", "T1\t"):
        again = await key.post("/api/v1/purchases", sale(till_no, card_no="C0001"))
        assert (again.status, again.json()["id"]) == (200, first.json()["id"])
    recharge = {"store": "S01", "till_no": "R1", "card_no": "C0001", "paid_fen": 100}
    assert (await key.post("/api/v1/recharges", recharge)).status == 201
    assert (await key.post("/api/v1/recharges", recharge | {"till_no": " R1 "})).status == 200
    refund = {"store": "S01", "till_no": " F1", "purchase_till_no": "T1 ", "amount_fen": 100}
    assert (await key.post("/api/v1/refunds", refund)).status == 201
    assert (await key.post("/api/v1/refunds", refund | {"till_no": "F1", "purchase_till_no": "T1"})).status == 200
    looked_up = await key.get("/api/v1/purchases/S01/%20T1%20")
    assert (looked_up.status, looked_up.json()["till_no"]) == (200, "T1")
    back = {"store": "S01", "till_no": "V1 ", "recharge_till_no": " R1", "reason": "录错"}
    assert (await key.post("/api/v1/recharges/reversals", back)).status == 201
    assert (await key.post("/api/v1/recharges/reversals", back | {"till_no": "V1"})).status == 200


CARDS = ("vip0001", "VIP0001", " VIP 0001 ", "ＶＩＰ０００１", "VIP\u200b0001")


@pytest.mark.parametrize("card_no", CARDS)
async def test_a_card_is_the_same_in_any_case_and_form(
    world: World, console: Client, key: Client, card_no: str
) -> None:
    member_id = str(await make.member(world.db, world.tenant, card_no="Vip0001"))
    assert [one["id"] for one in (await key.get("/api/v1/members", card_no=card_no)).json()["items"]] == [member_id]
    assert [one["id"] for one in (await console.get(MEMBERS, q=card_no)).json()["items"]] == [member_id]
    assert (await key.post("/api/v1/purchases", sale("T1", card_no=card_no))).status == 201
    assert (await key.get(f"/api/v1/members/{card_no}/balances")).json()["points"] == 1
    assert (await console.post(MEMBERS, {"card_no": card_no})).refusal == (409, "member.card_taken")
    done = await moved_in(world, console, f"卡号,姓名\n{card_no},陈一鸣\n")
    assert done["counts"]["updated"] == 1
    assert {card: one["name"] for card, one in (await everybody(console)).items()} == {"Vip0001": "陈一鸣"}


async def test_of_cards_from_before_that_differ_in_case_the_one_that_is_written_is_found(
    world: World, key: Client
) -> None:
    older, younger = [
        await make.member(world.db, world.tenant, card_no=card_no, name=card_no) for card_no in ("VIP0001", "OTHER01")
    ]
    async with world.db.tx(world.tenant) as tx:
        await tx.execute(
            "UPDATE members SET card_no = 'vip0001', card_twin = true WHERE tenant_id = $1 AND id = $2",
            *(world.tenant, younger),
        )
    found = {
        card_no: [UUID(one["id"]) for one in (await key.get("/api/v1/members", card_no=card_no)).json()["items"]]
        for card_no in ("VIP0001", "vip0001", "Vip0001")
    }
    assert found == {"VIP0001": [older], "vip0001": [younger], "Vip0001": [older]}


async def test_transactions_that_cross_are_told_to_come_again(
    world: World, key: Client, postgres: EmbeddedPostgres
) -> None:
    """B-11: whoever is taken back because two waited for each other answers 503 with the time to come again."""
    first, second = sorted([await make.member(world.db, world.tenant, card_no=f"C000{number}") for number in range(2)])
    cards = {member_id: await _card(world, member_id) for member_id in (first, second)}
    batch = {"purchases": [sale(f"A{n}", card_no=card) for n, card in enumerate(cards.values())]}
    assert (await key.post("/api/v1/purchases/batch", batch)).status == 200
    lock = "SELECT 1 FROM ledger_accounts WHERE tenant_id = $1 AND owner_id = $2 FOR UPDATE"
    other = await asyncpg.connect(postgres.url)
    async with other.transaction():
        await other.execute("SET LOCAL deadlock_timeout = '60s'")  # the other one finds out
        await other.execute(f"SET LOCAL app.tenant_id = '{world.tenant}'")
        await other.execute(lock, world.tenant, second)
        again = {"purchases": [sale(f"B{n}", card_no=card) for n, card in enumerate(cards.values())]}
        answer = asyncio.create_task(key.post("/api/v1/purchases/batch", again))
        async with asyncio.timeout(20):
            while not await other.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                await asyncio.sleep(0.01)
        await other.execute(lock, world.tenant, first)
        refused = await answer
    await other.close()
    assert (refused.refusal, refused.headers["retry-after"]) == ((503, "server.crossed"), "1")
    repeated = await key.post("/api/v1/purchases/batch", again)
    assert [one["status"] for one in json.loads(repeated.body)["results"]] == ["recorded", "recorded"]


async def _card(world: World, member_id: UUID) -> str:
    async with world.db.read(world.tenant) as tx:
        found: str = await tx.value(
            "SELECT card_no FROM members WHERE tenant_id = $1 AND id = $2", world.tenant, member_id
        )
    return found
