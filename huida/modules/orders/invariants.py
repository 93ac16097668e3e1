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
    "orders.growth_is_posted_once": """
        SELECT p.tenant_id, p.id, p.growth_fen, coalesce(t.total, 0) AS posted FROM purchases p
        LEFT JOIN (SELECT tenant_id, source_id, sum(amount) AS total FROM ledger_transfers
                   WHERE source_type = 'purchase' AND unit = 'growth' GROUP BY 1, 2) t
          ON t.tenant_id = p.tenant_id AND t.source_id = p.id
        WHERE p.growth_fen <> coalesce(t.total, 0)""",
    "orders.refund_is_posted_once": """
        SELECT r.tenant_id, r.id FROM refunds r
        LEFT JOIN (SELECT tenant_id, source_id,
                          coalesce(sum(amount) FILTER (WHERE unit IN ('cny_principal', 'cny_gift')), 0) AS stored,
                          coalesce(sum(amount) FILTER (WHERE unit = 'points'), 0) AS points,
                          coalesce(sum(amount) FILTER (WHERE unit = 'points_pending'), 0) AS pending,
                          coalesce(sum(amount) FILTER (WHERE unit = 'growth'), 0) AS growth FROM ledger_transfers
                   WHERE source_type = 'refund' GROUP BY 1, 2) t ON t.tenant_id = r.tenant_id AND t.source_id = r.id
        WHERE (r.balance_fen, -r.points, -r.pending_points, -r.growth_fen)
          <> (coalesce(t.stored, 0), coalesce(t.points, 0), coalesce(t.pending, 0), coalesce(t.growth, 0))""",
    "orders.refunds_take_no_more_than_was_given": """
        SELECT p.tenant_id, p.id FROM purchases p JOIN (
          SELECT tenant_id, purchase_id, sum(balance_fen) AS balance, sum(points + pending_points) AS points,
                 sum(growth_fen) AS growth FROM refunds GROUP BY 1, 2) r ON r.tenant_id = p.tenant_id AND r.purchase_id = p.id
        WHERE r.balance > p.balance_fen OR r.points > p.points OR r.growth > p.growth_fen
          OR (p.refunded_fen = p.total_fen AND r.balance <> p.balance_fen)""",
    "orders.reversal_is_posted_once": """
        SELECT v.tenant_id, v.id FROM recharge_reversals v
        JOIN recharges r ON r.tenant_id = v.tenant_id AND r.id = v.recharge_id
        LEFT JOIN (SELECT tenant_id, source_id,
                          coalesce(sum(amount) FILTER (WHERE unit IN ('cny_principal', 'cny_gift')), 0) AS stored,
                          coalesce(sum(amount) FILTER (WHERE unit = 'points'), 0) AS points FROM ledger_transfers
                   WHERE source_type = 'recharge_reversal' GROUP BY 1, 2) t ON t.tenant_id = v.tenant_id AND t.source_id = v.id
        WHERE coalesce(t.stored, 0) <> -(r.paid_fen + r.gift_fen) OR coalesce(t.points, 0) <> -v.points""",
}
