"""Giving coupons: never more than the stock, never more than a member may have, never twice for the same reason."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from huida.kernel.db import Tx, columns
from huida.kernel.errors import Conflict
from huida.kernel.ids import uuid7
from huida.modules.coupons.facts import CouponIssued
from huida.modules.coupons.queries import coupon_of
from huida.modules.coupons.rules import Coupon, Gift, Given, admit, end_of, new_code, validity
from huida.modules.coupons.templates import lock_template

LARGEST_BATCH = 1000

INSERT = """
INSERT INTO coupons (tenant_id, id, template_id, member_id, code, name, state, source, source_key, issued_at, valid_from, valid_until)
SELECT $1, c.id, $2, c.member_id, c.code, $3, 'issued', $4, c.source_key, $5, $6, $7
FROM unnest($8::uuid[], $9::uuid[], $10::text[], $11::text[]) AS c(id, member_id, code, source_key)
ON CONFLICT (tenant_id, code) DO NOTHING
RETURNING *
"""
COUNT_HOLDERS = """
INSERT INTO coupon_holders AS h (tenant_id, template_id, member_id, issued)
SELECT $1, $2, g.member_id, count(*) FROM unnest($3::uuid[]) AS g(member_id) GROUP BY g.member_id ORDER BY g.member_id
ON CONFLICT (tenant_id, template_id, member_id) DO UPDATE SET issued = h.issued + excluded.issued
WHERE h.issued + excluded.issued <= $4
"""
TAKE_STOCK = """
UPDATE coupon_templates SET issued = issued + $3 WHERE tenant_id = $1 AND id = $2 AND state = 'on' AND issued + $3 <= total
"""


async def issue(tx: Tx, template_id: UUID, *, member_id: UUID, source: str, source_key: str) -> Coupon:
    """Give a member one coupon; the same source and key get the coupon that was given then.

    Raises NotFound, Conflict (`coupon.template_not_on`, `template_ended`, `sold_out`, `limit_reached`,
    `source_reused`).
    """
    [given] = await issue_many(tx, template_id, [Gift(member_id, source_key)], source=source)
    if given.refusal is not None:
        raise given.refusal
    assert given.coupon is not None
    return given.coupon


async def issue_many(tx: Tx, template_id: UUID, gifts: Sequence[Gift], *, source: str) -> list[Given]:
    """Give coupons of one template, each answered on its own, in the order of the gifts.

    The template's row is the lock: all that follows it reads what the giver before has committed. Raises NotFound.
    """
    assert len(gifts) <= LARGEST_BATCH, "give in batches"
    template = await lock_template(tx, template_id)
    known = await _given_before(tx, template_id, gifts, source)
    shut = _shut(template, tx)
    held = {} if shut else await _held(tx, template_id, gifts)
    admission = admit(
        gifts,
        left=0 if shut else template["total"] - template["issued"],
        per_member=template["per_member"],
        held=held,
        known=known,
    )
    fresh = await _give(tx, template, [gifts[number] for number in admission.fresh], source)
    results = []
    for number, gift in enumerate(gifts):
        coupon = fresh.get(gift.source_key) or known.get(gift.source_key)
        refusal = shut if number in admission.refused and shut else admission.refused.get(number)
        if coupon is not None and coupon.member_id != gift.member_id:
            coupon, refusal = None, Conflict(code="coupon.source_reused", where="source_key")
        results.append(Given(coupon, repeated=coupon is not None and number not in admission.fresh, refusal=refusal))
    return results


def _shut(template: Any, tx: Tx) -> Conflict | None:
    """Why nothing is given of this template at all."""
    if template["state"] != "on":
        return Conflict(code="coupon.template_not_on", state=template["state"])
    if template["valid_to"] is not None and end_of(template["valid_to"]) < tx.now:
        return Conflict(code="coupon.template_ended")
    return None


async def _given_before(tx: Tx, template_id: UUID, gifts: Sequence[Gift], source: str) -> dict[str, Coupon]:
    rows = await tx.fetch(
        "SELECT * FROM coupons WHERE tenant_id = $1 AND template_id = $2 AND source = $3 AND source_key = ANY($4)",
        *(tx.tenant_id, template_id, source, [gift.source_key for gift in gifts]),
    )
    return {row["source_key"]: coupon_of(row) for row in rows}


async def _held(tx: Tx, template_id: UUID, gifts: Sequence[Gift]) -> dict[UUID, int]:
    rows = await tx.fetch(
        "SELECT member_id, issued FROM coupon_holders WHERE tenant_id = $1 AND template_id = $2 AND member_id = ANY($3)",
        *(tx.tenant_id, template_id, [gift.member_id for gift in gifts]),
    )
    return {row["member_id"]: row["issued"] for row in rows}


async def _give(tx: Tx, template: Any, gifts: Sequence[Gift], source: str) -> dict[str, Coupon]:
    """Write the coupons that were admitted, with guards that repeat the rules; by source key."""
    if not gifts:
        return {}
    people = [gift.member_id for gift in gifts]
    took = await tx.execute(TAKE_STOCK, tx.tenant_id, template["id"], len(gifts))
    counted = await tx.execute(COUNT_HOLDERS, tx.tenant_id, template["id"], people, template["per_member"])
    assert took == 1 and counted == len(set(people)), "stock or limit moved under the lock"
    valid_from, valid_until = validity(
        tx.now, valid_from=template["valid_from"], valid_to=template["valid_to"], valid_days=template["valid_days"]
    )
    given: dict[str, Coupon] = {}
    todo = list(gifts)
    for _ in range(5):
        rows = await tx.fetch(
            INSERT,
            *(tx.tenant_id, template["id"], template["name"], source, tx.now, valid_from, valid_until),
            *columns([(uuid7(), gift.member_id, new_code(), gift.source_key) for gift in todo], 4),
        )
        given |= {row["source_key"]: coupon_of(row) for row in rows}
        # A code that was taken (one in millions) is drawn again.
        todo = [gift for gift in todo if gift.source_key not in given]
        if not todo:
            break
    assert not todo, "no free codes"
    for gift in gifts:
        coupon = given[gift.source_key]
        tx.emit(
            CouponIssued(
                subject_id=coupon.member_id,
                coupon_id=coupon.id,
                template_id=coupon.template_id,
                code=coupon.code,
                name=coupon.name,
                valid_until=coupon.valid_until,
                source=source,
            )
        )
    return given
