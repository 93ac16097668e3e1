"""An upgrade never fails on what an earlier version accepted: data of schema 0012 that the newest one refuses."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import asyncpg
import pytest
from alembic import command

from huida.kernel import migrate
from huida.kernel.embedded import temporary

BEFORE = "0012"
APPS = """
INSERT INTO apps (tenant_id, id, app_id, kind, name, secret_sealed, token_sealed, aes_key_sealed, route_key, state,
                  callback_seen_at, connected_at)
VALUES (1, gen_random_uuid(), 'wx1', 'mini', 'first', '', '', '', 'r1', 'connected', NULL, '2026-01-01Z'),
       (2, gen_random_uuid(), 'wx1', 'mini', 'heard', '', '', '', 'r2', 'connected', '2026-03-01Z', '2026-02-01Z'),
       (3, gen_random_uuid(), 'wx1', 'mini', 'last', '', '', '', 'r3', 'connected', NULL, '2026-03-01Z'),
       (1, gen_random_uuid(), 'wx2', 'oa', 'alone', '', '', '', 'r4', 'connected', NULL, '2026-01-01Z'),
       (2, gen_random_uuid(), 'wx3', 'oa', 'former', '', '', '', 'r5', 'disconnected', NULL, '2026-01-01Z')
"""
OLD = (
    APPS,
    "INSERT INTO callback_routes VALUES ('r1', 1, 'wx1'), ('r2', 2, 'wx1'), ('r3', 3, 'wx1'), ('r4', 1, 'wx2'), ('r9', 9, 'wx9')",
    "INSERT INTO identities (tenant_id, app_id, openid, unionid, updated_at) "
    "VALUES (1, 'wx1', '', NULL, now()), (1, 'wx1', 'o1', '', now()), (1, 'wx1', 'o2', 'u2', now())",
    "INSERT INTO member_sessions (token_hash, tenant_id, app_id, openid, member_id, expires_at) VALUES "
    "('a', 1, 'wx1', '', NULL, now()), ('b', 1, 'wx1', 'o1', NULL, now()), ('c', 1, '', '', gen_random_uuid(), now())",
    "INSERT INTO subscribe_credits (tenant_id, app_id, openid, template_id, updated_at) "
    "VALUES (1, 'wx1', '', 't', now()), (1, 'wx1', 'o1', '', now()), (1, 'wx1', 'o1', 't', now())",
    "INSERT INTO stores (tenant_id, id, code, name, state) VALUES (1, '00000000-0000-0000-0000-0000000000a1', 'S1', 'a', 'closed'), "
    "(1, '00000000-0000-0000-0000-0000000000a2', 'S2', 'b', 'open')",
    "INSERT INTO purchases (tenant_id, id, store_id, till_no, member_id, total_fen, balance_fen, principal_fen, points, occurred_at) "
    "VALUES (1, '00000000-0000-0000-0000-0000000000b1', '00000000-0000-0000-0000-0000000000a1', '1', "
    "'00000000-0000-0000-0000-0000000000c1', 12345, 0, 0, 123, now())",
    "INSERT INTO ledger_accounts (tenant_id, owner_id, unit, balance, held, seq) VALUES "
    "(1, '00000000-0000-0000-0000-0000000000c1', 'growth', 123, 0, 1), (1, '00000000-0000-0000-0000-0000000000c1', 'points', 123, 0, 1)",
    "INSERT INTO ledger_transfers (tenant_id, owner_id, unit, seq, amount, balance_after, contra, reason, source_type, source_id, at) "
    "SELECT 1, '00000000-0000-0000-0000-0000000000c1', unit, 1, 123, 123, 'x', 'purchase', 'purchase', "
    "'00000000-0000-0000-0000-0000000000b1', now() FROM unnest('{growth,points}'::text[]) AS u(unit)",
    "INSERT INTO ledger_lots (tenant_id, owner_id, unit, expires_at, remaining) VALUES "
    "(1, '00000000-0000-0000-0000-0000000000c1', 'points', '2026-12-31Z', 100)",
    "INSERT INTO wechat_templates (tenant_id, app_id, template_id, channel, title, content, seen_at) "
    "VALUES (1, 'wx1', '', 'subscribe', 'x', 'x', now()), (1, 'wx1', 't', 'subscribe', 'x', 'x', now())",
    "INSERT INTO members (tenant_id, id, card_no, name, joined_at) VALUES "
    + ", ".join(
        f"({tenant}, '00000000-0000-7000-8000-{number:012d}', '{card_no}', '', now())"
        for number, (tenant, card_no) in enumerate(
            [(1, "VIP0001"), (1, "vip0001"), (1, "Vip0001"), (2, "vip0001"), (1, "VIP0002")]
        )
    ),
    "INSERT INTO purchases (tenant_id, id, store_id, till_no, member_id, total_fen, balance_fen, principal_fen, points, "
    "occurred_at) SELECT 9, gen_random_uuid(), s, till_no, gen_random_uuid(), 1, 0, 0, 0, now() FROM unnest(ARRAY["
    "'00000000-0000-7000-8000-00000000000a', '00000000-0000-7000-8000-00000000000b']::uuid[]) AS s, "
    "unnest(CASE WHEN s::text LIKE '%a' THEN ARRAY['T1', 'T1 ', ' T2', '　T3', '  '] ELSE ARRAY['T1 ', ' T1'] END) AS till_no",
)


@pytest.fixture(scope="module")
def upgraded() -> Iterator[str]:
    with temporary("huida-upgrade-") as server:

        def work() -> None:
            command.upgrade(migrate.config(server.url), BEFORE)

        with ThreadPoolExecutor(1) as other_thread:
            other_thread.submit(work).result()
            other_thread.submit(_fill, server.url).result()
            other_thread.submit(migrate.upgrade, server.url).result()
        yield server.url


def _fill(url: str) -> None:
    import asyncio

    async def fill() -> None:
        sql = await asyncpg.connect(url)
        for statement in OLD:
            await sql.execute(statement)
        await sql.close()

    asyncio.run(fill())


async def found(url: str, query: str) -> list[Any]:
    sql = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await sql.fetch(query)]
    finally:
        await sql.close()


async def test_what_was_nobodys_goes_and_the_rest_stays(upgraded: str) -> None:
    assert await found(upgraded, "SELECT openid, unionid FROM identities ORDER BY openid") == [
        ("o1", None),
        ("o2", "u2"),
    ]
    assert await found(upgraded, "SELECT token_hash FROM member_sessions ORDER BY 1") == [(b"b",), (b"c",)]
    assert await found(upgraded, "SELECT openid, template_id FROM subscribe_credits") == [("o1", "t")]
    assert await found(upgraded, "SELECT template_id FROM wechat_templates") == [("t",)]


async def test_of_several_claims_the_one_that_wechat_reached_stays_live(upgraded: str) -> None:
    assert await found(upgraded, "SELECT name, state FROM apps ORDER BY name") == [
        ("alone", "connected"),
        ("first", "pending"),
        ("former", "disconnected"),
        ("heard", "connected"),
        ("last", "pending"),
    ]
    assert await found(upgraded, "SELECT route_key FROM callback_routes ORDER BY 1") == [("r2",), ("r4",)]


async def test_cards_that_differ_in_case_keep_their_oldest(upgraded: str) -> None:
    assert await found(upgraded, "SELECT tenant_id, card_no, card_key, card_twin FROM members ORDER BY id") == [
        (1, "VIP0001", "VIP0001", False),
        (1, "vip0001", "VIP0001", True),
        (1, "Vip0001", "VIP0001", True),
        (2, "vip0001", "VIP0001", False),
        (1, "VIP0002", "VIP0002", False),
    ]


async def test_till_numbers_lose_their_blanks_where_that_makes_no_other_event(upgraded: str) -> None:
    rows = await found(
        upgraded,
        'SELECT right(store_id::text, 1), till_no FROM purchases WHERE tenant_id = 9 ORDER BY 1, till_no COLLATE "C"',
    )
    assert rows[:5] == [("a", "  "), ("a", "T1"), ("a", "T1 "), ("a", "T2"), ("a", "T3")]
    assert sorted(till_no.strip() for _, till_no in rows[5:]) == ["T1", "T1"]
    assert sum(till_no == "T1" for _, till_no in rows[5:]) == 1


async def test_growth_is_in_fen_and_what_was_given_is_known(upgraded: str) -> None:
    """B-07: a point of growth was a yuan; lots of before have no source, and their points no purchase of their own."""
    assert await found(upgraded, "SELECT unit, balance FROM ledger_accounts ORDER BY unit") == [
        ("growth", 12300),
        ("points", 123),
    ]
    assert await found(upgraded, "SELECT unit, amount, balance_after FROM ledger_transfers ORDER BY unit") == [
        ("growth", 12300, 12300),
        ("points", 123, 123),
    ]
    assert await found(upgraded, "SELECT growth_fen, points, history, who FROM purchases WHERE tenant_id = 1") == [
        (12300, 123, False, None)
    ]
    lots = await found(upgraded, "SELECT source_id::text, granted, remaining, expired FROM ledger_lots")
    assert lots == [("00000000-0000-0000-0000-000000000000", 100, 100, 0)]
    assert await found(upgraded, "SELECT code, closed_at IS NOT NULL FROM stores ORDER BY code") == [
        ("S1", True),
        ("S2", False),
    ]
