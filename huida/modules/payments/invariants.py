"""What must always hold of payments, as queries that return the rows that break it (none, when all is well)."""

INVARIANTS: dict[str, str] = {
    "payments.refunds_within_payment": """
        SELECT p.tenant_id, p.id, p.amount_fen, p.refunded_fen, coalesce(r.total, 0) AS total FROM payments p
        LEFT JOIN (SELECT tenant_id, payment_id AS id, sum(amount_fen) AS total FROM pay_refunds
                   WHERE state <> 'failed' GROUP BY 1, 2) r USING (tenant_id, id)
        WHERE p.refunded_fen <> coalesce(r.total, 0) OR p.refunded_fen > p.amount_fen""",
    "payments.refunds_only_of_paid": """
        SELECT r.tenant_id, r.id FROM pay_refunds r
        LEFT JOIN payments p ON p.tenant_id = r.tenant_id AND p.id = r.payment_id
        WHERE p.id IS NULL OR p.state <> 'paid'""",
    "payments.paid_is_told_once": """
        SELECT p.tenant_id, p.id, coalesce(f.n, 0) AS told FROM payments p
        LEFT JOIN (SELECT tenant_id, (payload ->> 'payment_id')::uuid AS id, count(*) AS n FROM facts
                   WHERE kind = 'payment.succeeded' GROUP BY 1, 2) f USING (tenant_id, id)
        WHERE (p.state = 'paid')::int <> coalesce(f.n, 0)""",
    "payments.transaction_pays_once": """
        SELECT tenant_id, transaction_id, count(*) FROM payments
        WHERE transaction_id <> '' GROUP BY 1, 2 HAVING count(*) > 1""",
    "payments.every_asked_has_its_route": """
        SELECT p.tenant_id, p.id FROM payments p
        LEFT JOIN pay_routes w ON w.account_id = p.account_id AND w.tenant_id = p.tenant_id
        WHERE p.account_id IS NOT NULL AND w.route_key IS NULL""",
}
