"""What must always hold between orders and the ledger."""

INVARIANTS: dict[str, str] = {
    "orders.stored_value_paid_is_posted": """
        SELECT p.tenant_id, p.id, p.balance_fen, coalesce(t.total, 0) AS posted FROM purchases p
        LEFT JOIN (SELECT tenant_id, source_id, -sum(amount) AS total FROM ledger_transfers
                   WHERE source_type = 'purchase' AND unit IN ('cny_principal', 'cny_gift') GROUP BY 1, 2) t
          ON t.tenant_id = p.tenant_id AND t.source_id = p.id
        WHERE p.balance_fen <> coalesce(t.total, 0)""",
    "orders.points_are_posted_once": """
        SELECT p.tenant_id, p.id, p.points, coalesce(t.total, 0) AS posted FROM purchases p
        LEFT JOIN (SELECT tenant_id, source_id, sum(amount) AS total FROM ledger_transfers
                   WHERE source_type = 'purchase' AND unit IN ('points', 'points_pending') GROUP BY 1, 2) t
          ON t.tenant_id = p.tenant_id AND t.source_id = p.id
        WHERE p.points <> coalesce(t.total, 0)""",
    "orders.recharge_is_posted_once": """
        SELECT r.tenant_id, r.id FROM recharges r
        LEFT JOIN (SELECT tenant_id, source_id, sum(amount) FILTER (WHERE unit = 'cny_principal') AS own,
                          coalesce(sum(amount) FILTER (WHERE unit = 'cny_gift'), 0) AS gift FROM ledger_transfers
                   WHERE source_type = 'recharge' GROUP BY 1, 2) t ON t.tenant_id = r.tenant_id AND t.source_id = r.id
        WHERE r.paid_fen <> coalesce(t.own, 0) OR r.gift_fen <> coalesce(t.gift, 0)""",
    "orders.refunds_within_purchase": """
        SELECT p.tenant_id, p.id, p.refunded_fen, coalesce(r.total, 0) AS total FROM purchases p
        LEFT JOIN (SELECT tenant_id, purchase_id, sum(amount_fen) AS total FROM refunds GROUP BY 1, 2) r
          ON r.tenant_id = p.tenant_id AND r.purchase_id = p.id
        WHERE p.refunded_fen <> coalesce(r.total, 0)""",
}
