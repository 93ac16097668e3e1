"""What must always hold in the ledger, as queries that return the rows that break it (none, when all is well)."""

INVARIANTS: dict[str, str] = {
    "ledger.balance_is_sum_of_transfers": """
        SELECT a.tenant_id, a.owner_id, a.unit, a.balance, coalesce(t.total, 0) AS total FROM ledger_accounts a
        LEFT JOIN (SELECT tenant_id, owner_id, unit, sum(amount) AS total FROM ledger_transfers GROUP BY 1, 2, 3) t
          USING (tenant_id, owner_id, unit)
        WHERE a.balance <> coalesce(t.total, 0)""",
    "ledger.every_transfer_has_its_account": """
        SELECT t.tenant_id, t.owner_id, t.unit FROM ledger_transfers t
        LEFT JOIN ledger_accounts a USING (tenant_id, owner_id, unit) WHERE a.owner_id IS NULL""",
    "ledger.held_within_balance": """
        SELECT tenant_id, owner_id, unit, balance, held FROM ledger_accounts WHERE held < 0 OR held > balance""",
    "ledger.held_is_sum_of_open_holds": """
        SELECT a.tenant_id, a.owner_id, a.unit, a.held, coalesce(h.total, 0) AS total FROM ledger_accounts a
        LEFT JOIN (SELECT tenant_id, owner_id, unit, sum(amount) AS total FROM ledger_holds
                   WHERE state = 'open' GROUP BY 1, 2, 3) h USING (tenant_id, owner_id, unit)
        WHERE a.held <> coalesce(h.total, 0)""",
    "ledger.lots_within_balance": """
        SELECT a.tenant_id, a.owner_id, a.unit, a.balance, l.total FROM ledger_accounts a
        JOIN (SELECT tenant_id, owner_id, unit, sum(remaining) AS total FROM ledger_lots GROUP BY 1, 2, 3) l
          USING (tenant_id, owner_id, unit)
        WHERE l.total > a.balance""",
    "ledger.chain_without_gap": """
        SELECT tenant_id, owner_id, unit, seq FROM (
          SELECT *, lag(seq, 1, 0::bigint) OVER w AS seq_before, lag(balance_after, 1, 0::bigint) OVER w AS before
          FROM ledger_transfers WINDOW w AS (PARTITION BY tenant_id, owner_id, unit ORDER BY seq)) t
        WHERE seq <> seq_before + 1 OR balance_after <> before + amount""",
    "ledger.seq_is_last_transfer": """
        SELECT a.tenant_id, a.owner_id, a.unit, a.seq FROM ledger_accounts a
        LEFT JOIN (SELECT tenant_id, owner_id, unit, max(seq) AS last FROM ledger_transfers GROUP BY 1, 2, 3) t
          USING (tenant_id, owner_id, unit)
        WHERE a.seq <> coalesce(t.last, 0)""",
    "ledger.reversal_is_exact": """
        SELECT r.tenant_id, r.owner_id, r.unit, r.seq FROM ledger_transfers r
        LEFT JOIN ledger_transfers t ON t.tenant_id = r.tenant_id AND t.owner_id = r.owner_id AND t.unit = r.unit
          AND t.seq = r.reverses
        WHERE r.reverses IS NOT NULL AND (t.seq IS NULL OR t.reverses IS NOT NULL OR t.amount <> -r.amount)""",
}
