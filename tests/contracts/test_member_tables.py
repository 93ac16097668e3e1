"""Every table that names a member says what becomes of its rows when the record is merged or erased (G-25).

A new table is entered here, and in the `lives.py` of its module.
"""

import huida.main
from huida.kernel.db import Base

MOVES = {
    "coupon_holders", "coupons", "deliveries", "identities", "ledger_accounts", "ledger_holds", "ledger_lots", "mall_orders",
    "mall_recharges", "mall_withdrawals", "member_passwords", "purchases", "recharges", "refunds",
}  # fmt: skip
"""Handed over to the survivor, and back."""
FOLLOWED = {
    "facts": "a fact is about the record that it was about; timelines read those of merged records too",
    "import_lines": "a line is about the record that it brought; an import that goes on asks for the survivor's card",
    "ledger_transfers": "the books of each account stay; what moved is a transfer of its own",
    "member_merges": "says which records became one",
    "member_old_cards": "a number stays with the record that had it, which points to the survivor",
    "member_sessions": "who is logged in is asked for the survivor",
    "spend_codes": "whose code it is is asked for the survivor",
}
"""Stays with the merged record, with the reason."""
ERASED = {
    "callback_inbox": "body", "deliveries": "address", "facts": "payload", "idempotency_keys": "answer", "identities": "openid",
    "import_lines": "content_sealed",
    "mall_orders": "phone_sealed", "mall_withdrawals": "payee_sealed", "member_passwords": "password_hash",
    "member_sessions": "openid", "members": "phone_sealed", "payments": "openid", "purchases": "who", "recharges": "who",
    "subscribe_credits": "openid", "verification_codes": "phone_sealed",
}  # fmt: skip
"""What says who a member is; `tests/flows/test_member_erased.py` looks at all of it."""
NOT_OF_MEMBERS = {
    ("staff_bindings", "openid"): "of the shop's own people",
    ("stores", "phone"): "the shop's own",
}


def columns(*names: str) -> set[tuple[str, str]]:
    assert huida.main
    return {
        (table.name, one.name) for table in Base.metadata.tables.values() for one in table.columns if one.name in names
    }


def test_every_table_that_names_a_member_is_handed_over_or_followed() -> None:
    found = {table for table, _ in columns("member_id", "owner_id", "subject_id", "survivor_id", "merged_id")}
    assert found - MOVES - FOLLOWED.keys() == set()
    assert (MOVES | FOLLOWED.keys()) - found == set()


def test_every_column_that_says_who_is_erased() -> None:
    personal = columns("openid", "unionid", "phone", "phone_sealed", "payee_sealed", "receiver", "address", "birthday")
    unknown = {one for one in personal if one[0] not in ERASED and one not in NOT_OF_MEMBERS and one[0] != "stores"}
    assert unknown == set()
    assert set(ERASED.items()) - columns(*ERASED.values()) == set()
