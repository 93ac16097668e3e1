-- The posting function of the ledger (single and batch are the same call). All postings of a call stand or fall together:
--   posted    one row per posting: its order, balance after, sequence
--   short     nothing was done; one row per account with what is available (the rows stay locked, the caller decides)
--   repeated  nothing was done; one row per posting that was posted before under the same business key
-- The last row says which: `posted` rows may stand before the others, since PL/pgSQL keeps what it had returned when a
-- unique violation rolls the posting back.
-- One statement moves the accounts under a guard and writes the transfers. The planner is kept from joining by reading all
-- accounts or by comparing everything with everything: with the statistics of a table that was empty a minute ago it would.
CREATE OR REPLACE FUNCTION ledger_post(
  p_tenant bigint, p_at timestamptz,
  p_owner uuid[], p_unit text[], p_amount bigint[], p_contra text[], p_reason text[],
  p_source_type text[], p_source uuid[], p_reverses bigint[], p_expires timestamptz[], p_lot uuid[],
  OUT outcome text, OUT ord integer, OUT owner uuid, OUT unit text, OUT balance bigint, OUT seq bigint
) RETURNS SETOF record
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_material = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
  step record;
  wanted integer;
  locked integer;
  made integer;
BEGIN
  BEGIN
    -- Locks first, in the order of the keys, so that calls over the same accounts never wait for each other in a circle.
    FOR attempt IN 1..2 LOOP
      SELECT count(*), count(l.here) INTO wanted, locked
      FROM (SELECT DISTINCT t.o, t.u FROM unnest(p_owner, p_unit) AS t(o, u) ORDER BY 1, 2) AS d
      LEFT JOIN LATERAL (
        SELECT true AS here FROM ledger_accounts a
        WHERE a.tenant_id = p_tenant AND a.owner_id = d.o AND a.unit = d.u FOR NO KEY UPDATE) AS l ON true;
      EXIT WHEN locked = wanted;
      INSERT INTO ledger_accounts (tenant_id, owner_id, unit)
      SELECT DISTINCT p_tenant, t.o, t.u FROM unnest(p_owner, p_unit) AS t(o, u) ORDER BY 2, 3 ON CONFLICT DO NOTHING;
    END LOOP;
    RETURN QUERY
      WITH p AS (
        SELECT t.*, sum(t.amount) OVER w AS running, row_number() OVER w AS step
        FROM unnest(p_owner, p_unit, p_amount, p_contra, p_reason, p_source_type, p_source, p_reverses)
             WITH ORDINALITY AS t(o, u, amount, contra, reason, source_type, source, reverses, n)
        WINDOW w AS (PARTITION BY t.o, t.u ORDER BY t.n)
      ), net AS (
        SELECT p.o, p.u, sum(p.amount)::bigint AS total, count(*) AS steps,
               least(0, min(p.running) FILTER (WHERE p.amount < 0))::bigint AS lowest
        FROM p GROUP BY p.o, p.u
      ), moved AS (
        UPDATE ledger_accounts a SET balance = a.balance + net.total, seq = a.seq + net.steps FROM net
        WHERE a.tenant_id = p_tenant AND a.owner_id = net.o AND a.unit = net.u AND a.balance - a.held + net.lowest >= 0
        RETURNING a.owner_id AS o, a.unit AS u, a.balance - net.total AS balance, a.seq - net.steps AS seq
      ), r AS (
        SELECT p.n, p.o, p.u, p.amount, p.contra, p.reason, p.source_type, p.source, p.reverses,
               m.balance + p.running AS after_it, m.seq + p.step AS its_seq
        FROM p JOIN moved m ON m.o = p.o AND m.u = p.u
      ), written AS (
        INSERT INTO ledger_transfers
          (tenant_id, owner_id, unit, seq, amount, balance_after, contra, reason, source_type, source_id, reverses, at)
        SELECT p_tenant, r.o, r.u, r.its_seq, r.amount, r.after_it, r.contra, r.reason, r.source_type, r.source, r.reverses, p_at
        FROM r
      )
      SELECT 'posted'::text, r.n::integer, r.o, r.u, r.after_it::bigint, r.its_seq FROM r;
    GET DIAGNOSTICS made = ROW_COUNT;
    IF made < cardinality(p_owner) THEN
      RAISE EXCEPTION USING errcode = 'HD001', message = 'insufficient balance';
    END IF;
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

  -- A credit that expires is a lot of its own source (a purchase, a recharge): its refund takes back its own.
  IF EXISTS (SELECT 1 FROM unnest(p_expires) AS e(x) WHERE e.x IS NOT NULL) THEN
    INSERT INTO ledger_lots (tenant_id, owner_id, unit, expires_at, source_id, granted, remaining)
    SELECT p_tenant, p.o, p.u, p.x, p.source, sum(p.amount), sum(p.amount)
    FROM unnest(p_owner, p_unit, p_amount, p_expires, p_source) AS p(o, u, amount, x, source)
    WHERE p.x IS NOT NULL AND p.amount > 0 GROUP BY p.o, p.u, p.x, p.source ORDER BY 2, 3, 4, 5
    ON CONFLICT (tenant_id, owner_id, unit, expires_at, source_id) DO UPDATE
    SET granted = ledger_lots.granted + excluded.granted, remaining = ledger_lots.remaining + excluded.remaining;
  END IF;
  -- A debit eats first the lot that it names, then the lots from the earliest expiry on, as far as they reach; the rest of the
  -- balance does not expire. One for the reason `expired` is remembered by the lots: what has expired is not taken again.
  IF EXISTS (SELECT 1 FROM unnest(p_amount) AS d(amount) WHERE d.amount < 0) THEN
    FOR step IN
      SELECT p.o, p.u, p.lot, p.reason = 'expired' AS gone, -sum(p.amount)::bigint AS debit
      FROM unnest(p_owner, p_unit, p_amount, p_lot, p_reason) WITH ORDINALITY AS p(o, u, amount, lot, reason, n)
      WHERE p.amount < 0 GROUP BY p.o, p.u, p.lot, p.reason = 'expired' ORDER BY p.o, p.u, min(p.n)
    LOOP
      UPDATE ledger_lots l
      SET remaining = l.remaining - c.take, expired = l.expired + CASE WHEN step.gone THEN c.take ELSE 0 END
      FROM (
        SELECT q.expires_at, q.source_id, greatest(0, least(q.remaining, step.debit - q.before)) AS take
        FROM (SELECT l2.expires_at, l2.source_id, l2.remaining, sum(l2.remaining) OVER (
                ORDER BY l2.source_id IS NOT DISTINCT FROM step.lot DESC, l2.expires_at, l2.source_id) - l2.remaining AS before
              FROM ledger_lots l2
              WHERE l2.tenant_id = p_tenant AND l2.owner_id = step.o AND l2.unit = step.u AND l2.remaining > 0) AS q) AS c
      WHERE l.tenant_id = p_tenant AND l.owner_id = step.o AND l.unit = step.u AND l.expires_at = c.expires_at
        AND l.source_id = c.source_id AND c.take > 0;
    END LOOP;
  END IF;
END
$$;
