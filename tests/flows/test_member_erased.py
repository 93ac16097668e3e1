"""One who has left is erased: nowhere in the database is a name, a phone, an address or a WeChat account of theirs (G-25)."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from huida.kernel.embedded import EmbeddedPostgres
from huida.kernel.secrets import Unsealable
from tests.asgi import Client
from tests.flows.verification_kit import codes_on
from tests.lives import MEMBERS, coupon, leave, life, rows
from tests.mallshop import Mall, open_mall
from tests.moving_kit import IMPORTS, carried_out, counts, lines, moved_in, understood
from tests.shop import Shop
from wesim import seed

NAME, PHONE, BIRTHDAY = "欧阳纤云", "13800000001", "1987-06-05"
PLACE = {"receiver": "欧阳纤云母亲", "address": "杭州市拱墅区小河直街 77 号", "note": "放在门口的欧阳家信箱"}
SAID = "我是欧阳纤云，请问几点关门？"
ACCOUNT = "6222020200112233"
STAYS: dict[tuple[str, str], str] = {}
"""Where something may stay, with the reason (docs/guide/member-lives.md): nothing so far."""
PURPOSES = ("member.phone", "mall.phone", "mall.payee", "verification.phone", "verification.code", "moving.line")
TEXTS = {"text", "jsonb", "json", "ARRAY", "character varying"}


async def furnished(world: Any) -> tuple[Mall, UUID]:
    """A member who has used everything that keeps something about them."""
    mall = await open_mall(world)
    shop = mall.shop
    body = {"name": NAME, "phone": PHONE, "birthday": BIRTHDAY}
    made = await shop.key.request("POST", "/api/v1/members", body, headers={"Idempotency-Key": "m-1"})
    member = UUID(made.json()["id"])
    shop.persons[member] = "linxiaoman"
    await come_in(shop, member)
    noted = await shop.staff.patch(f"{MEMBERS}/{member}", {"note": "欧阳纤云的备注"})
    assert noted.status == 204
    await shop.enable("recharge", "sms")
    await shop.enable("consumption", "template")
    await shop.answer(member, await shop.enable("points_change"))
    await say(shop, member)
    row = {"store": "S01", "till_no": "T-1", "phone": PHONE, "total_fen": 2500}
    assert (await shop.key.post("/api/v1/purchases", row)).status == 201
    paid = {"store": "S01", "till_no": "R-1", "phone": PHONE, "paid_fen": 10000}
    assert (await shop.key.post("/api/v1/recharges", paid)).status == 201
    await moved_in(world, shop.staff, f"手机号,姓名,标签\n{PHONE},{NAME},欧阳家\n")
    await coupon(shop, member)
    await use_codes(shop)
    await use_mall(mall, member)
    await shop.settle()
    assert {one["state"] for one in await shop.deliveries()} == {"delivered"}
    return mall, member


async def come_in(shop: Shop, member: UUID) -> None:
    """Open the mini program, give the phone, follow the account."""
    centre = await shop.centre(member)
    code = (await shop.sim.post("/_sim/phone-code", {"person": "linxiaoman", "app": seed.MINI_APPID})).json()["code"]
    assert (await centre.post("/api/member/phone", {"code": code})).json()["member"]["id"] == str(member)
    await shop.follow(member)


async def say(shop: Shop, member: UUID) -> None:
    """A message to the official account, which WeChat pushes."""
    said = await shop.sim.post("/_sim/say", {"person": "linxiaoman", "app": seed.OA_APPID, "text": SAID})
    assert said.status == 200, said.text
    await shop.settle()


async def use_codes(shop: Shop) -> None:
    """A code by SMS, asked for outside of WeChat."""
    async with shop.db.tx(0) as tx:
        await tx.execute("DELETE FROM verification_counts")
    await codes_on(shop, "login")
    asked = await Client(shop.world.app).post(
        "/api/member/codes", {"m": shop.tenant, "scenario": "login", "phone": PHONE, "device": "browser-1"}
    )
    assert asked.status == 202, asked.text
    await shop.settle()


async def use_mall(mall: Mall, member: UUID) -> None:
    """An order that is sent to somebody, and a withdrawal to a bank account."""
    centre = await mall.shop.centre(member)
    order = await mall.paid(centre, await mall.product(), **PLACE, phone="13900000077")
    assert (await mall.ship(order)).status == 201
    assert (await centre.post(f"/api/member/mall/orders/{order}/receive", {})).status == 204
    body = {"amount_fen": 1000, "way": "bank", "payee": f"{NAME} {ACCOUNT}"}
    asked = await centre.request("POST", "/api/member/mall/withdrawals", body, headers={"Idempotency-Key": "w-1"})
    paid = await mall.shop.staff.post(f"/api/console/mall/withdrawals/{asked.json()['id']}/pay", {"paid_ref": "已转"})
    assert paid.status == 204, paid.text


def needles(shop: Shop, member: UUID) -> dict[str, bytes]:
    """What must not be found: in the clear, or as a keyed hash by which it could be looked up."""
    openids = {app: shop.openid(member, app) for app in (seed.MINI_APPID, seed.OA_APPID)}
    clear = [NAME, "欧阳", PHONE, ACCOUNT, "13900000077", SAID, *PLACE.values(), *openids.values()]
    sealer = shop.db.sealer
    hashes = {
        f"hash of {value} for {purpose}": sealer.blind_index(value, purpose=purpose)
        for value in (PHONE, "13900000077")
        for purpose in PURPOSES
    }
    hashes["print of a till's phone"] = sealer.blind_index(f"phone {PHONE}", purpose="orders.who")
    hashes["key of a line's phone"] = sealer.blind_index(f"phone {PHONE}", purpose="moving.line_key")
    return {text: text.encode() for text in clear} | hashes


async def found(postgres: EmbeddedPostgres, shop: Shop, looked_for: dict[str, bytes]) -> set[tuple[str, str, str]]:
    """(table, column, what) in every column of the whole database that holds text, JSON or bytes (in hexadecimal too)."""
    sql = await asyncpg.connect(postgres.url)
    try:
        columns = await sql.fetch(
            "SELECT c.table_name AS t, c.column_name AS c, c.data_type AS kind, EXISTS (SELECT FROM information_schema.columns o "
            "  WHERE o.table_name = c.table_name AND o.column_name = 'tenant_id') AS owned FROM information_schema.columns c "
            "JOIN information_schema.tables USING (table_schema, table_name) "
            "WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1, 2"
        )
        assert len(columns) > 500
        hits: set[tuple[str, str, str]] = set()
        for column in columns:
            bytes_too = column["kind"] == "bytea"
            if not bytes_too and column["kind"] not in TEXTS:
                continue
            value = column["c"] if bytes_too else f"convert_to({column['c']}::text, 'UTF8')"
            only = f"WHERE tenant_id = {shop.tenant}" if column["owned"] else ""
            for row in await sql.fetch(f"SELECT DISTINCT {value} AS value FROM {column['t']} {only}"):
                held = opened(shop, bytes(row["value"] or b""))
                hits |= {
                    (column["t"], column["c"], what)
                    for what, one in looked_for.items()
                    if one in held or one.hex().encode() in held
                }
        return hits
    finally:
        await sql.close()


def opened(shop: Shop, value: bytes) -> bytes:
    """A value with what is sealed in it, JSON's escaped letters as they are read."""
    for purpose in PURPOSES:
        try:
            value += shop.db.sealer.unseal(value, purpose=purpose).reveal().encode()
        except (Unsealable, ValueError):
            continue
    return value


@pytest.mark.covers("G-25")
async def test_nothing_of_a_person_is_left(world: Any, postgres: EmbeddedPostgres) -> None:
    # given: somebody of whom something is kept in many places
    mall, member = await furnished(world)
    shop = mall.shop
    card = await shop.card_no(member)
    refused = await moved_in(world, shop.staff, f"手机号,姓名,积分\n{PHONE},{NAME},\n{PHONE},欧阳,7\n")
    assert counts(refused) == (0, 0, 1, 1)
    planned = await understood(shop.staff, f"卡号,姓名,积分,备注\n{card},{NAME},20,欧阳家\nM0000001,{PHONE[:3]},30,\n")
    looked_for = needles(shop, member)
    before = await found(postgres, shop, looked_for)
    assert {table for table, _, _ in before} >= {
        "callback_inbox", "deliveries", "facts", "idempotency_keys", "identities", "import_lines", "mall_orders", "mall_withdrawals",
        "member_sessions", "members", "payments", "purchases", "subscribe_credits", "verification_codes",
    }  # fmt: skip
    assert {("import_lines", "keys"), ("purchases", "who"), ("recharges", "who")} <= {hit[:2] for hit in before}
    bought = await rows(shop, "purchases", "recharges", "coupons")

    # then: only after leaving, and only for who types the number
    erase = f"{MEMBERS}/{member}/erase"
    assert (await shop.staff.post(erase, {"card_no": card})).refusal == (409, "state.wrong")
    assert (await leave(shop, member)).status == 200
    assert (await shop.staff.post(erase, {"card_no": "60000000"})).refusal == (422, "member.card_mismatch")
    assert (await shop.staff.get(f"{MEMBERS}/{member}")).json()["name"] == NAME

    # when
    erased = await shop.staff.post(erase, {"card_no": card})
    assert erased.status == 204, erased.text
    await shop.settle()

    # then
    left = {hit for hit in await found(postgres, shop, looked_for) if hit[:2] not in STAYS}
    assert left == set()

    # then: what was bought and paid is there, under a number without a name
    now = await rows(shop, "purchases", "recharges", "coupons")
    assert {t: [row[:2] for row in was] for t, was in now.items()} == {
        t: [row[:2] for row in was] for t, was in bought.items()
    }
    one = (await shop.staff.get(f"{MEMBERS}/{member}")).json()
    assert {name: one[name] for name in ("name", "phone", "birthday", "note", "state", "card_no", "identities")} == {
        "name": "", "phone": None, "birthday": None, "note": "", "state": "erased", "card_no": card, "identities": [],
    }  # fmt: skip
    assert await shop.invariants() == {}
    assert [fact["card_no"] for fact in await shop.world.facts("member.erased")] == [card]
    trail = (await shop.staff.get("/api/console/audit")).json()["items"]
    assert trail[0]["kind"] == "member.erased"

    # then: files that named them are blank and agree still; one that waited brings the others
    [kept, blank] = await lines(shop.staff, refused["id"])
    assert (kept["status"], kept["values"], kept["member_id"]) == ("unchanged", {}, str(member))
    assert (blank["status"], blank["values"], blank["error"]["code"]) == (
        "refused",
        {"points": 7},
        "moving.line_erased",
    )
    signed = await shop.staff.post(f"{IMPORTS}/{refused['id']}/sign-off", {"accept_refused": True})
    assert signed.status == 200, signed.text
    done = await carried_out(world, shop.staff, planned["id"])
    assert counts(done) == (1, 0, 0, 1)
    [sums] = done["balance"]
    assert (sums["in_file"], sums["booked"], sums["refused"], sums["balanced"]) == (50, 30, 20, True)
    assert [one.get("error", {}).get("code") for one in await lines(shop.staff, planned["id"])] == [
        "moving.line_erased",
        None,
    ]

    # then: there is no way back, the card is nobody's, the phone joins as somebody new
    assert (await shop.staff.post(f"{MEMBERS}/{member}/unfreeze", {})).refusal == (409, "state.wrong")
    assert (await shop.staff.post(erase, {"card_no": card})).refusal == (409, "state.wrong")
    assert (await shop.staff.post(MEMBERS, {"card_no": card, "name": "别人"})).refusal == (409, "member.card_taken")
    fresh = await shop.staff.post(MEMBERS, {"phone": PHONE, "name": "新人"})
    assert (fresh.status, fresh.json()["id"] != str(member)) == (201, True)
    repeated = await shop.key.request(
        "POST",
        "/api/v1/members",
        {"name": NAME, "phone": PHONE, "birthday": BIRTHDAY},
        headers={"Idempotency-Key": "m-1"},
    )
    assert (repeated.status, repeated.json()["name"], repeated.json()["phone"]) == (201, "", None)
    assert (await life(shop, member))["owned"]["points"] == 0
