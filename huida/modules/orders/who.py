"""Whom a row speaks of, and whether it speaks of the same as before."""

from collections.abc import Sequence

from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, NotFound
from huida.modules import members
from huida.modules.orders.rows import Who


async def find_members(tx: Tx, who: Sequence[Who]) -> dict[tuple[str, str], members.Known]:
    """Members by what the rows call them, in at most three queries."""
    wanted: dict[str, set[str]] = {"card_no": set(), "phone": set(), "openid": set()}
    for person in who:
        if person.ref is not None:
            wanted[person.ref[0]].add(person.ref[1])
    found: dict[tuple[str, str], members.Known] = {}
    if wanted["card_no"]:
        found |= {("card_no", k): m for k, m in (await members.by_card_no(tx, list(wanted["card_no"]))).items()}
    if wanted["phone"]:
        found |= {("phone", k): m for k, m in (await members.by_phone(tx, list(wanted["phone"]))).items()}
    if wanted["openid"]:
        found |= {("openid", k): m for k, m in (await members.by_openid(tx, list(wanted["openid"]))).items()}
    return found


def member_for(found: dict[tuple[str, str], members.Known], who: Who) -> members.Known:
    """The member a row speaks of. Raises NotFound when unknown, Conflict when frozen or gone."""
    ref = who.ref
    member = found.get(ref) if ref else None
    if member is None:
        raise NotFound(code="member.not_found", where=ref[0] if ref else "card_no")
    if member.state != "active":
        raise Conflict(code=member.refusal_code, where=ref[0] if ref else "card_no", state=member.state)
    return member


def print_of(tx: Tx, who: Who) -> bytes:
    """A keyed print of how a row calls its member: a repetition is known by it when the number has moved on (B-09)."""
    kind, value = who.ref or ("", "")
    return tx.sealer.blind_index(f"{kind} {members.fold_ref(kind, value)}", purpose="orders.who")
