-- The posting function of the ledger (single and batch are the same call). All postings of a call stand or fall together:
--   posted    one row per posting: its order, balance after, sequence
--   short     nothing was done; one row per account with what is available (the rows stay locked, the caller decides)
--   repeated  nothing was done; one row per posting that was posted before under the same business key
-- The last row says which: `posted` rows may stand before the others, since PL/pgSQL keeps what it had returned when a
-- unique violation rolls the posting back.
-- Each account is moved by one guarded UPDATE, in the order of its key. The loop is deliberate: a joined UPDATE depends on
-- fresh statistics to find its plan, the keyed one does not.
CREATE OR REPLACE FUNCTION ledger_post(
  p_tenant bigint, p_at timestamptz,
  p_owner uuid[], p_unit text[], p_amount bigint[], p_contra text[], p_reason text[],
  p_source_type text[], p_source uuid[], p_reverses bigint[], p_expires timestamptz[],
  OUT outcome text, OUT ord integer, OUT owner uuid, OUT unit text, OUT balance bigint, OUT seq bigint
) RETURNS SETOF record
LANGUAGE plpgsql
SET enable_seqscan = off
AS $$
#variable_conflict use_column
DECLARE
  step record;
  was_balance bigint;
  was_seq bigint;
  owners uuid[] := '{}';
  units text[] := '{}';
  balances bigint[] := '{}';
  seqs bigint[] := '{}';
  has_debit boolean := false;
BEGIN
  BEGIN
    FOR step IN
      SELECT r.o, r.u, sum(r.amount)::bigint AS net, count(*) AS steps,
             bool_or(r.amount < 0) AS debits, least(0, min(r.running) FILTER (WHERE r.amount < 0))::bigint AS lowest
      FROM (SELECT p.o, p.u, p.amount, sum(p.amount) OVER (PARTITION BY p.o, p.u ORDER BY p.n) AS running
            FROM unnest(p_owner, p_unit, p_amount) WITH ORDINALITY AS p(o, u, amount, n)) AS r
      GROUP BY r.o, r.u ORDER BY r.o, r.u
    LOOP
      UPDATE ledger_accounts a SET balance = a.balance + step.net, seq = a.seq + step.steps
      WHERE a.tenant_id = p_tenant AND a.owner_id = step.o AND a.unit = step.u AND a.balance - a.held + step.lowest >= 0
      RETURNING a.balance - step.net, a.seq - step.steps INTO was_balance, was_seq;
      IF NOT FOUND THEN
        IF step.lowest < 0 THEN
          RAISE EXCEPTION USING errcode = 'HD001', message = 'insufficient balance';
        END IF;
        INSERT INTO ledger_accounts AS a (tenant_id, owner_id, unit, balance, seq)
        VALUES (p_tenant, step.o, step.u, step.net, step.steps)
        ON CONFLICT (tenant_id, owner_id, unit) DO UPDATE SET balance = a.balance + step.net, seq = a.seq + step.steps
        RETURNING a.balance - step.net, a.seq - step.steps INTO was_balance, was_seq;
      END IF;
      owners := owners || step.o;
      units := units || step.u;
      balances := balances || was_balance;
      seqs := seqs || was_seq;
      has_debit := has_debit OR step.debits;
    END LOOP;
    RETURN QUERY
      WITH r AS (
        SELECT p.*, b.balance + sum(p.amount) OVER w AS after_it, b.seq + row_number() OVER w AS its_seq
        FROM unnest(p_owner, p_unit, p_amount, p_contra, p_reason, p_source_type, p_source, p_reverses)
             WITH ORDINALITY AS p(o, u, amount, contra, reason, source_type, source, reverses, n)
        JOIN unnest(owners, units, balances, seqs) AS b(o, u, balance, seq) ON b.o = p.o AND b.u = p.u
        WINDOW w AS (PARTITION BY p.o, p.u ORDER BY p.n)
      ), written AS (
        INSERT INTO ledger_transfers
          (tenant_id, owner_id, unit, seq, amount, balance_after, contra, reason, source_type, source_id, reverses, at)
        SELECT p_tenant, r.o, r.u, r.its_seq, r.amount, r.after_it, r.contra, r.reason, r.source_type, r.source, r.reverses, p_at
        FROM r
      )
      SELECT 'posted'::text, r.n::integer, r.o, r.u, r.after_it::bigint, r.its_seq FROM r;
  EXCEPTION
    -- Too little, or posted before: lock the accounts first, so that the answer is still true when the caller acts on it.
    WHEN SQLSTATE 'HD001' OR unique_violation THEN
      FOR step IN SELECT DISTINCT t.o, t.u FROM unnest(p_owner, p_unit) AS t(o, u) ORDER BY 1, 2 LOOP
        PERFORM FROM ledger_accounts a
        WHERE a.tenant_id = p_tenant AND a.owner_id = step.o AND a.unit = step.u FOR NO KEY UPDATE;
      END LOOP;
      -- What was posted before is never too much: it takes nothing.
      RETURN QUERY
        SELECT 'repeated'::text, p.n::integer, t.owner_id, t.unit, t.balance_after, t.seq
        FROM unnest(p_owner, p_unit, p_reason, p_source_type, p_source, p_reverses)
             WITH ORDINALITY AS p(o, u, reason, source_type, source, reverses, n)
        CROSS JOIN LATERAL (
          SELECT x.owner_id, x.unit, x.balance_after, x.seq FROM ledger_transfers x
          WHERE x.tenant_id = p_tenant AND x.owner_id = p.o AND x.unit = p.u AND (
            (x.source_id = p.source AND x.source_type = p.source_type AND x.reason = p.reason) OR x.reverses = p.reverses)
          LIMIT 1) AS t;
      IF FOUND THEN
        RETURN;
      END IF;
      RETURN QUERY
        SELECT 'short'::text, NULL::integer, t.o, t.u, coalesce(a.balance - a.held, 0), coalesce(a.seq, 0)
        FROM (SELECT DISTINCT p.o, p.u FROM unnest(p_owner, p_unit) AS p(o, u)) AS t
        LEFT JOIN LATERAL (
          SELECT x.balance, x.held, x.seq FROM ledger_accounts x
          WHERE x.tenant_id = p_tenant AND x.owner_id = t.o AND x.unit = t.u LIMIT 1) AS a ON true;
      RETURN;
  END;

  IF EXISTS (SELECT 1 FROM unnest(p_expires) AS e(x) WHERE e.x IS NOT NULL) THEN
    INSERT INTO ledger_lots (tenant_id, owner_id, unit, expires_at, remaining)
    SELECT p_tenant, p.o, p.u, p.x, sum(p.amount)
    FROM unnest(p_owner, p_unit, p_amount, p_expires) AS p(o, u, amount, x)
    WHERE p.x IS NOT NULL AND p.amount > 0 GROUP BY p.o, p.u, p.x ORDER BY 2, 3, 4
    ON CONFLICT (tenant_id, owner_id, unit, expires_at) DO UPDATE SET remaining = ledger_lots.remaining + excluded.remaining;
  END IF;
  -- A debit eats the lots from the earliest expiry on, as far as they reach; the rest of the balance does not expire.
  IF has_debit THEN
    FOR step IN
      SELECT p.o, p.u, -sum(p.amount)::bigint AS debit
      FROM unnest(p_owner, p_unit, p_amount) AS p(o, u, amount) WHERE p.amount < 0 GROUP BY p.o, p.u ORDER BY p.o, p.u
    LOOP
      UPDATE ledger_lots l SET remaining = l.remaining - c.take
      FROM (
        SELECT q.expires_at, greatest(0, least(q.remaining, step.debit - q.before)) AS take
        FROM (SELECT l2.expires_at, l2.remaining, sum(l2.remaining) OVER (ORDER BY l2.expires_at) - l2.remaining AS before
              FROM ledger_lots l2
              WHERE l2.tenant_id = p_tenant AND l2.owner_id = step.o AND l2.unit = step.u AND l2.remaining > 0) AS q) AS c
      WHERE l.tenant_id = p_tenant AND l.owner_id = step.o AND l.unit = step.u AND l.expires_at = c.expires_at AND c.take > 0;
    END LOOP;
  END IF;
END
$$;
