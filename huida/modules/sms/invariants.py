"""What must always hold of SMS, as queries that return the rows that break it (none, when all is well)."""

INVARIANTS: dict[str, str] = {
    "sms.one_applied_signature": """
        SELECT tenant_id, count(*) FROM sms_signatures WHERE applied GROUP BY tenant_id HAVING count(*) > 1""",
    "sms.applied_is_approved": """
        SELECT tenant_id, id, state FROM sms_signatures WHERE applied AND state <> 'approved'""",
    "sms.review_is_in_review": """
        SELECT s.tenant_id, s.id, s.state FROM sms_signatures s
        LEFT JOIN sms_reviews r ON r.merchant_id = s.tenant_id AND r.signature_id = s.id
        WHERE (s.state = 'in_review') <> (r.signature_id IS NOT NULL)""",
    "sms.decided_has_its_time": """
        SELECT tenant_id, id, state FROM sms_signatures WHERE (state = 'in_review') <> (decided_at IS NULL)""",
    "sms.at_most_ten_signatures": """
        SELECT tenant_id, count(*) FROM sms_signatures WHERE state IN ('in_review', 'approved')
        GROUP BY tenant_id HAVING count(*) > 10""",
    "sms.used_parts_are_charged": """
        SELECT a.tenant_id, a.balance, coalesce(c.parts, 0) AS charged FROM ledger_accounts a
        LEFT JOIN (SELECT tenant_id, sum(parts) AS parts FROM sms_charges GROUP BY 1) c USING (tenant_id)
        WHERE a.unit = 'sms_used' AND a.balance <> coalesce(c.parts, 0)""",
    "sms.used_money_is_charged": """
        SELECT a.tenant_id, a.balance, coalesce(c.fen, 0) AS charged FROM ledger_accounts a
        LEFT JOIN (SELECT tenant_id, sum(cost_fen) AS fen FROM sms_charges GROUP BY 1) c USING (tenant_id)
        WHERE a.unit = 'sms_fen' AND a.balance <> coalesce(c.fen, 0)""",
    "sms.charges_are_in_the_ledger": """
        SELECT c.tenant_id, sum(c.parts) AS charged FROM sms_charges c
        LEFT JOIN ledger_accounts a ON a.tenant_id = c.tenant_id AND a.unit = 'sms_used'
        GROUP BY c.tenant_id, a.balance HAVING sum(c.parts) <> coalesce(a.balance, 0)""",
    "sms.stock_is_bought_less_used": """
        SELECT s.tenant_id, s.balance, b.parts AS bought, u.parts AS used, o.balance AS owed FROM ledger_accounts s
        CROSS JOIN LATERAL (SELECT coalesce(sum(t.amount), 0) AS parts FROM ledger_transfers t
          WHERE t.tenant_id = s.tenant_id AND t.owner_id = s.owner_id AND t.unit = s.unit AND t.reason IN ('credit', 'taken')) b
        CROSS JOIN LATERAL (SELECT coalesce(sum(c.parts), 0) AS parts FROM sms_charges c
          WHERE c.tenant_id = s.tenant_id AND c.model = 'package') u
        LEFT JOIN ledger_accounts o ON o.tenant_id = s.tenant_id AND o.owner_id = s.owner_id AND o.unit = 'sms_owed'
        WHERE s.unit = 'sms_parts' AND s.balance <> b.parts - u.parts + coalesce(o.balance, 0)""",
    "sms.days_are_their_charges": """
        SELECT d.tenant_id, d.day, d.parts, c.parts AS charged FROM sms_days d
        LEFT JOIN (SELECT tenant_id, day, sum(parts) AS parts, sum(cost_fen) AS fen FROM sms_charges GROUP BY 1, 2) c
          USING (tenant_id, day)
        WHERE d.parts <> coalesce(c.parts, 0) OR d.cost_fen <> coalesce(c.fen, 0)""",
    "sms.paid_is_credited_once": """
        SELECT p.tenant_id, p.id, p.state FROM sms_purchases p
        LEFT JOIN ledger_transfers t ON t.tenant_id = p.tenant_id AND t.source_id = p.id
          AND t.source_type = 'sms_purchase' AND t.reason = 'credit' AND t.unit = 'sms_parts'
        WHERE (p.state IN ('paid', 'refunding', 'refunded')) <> (t.seq IS NOT NULL) OR (t.seq IS NOT NULL AND t.amount <> p.parts)""",
}
