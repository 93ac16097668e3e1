"""The statements of the feeds: each in the order in which its rows were recorded, after a key and before a time."""

from typing import Final

FEEDS: Final[dict[str, str]] = {
    "purchases": """
        SELECT p.id, s.code AS store, p.till_no, p.member_id, m.card_no, p.total_fen, p.balance_fen, p.principal_fen, p.points,
               p.refunded_fen, p.history, p.occurred_at, p.recorded_at
        FROM purchases p
        JOIN stores s ON s.tenant_id = p.tenant_id AND s.id = p.store_id
        JOIN members m ON m.tenant_id = p.tenant_id AND m.id = p.member_id
        WHERE p.tenant_id = $1 AND p.recorded_at >= $2 AND (p.recorded_at, p.id) > ($2, $3) AND p.recorded_at < $4
        ORDER BY p.recorded_at, p.id LIMIT $5""",
    "refunds": """
        SELECT r.id, s.code AS store, r.till_no, r.purchase_id, b.code AS purchase_store, p.till_no AS purchase_till_no,
               r.member_id, m.card_no, r.amount_fen, r.balance_fen, r.points + r.pending_points AS points, r.occurred_at,
               r.recorded_at
        FROM refunds r
        JOIN stores s ON s.tenant_id = r.tenant_id AND s.id = r.store_id
        JOIN purchases p ON p.tenant_id = r.tenant_id AND p.id = r.purchase_id
        JOIN stores b ON b.tenant_id = r.tenant_id AND b.id = p.store_id
        JOIN members m ON m.tenant_id = r.tenant_id AND m.id = r.member_id
        WHERE r.tenant_id = $1 AND r.recorded_at >= $2 AND (r.recorded_at, r.id) > ($2, $3) AND r.recorded_at < $4
        ORDER BY r.recorded_at, r.id LIMIT $5""",
    "recharges": """
        SELECT r.id, s.code AS store, r.till_no, r.member_id, m.card_no, r.paid_fen, r.gift_fen, r.gift_points, r.occurred_at,
               r.recorded_at
        FROM recharges r
        JOIN stores s ON s.tenant_id = r.tenant_id AND s.id = r.store_id
        JOIN members m ON m.tenant_id = r.tenant_id AND m.id = r.member_id
        WHERE r.tenant_id = $1 AND r.recorded_at >= $2 AND (r.recorded_at, r.id) > ($2, $3) AND r.recorded_at < $4
        ORDER BY r.recorded_at, r.id LIMIT $5""",
    "reversals": """
        SELECT v.id, s.code AS store, v.till_no, v.recharge_id, r.till_no AS recharge_till_no, r.member_id, m.card_no,
               r.paid_fen, r.gift_fen, v.points, v.reason, v.recorded_at
        FROM recharge_reversals v
        JOIN stores s ON s.tenant_id = v.tenant_id AND s.id = v.store_id
        JOIN recharges r ON r.tenant_id = v.tenant_id AND r.id = v.recharge_id
        JOIN members m ON m.tenant_id = v.tenant_id AND m.id = r.member_id
        WHERE v.tenant_id = $1 AND v.recorded_at >= $2 AND (v.recorded_at, v.id) > ($2, $3) AND v.recorded_at < $4
        ORDER BY v.recorded_at, v.id LIMIT $5""",
    "members": """
        SELECT m.*, m.changed_at AS recorded_at FROM members m
        WHERE m.tenant_id = $1 AND (m.changed_at, m.id) > ($2, $3) AND m.changed_at < $4
        ORDER BY m.changed_at, m.id LIMIT $5""",
}

TRANSFERS: Final = """
SELECT t.owner_id AS member_id, m.card_no, t.unit, t.seq, t.amount, t.balance_after, t.contra, t.reason, t.source_type,
       t.source_id, t.at AS recorded_at
FROM ledger_transfers t
JOIN members m ON m.tenant_id = t.tenant_id AND m.id = t.owner_id
WHERE t.tenant_id = $1 AND t.at >= $2 AND (t.at, t.owner_id, t.unit, t.seq) > ($2, $3, $4, $5) AND t.at < $6 AND t.unit = ANY($7)
ORDER BY t.at, t.owner_id, t.unit, t.seq LIMIT $8
"""
