"""What must always hold of members' lives, as queries that return the rows that break it (none, when all is well)."""

OWNED_BY = (
    "purchases",
    "recharges",
    "refunds",
    "coupons",
    "identities",
    "mall_orders",
    "mall_recharges",
    "mall_withdrawals",
)

INVARIANTS: dict[str, str] = {
    "lives.merged_owns_nothing": """
        SELECT m.tenant_id, m.id, 'ledger' AS what FROM members m
        JOIN ledger_accounts a ON a.tenant_id = m.tenant_id AND a.owner_id = m.id AND (a.balance <> 0 OR a.held <> 0)
        WHERE m.state = 'merged'"""
    + "".join(
        f"""
        UNION ALL SELECT m.tenant_id, m.id, '{table}' FROM members m
        JOIN {table} t ON t.tenant_id = m.tenant_id AND t.member_id = m.id WHERE m.state = 'merged'"""
        for table in OWNED_BY
    ),
    "lives.merged_into_a_record_of_its_own": """
        SELECT m.tenant_id, m.id, m.merged_into FROM members m
        LEFT JOIN members s ON s.tenant_id = m.tenant_id AND s.id = m.merged_into
        WHERE m.state = 'merged' AND (s.id IS NULL OR s.state = 'merged')""",
    "lives.merged_by_a_merge": """
        SELECT m.tenant_id, m.id FROM members m WHERE m.state = 'merged' AND NOT EXISTS (
          SELECT FROM member_merges g WHERE g.tenant_id = m.tenant_id AND g.merged_id = m.id AND g.undone_at IS NULL)
        UNION ALL SELECT g.tenant_id, g.merged_id FROM member_merges g
        JOIN members m ON m.tenant_id = g.tenant_id AND m.id = g.merged_id
        WHERE g.undone_at IS NULL AND m.state <> 'merged'""",
    "lives.left_owns_only_what_came_since": """
        SELECT m.tenant_id, m.id, a.unit, a.balance FROM members m
        JOIN ledger_accounts a ON a.tenant_id = m.tenant_id AND a.owner_id = m.id
        WHERE m.state IN ('left', 'erased') AND a.balance <> (
          SELECT coalesce(sum(t.amount), 0) FROM ledger_transfers t WHERE t.tenant_id = m.tenant_id AND t.owner_id = m.id
            AND t.unit = a.unit AND t.at > m.left_at)""",
    "lives.left_has_no_open_coupon": """
        SELECT m.tenant_id, m.id, c.id AS coupon FROM members m
        JOIN coupons c ON c.tenant_id = m.tenant_id AND c.member_id = m.id AND c.state = 'issued'
        WHERE m.state IN ('left', 'erased')""",
    "lives.replaced_card_is_nobodys": """
        SELECT o.tenant_id, o.card_no, m.id FROM member_old_cards o
        JOIN members m ON m.tenant_id = o.tenant_id AND m.card_no = o.card_no""",
}
