"""What must always hold of coupons, as queries that return the rows that break it (none, when all is well)."""

INVARIANTS: dict[str, str] = {
    "coupons.issued_is_count": """
        SELECT t.tenant_id, t.id, t.issued, coalesce(c.total, 0) AS total FROM coupon_templates t
        LEFT JOIN (SELECT tenant_id, template_id AS id, count(*) AS total FROM coupons GROUP BY 1, 2) c
          USING (tenant_id, id)
        WHERE t.issued <> coalesce(c.total, 0)""",
    "coupons.never_oversold": """
        SELECT tenant_id, id, issued, total FROM coupon_templates WHERE issued > total OR issued < 0""",
    "coupons.every_coupon_has_its_template": """
        SELECT c.tenant_id, c.id FROM coupons c
        LEFT JOIN coupon_templates t ON t.tenant_id = c.tenant_id AND t.id = c.template_id WHERE t.id IS NULL""",
    "coupons.holders_are_counts": """
        SELECT tenant_id, template_id, member_id, h.issued, c.total FROM coupon_holders h
        FULL JOIN (SELECT tenant_id, template_id, member_id, count(*) AS total FROM coupons GROUP BY 1, 2, 3) c
          USING (tenant_id, template_id, member_id)
        WHERE h.issued IS DISTINCT FROM c.total""",
    "coupons.used_has_used_at": """
        SELECT tenant_id, id, state FROM coupons WHERE (state = 'used') <> (used_at IS NOT NULL)""",
    "coupons.closed_has_closed_at": """
        SELECT tenant_id, id, state FROM coupons
        WHERE (state IN ('expired', 'void', 'returned')) <> (closed_at IS NOT NULL)""",
    "coupons.used_while_valid": """
        SELECT tenant_id, id, used_at FROM coupons WHERE used_at < valid_from OR used_at > valid_until""",
}
