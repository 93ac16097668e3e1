"""Lists and details of members for screens."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final
from uuid import UUID

from huida.kernel.db import Tx
from huida.kernel.errors import Invalid
from huida.kernel.lists import Where, fetch
from huida.kernel.secrets import mask_openid, mask_phone
from huida.modules.members import service
from huida.modules.members.identifiers import card_key, fold_card, fold_phone
from huida.modules.members.service import PURPOSE, phone_of
from huida.modules.members.views import Member, OpenMember, WechatIdentity

ALL: Final = "SELECT * FROM members"
NEWEST: Final = "id DESC"
LAST_CHARACTER: Final = "\U0010ffff"


async def search(
    tx: Tx,
    *,
    limit: int,
    before: UUID | None,
    q: str = "",
    level: str | None = None,
    state: str | None = None,
    tag: str | None = None,
) -> list[Any]:
    """Members, newest first, below the id `before`. `q` is a whole card number, a whole phone, or how a name begins.

    A card number that was replaced finds its member. Records that were merged into another one, and erased ones, are shown
    only when their state, or their number, is asked for.
    """
    q = q.strip()
    where = Where(tx.tenant_id)
    where.equal(level=level, state=state)
    if state is None and not q:
        where.add("state NOT IN ('merged', 'erased')")
    if tag is not None:
        where.add("{} = ANY(tags)", tag)
    if before is not None:
        where.add("id < {}", before)
    if not q:
        return await fetch(tx, ALL, where, NEWEST, limit)
    named, numbered = deepcopy(where), where
    # Bounds instead of LIKE: PostgreSQL may use the index for them under row-level security.
    named.add("name ~>=~ {} AND name ~<~ {}", q, q + LAST_CHARACTER)
    phone = _phone_hash(tx, q)
    owner = await service.old_card(tx, q)
    gone = [] if owner is None else [("id = {}", owner["member_id"])]
    numbers = [("card_no = {}", q), *_by_card(q), *gone, *([] if phone is None else [("phone_hash = {}", phone)])]
    numbered.add(f"({' OR '.join(condition for condition, _ in numbers)})", *(value for _, value in numbers))
    found = {row["id"]: row for one in (named, numbered) for row in await fetch(tx, ALL, one, NEWEST, limit)}
    return sorted(found.values(), key=lambda row: str(row["id"]), reverse=True)[:limit]


def _by_card(text: str) -> list[tuple[str, Any]]:
    try:
        return [("(card_key = {} AND NOT card_twin)", card_key(fold_card(text)))]
    except Invalid:
        return []


def _phone_hash(tx: Tx, text: str) -> bytes | None:
    try:
        return tx.sealer.blind_index(fold_phone(text), purpose=PURPOSE)
    except Invalid:
        return None


async def identities(tx: Tx, member_id: UUID) -> list[Any]:
    """The member's WeChat accounts."""
    return await tx.fetch(
        "SELECT app_id, openid, unionid, follows, updated_at FROM identities "
        "WHERE tenant_id = $1 AND member_id = $2 ORDER BY app_id, openid LIMIT 100",
        *(tx.tenant_id, member_id),
    )


def sees_whole(may: frozenset[str]) -> bool:
    """Who sees a person's phone and WeChat ids whole; others see parts."""
    return bool(may & {"members.phones", "*"})


def show_identity(row: Any, *, may: frozenset[str]) -> WechatIdentity:
    """A WeChat account; without `members.phones` its openid is masked and the unionid left out."""
    whole = sees_whole(may)
    return {
        "app_id": row["app_id"],
        "openid": row["openid"] if whole else mask_openid(row["openid"]),
        "unionid": row["unionid"] if whole else None,
        "follows": row["follows"],
        "updated_at": row["updated_at"],
    }


def show(tx: Tx, row: Any, *, may: frozenset[str], levels: Mapping[str, str]) -> Member:
    """A member as a list shows it; the phone is masked without `members.phones`. `levels` are the merchant's names by code:
    a code that the rules do not have any more is shown as it is (U-08)."""
    phone = phone_of(tx, row)
    if phone is not None and not sees_whole(may):
        phone = mask_phone(phone)
    return {
        **_shown(row, phone),
        "note": row["note"],
        "tags": list(row["tags"]),
        "level_name": levels.get(row["level"], row["level"]),
    }


def show_open(tx: Tx, row: Any) -> OpenMember:
    """A member as the open API shows it: no note, and the phone always masked."""
    phone = phone_of(tx, row)
    return _shown(row, mask_phone(phone) if phone else None)


def _shown(row: Any, phone: str | None) -> OpenMember:
    return {
        "id": row["id"],
        "card_no": row["card_no"],
        "name": row["name"],
        "phone": phone,
        "level": row["level"],
        "state": row["state"],
        "birthday": row["birthday"],
        "store_id": row["store_id"],
        "joined_at": row["joined_at"],
        "merged_into": row["merged_into"],
    }
