"""Erasing who a member was. What was bought, paid and owed stays, under a number that says nothing about a person."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from huida.kernel import erase as kernel
from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, Invalid, WrongState
from huida.kernel.jobs import Work
from huida.modules import connections, mall, members, messaging, moving, orders, payments, verification
from huida.modules.lives.facts import MemberErased
from huida.modules.lives.owned import owned

FORGET: Final = "lives.forget"

work = Work("lives")


async def erase(tx: Tx, member_id: UUID, *, card_no: str) -> None:
    """Erase the personal data of one who has left, and of the records that were merged into theirs. Cannot be undone.

    What takes long to look through (WeChat's pushes, payments, kept answers, lines of files) is erased by a job that follows, so that tills
    do not wait for it. Raises NotFound, Invalid
    when the card number was not typed right, WrongState for who has not left, Conflict `member.has_balance`.
    """
    ids = await members.records_of(tx, member_id)
    rows = await members.lock_rows(tx, ids)
    row = rows[member_id]
    if row["state"] != "left":
        raise WrongState(current=row["state"], target="erased")
    if card_no.strip() != row["card_no"]:
        raise Invalid(code="member.card_mismatch", where="card_no")
    if (await owned(tx, member_id)).has_balance:
        raise Conflict(code="member.pay_out_first")
    phones = [phone for one in rows.values() if (phone := members.phone_of(tx, one)) is not None]
    card_nos = [
        *(one["card_no"] for one in rows.values()),
        *(old["card_no"] for old in await members.old_cards(tx, member_id)),
    ]
    named = [key.hex() for key in moving.keys_of(tx, card_nos=card_nos, phones=phones)]
    openids = await members.wipe(tx, ids)
    await mall.wipe(tx, ids)
    await orders.wipe(tx, ids)
    await messaging.wipe(tx, ids)
    await verification.wipe(tx, ids, phones)
    await tx.execute(
        "UPDATE member_merges SET receipt = '{}' WHERE tenant_id = $1 AND survivor_id = ANY($2)", tx.tenant_id, ids
    )
    await kernel.forget_in_facts(tx, ids)
    tx.enqueue(FORGET, {"members": ids, "openids": openids, "named": named}, lane=member_id)
    tx.emit(MemberErased(subject_id=member_id, card_no=row["card_no"]))


@work.job
async def forget(tx: Tx, payloads: Sequence[Any]) -> None:
    """Erase what takes long to look through. Twice is safe: what is gone is gone."""
    for payload in payloads:
        openids: list[str] = payload["openids"]
        ids = [UUID(one) for one in payload["members"]]
        await moving.wipe(tx, ids, [bytes.fromhex(key) for key in payload.get("named", ())])
        await members.forget_accounts(tx, openids)
        await messaging.forget_accounts(tx, openids)
        await payments.wipe(tx, openids)
        await connections.wipe(tx, openids)
        await kernel.forget_pushed(tx, openids)
        await kernel.forget_in_answers(tx, ids)
        await kernel.forget_in_jobs(tx, openids, but=FORGET)
