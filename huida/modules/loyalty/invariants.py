"""What must always hold of levels and of points that are not ripe."""

INVARIANTS: dict[str, str] = {
    # Only where everybody's level was read under the rules of now; a level that they do not know counts as their first.
    "loyalty.level_is_that_of_growth": """
        SELECT m.tenant_id, m.id, m.level, w.code FROM loyalty_rules r
        JOIN members m ON m.tenant_id = r.tenant_id AND m.state NOT IN ('merged', 'erased')
        LEFT JOIN ledger_accounts a ON a.tenant_id = m.tenant_id AND a.owner_id = m.id AND a.unit = 'growth'
        CROSS JOIN LATERAL (
          SELECT e ->> 'code' AS code FROM jsonb_array_elements(r.rules -> 'levels') AS e
          WHERE (e ->> 'growth')::bigint * 100 <= coalesce(a.balance, 0) ORDER BY (e ->> 'growth')::bigint DESC LIMIT 1) AS w
        WHERE r.levels_read_at >= r.updated_at AND w.code <> CASE
          WHEN r.rules -> 'levels' @> jsonb_build_array(jsonb_build_object('code', m.level)) THEN m.level
          ELSE (SELECT e ->> 'code' FROM jsonb_array_elements(r.rules -> 'levels') AS e
                WHERE (e ->> 'growth')::bigint = 0) END""",
    "loyalty.pending_points_are_in_lots": """
        SELECT a.tenant_id, a.owner_id, a.balance, coalesce(l.total, 0) AS total FROM ledger_accounts a
        LEFT JOIN (SELECT tenant_id, owner_id, sum(remaining) AS total FROM ledger_lots
                   WHERE unit = 'points_pending' GROUP BY 1, 2) l USING (tenant_id, owner_id)
        WHERE a.unit = 'points_pending' AND a.balance <> coalesce(l.total, 0)""",
}
