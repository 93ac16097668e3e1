"""What the tests of SMS share: the platform set up at Aliyun, and looks at a merchant's signatures."""

import json
from typing import Any
from uuid import UUID

import pytest

from huida.kernel.db import Database
from huida.kernel.errors import AppError
from huida.modules import sms
from huida.modules.sms import Proof, signatures
from tests.pictures import PNG
from wesim.sms import catalogue

SCENARIOS = {
    "consumption": "SMS_100000002",
    "recharge": "SMS_100000003",
    "points_change": "SMS_100000004",
    "balance_change": "SMS_100000005",
    "stored_value_consumption": "SMS_100000006",
    "coupon_claimed": "SMS_100000007",
    "coupon_unused": "SMS_100000008",
    "auto_sign_off": "SMS_100000013",
}
CONTENT = {code: content for code, _, _, content in catalogue.ALIYUN_TEMPLATES}
PARAMS = {"p1": "card_tail", "p2": "time", "code": "link_code"}


async def submit(db: Database, tenant: int, name: str = "山月茶事") -> UUID:
    async with db.tx(tenant) as tx:
        return await sms.submit(tx, name=name, source="shop", proofs=[Proof("执照.png", PNG)])


async def in_use(db: Database, tenant: int) -> str:
    """The signature that the merchant's messages start with now."""
    async with db.read(tenant) as tx:
        way = await sms.route(tx)
    assert way is not None
    return way.sign_name


async def states(db: Database, tenant: int) -> list[tuple[str, str, bool, str]]:
    async with db.read(tenant) as tx:
        rows = await signatures.list_signatures(tx)
    return [(row["name"], row["state"], row["applied"], row["reason"]) for row in reversed(rows)]


async def facts(db: Database, tenant: int, kind: str) -> list[dict[str, Any]]:
    async with db.read(tenant) as tx:
        rows = await tx.fetch("SELECT payload FROM facts WHERE tenant_id = $1 AND kind = $2 ORDER BY id", tenant, kind)
    return [json.loads(row["payload"]) for row in rows]


def refusal(error: pytest.ExceptionInfo[AppError]) -> tuple[int, str]:
    return error.value.status, error.value.code
