"""What must always hold of the mall, as queries that return the rows that break it (none, when all is well)."""

INVARIANTS: dict[str, str] = {
    "mall.paid_orders_have_their_payment": """
        SELECT o.tenant_id, o.id, o.total_fen, p.amount_fen FROM mall_orders o
        LEFT JOIN payments p ON p.tenant_id = o.tenant_id AND p.id = o.payment_id AND p.state = 'paid'
        WHERE o.paid_at IS NOT NULL AND (p.id IS NULL OR p.amount_fen <> o.total_fen)""",
    "mall.paid_payments_are_taken": """
        SELECT p.tenant_id, p.id FROM payments p
        LEFT JOIN mall_orders o ON o.tenant_id = p.tenant_id AND o.id = p.reference_id
        WHERE p.purpose = 'mall_order' AND p.state = 'paid' AND o.paid_at IS NULL
          AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.tenant_id = p.tenant_id AND j.kind = 'mall.take_payments')
          AND NOT EXISTS (SELECT 1 FROM jobs_later j WHERE j.tenant_id = p.tenant_id AND j.kind = 'mall.take_payments')""",
    "mall.order_total_is_its_lines": """
        SELECT o.tenant_id, o.id, o.total_fen, l.total FROM mall_orders o
        LEFT JOIN (SELECT tenant_id, order_id AS id, sum(price_fen * count) AS total, sum(count) AS pieces
                   FROM mall_order_lines GROUP BY 1, 2) l USING (tenant_id, id)
        WHERE o.total_fen IS DISTINCT FROM l.total OR o.count IS DISTINCT FROM l.pieces""",
    "mall.stock_is_never_negative": """
        SELECT tenant_id, id, stock FROM mall_skus WHERE stock < 0""",
    "mall.closed_orders_keep_no_stock": """
        SELECT tenant_id, id, state FROM mall_orders WHERE state = 'closed' AND stock_taken""",
    "mall.open_orders_have_their_stock": """
        SELECT tenant_id, id, state FROM mall_orders WHERE state <> 'closed' AND NOT stock_taken""",
    "mall.refunds_within_order": """
        SELECT o.tenant_id, o.id, o.refunded_fen, coalesce(r.total, 0) AS total FROM mall_orders o
        LEFT JOIN (SELECT tenant_id, order_id AS id, sum(amount_fen) AS total FROM mall_refunds
                   WHERE state <> 'failed' GROUP BY 1, 2) r USING (tenant_id, id)
        WHERE o.refunded_fen <> coalesce(r.total, 0)""",
    "mall.refunded_by_wechat_pay": """
        SELECT r.tenant_id, r.id, r.amount_fen, p.amount_fen AS paid_back FROM mall_refunds r
        LEFT JOIN pay_refunds p ON p.tenant_id = r.tenant_id AND p.source_id = r.id
        WHERE p.id IS NULL OR p.amount_fen <> r.amount_fen OR (r.state = 'succeeded' AND p.state <> 'succeeded')""",
    "mall.recharges_are_credited_once": """
        SELECT r.tenant_id, r.id, r.paid_fen, r.gift_fen, t.own, t.gift FROM mall_recharges r
        LEFT JOIN (SELECT tenant_id, source_id AS id, sum(amount) FILTER (WHERE unit = 'cny_principal') AS own,
                          sum(amount) FILTER (WHERE unit = 'cny_gift') AS gift
                   FROM ledger_transfers WHERE source_type = 'recharge' GROUP BY 1, 2) t USING (tenant_id, id)
        WHERE CASE WHEN r.state = 'paid' THEN r.paid_fen ELSE 0 END <> coalesce(t.own, 0)
           OR CASE WHEN r.state = 'paid' THEN r.gift_fen ELSE 0 END <> coalesce(t.gift, 0)""",
    "mall.withdrawals_are_held_or_gone": """
        SELECT w.tenant_id, w.id, w.state, h.state AS hold FROM mall_withdrawals w
        LEFT JOIN ledger_holds h ON h.tenant_id = w.tenant_id AND h.id = w.hold_id AND h.amount = w.amount_fen
        WHERE h.state IS DISTINCT FROM
          CASE w.state WHEN 'asked' THEN 'open' WHEN 'paid' THEN 'captured' ELSE 'released' END""",
}
