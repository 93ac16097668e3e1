"""Two apps tell of the same new person at once: whoever comes second finds the first (S1-130, X-10)."""

import asyncio
from contextvars import Context
from typing import Any

import pytest

from huida.kernel.db import Database
from huida.modules import members
from tests import make

MINI, OA = "wxmini0000000001", "wxoa000000000001"
UNIONID = "o6_union_of_one_person"


async def owner_of_oa(db: Database, tenant: int) -> Any:
    async with db.read(tenant) as tx:
        return await tx.value("SELECT member_id FROM identities WHERE tenant_id = $1 AND app_id = $2", tenant, OA)


async def learned_while_joining(db: Database, tenant: int, *, guarded: bool) -> tuple[Any, Any]:
    """The account is told of in one transaction while another makes the person a member; (member, owner of the account)."""
    member = await make.member(db, tenant)
    async with db.tx(tenant) as tx:
        await members.see_identity(tx, app_id=MINI, openid="mini", unionid=UNIONID)
        await members.see_identity(tx, app_id=OA, openid="oa", follows=True)

    async def join() -> None:
        async with db.tx(tenant) as tx:
            if guarded:
                await members.link_identity(tx, member, app_id=MINI, openid="mini")
                return
            await tx.execute(
                "UPDATE identities SET member_id = $2 WHERE tenant_id = $1 AND member_id IS NULL AND unionid = $3",
                *(tenant, member, UNIONID),
            )

    async with db.tx(tenant) as tx:
        if guarded:
            await members.see_identity(tx, app_id=OA, openid="oa", unionid=UNIONID)
        else:
            await tx.execute(
                "UPDATE identities SET unionid = $3, member_id = (SELECT member_id FROM identities WHERE tenant_id = $1 "
                "AND unionid = $3 AND member_id IS NOT NULL LIMIT 1) WHERE tenant_id = $1 AND app_id = $2",
                *(tenant, OA, UNIONID),
            )
        joining = asyncio.create_task(join(), context=Context())
        await asyncio.wait({joining}, timeout=0.5)  # without the guard it is through by now
    await joining
    return member, await owner_of_oa(db, tenant)


async def test_control_without_the_guard_each_misses_the_other(db: Database, tenant: int) -> None:
    _, owner = await learned_while_joining(db, tenant, guarded=False)
    assert owner is None


@pytest.mark.covers("S1-130", "X-10")
async def test_with_the_guard_the_account_is_the_members(db: Database, tenant: int) -> None:
    member, owner = await learned_while_joining(db, tenant, guarded=True)
    assert owner == member
