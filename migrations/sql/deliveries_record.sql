-- Keyed batch changes of messaging. Loops over keyed statements on purpose: a joined UPDATE depends on fresh statistics to
-- find its plan (measured on a table that was empty a minute before: 150 times slower), the keyed one does not.

-- Record what became of deliveries. Only a row that is still open moves. Of one whose answer was lost (p_lost), the time of
-- the first try is kept: how long it may be repeated counts from there.
CREATE OR REPLACE FUNCTION deliveries_record(
  p_tenant bigint, p_at timestamptz, p_fact uuid[], p_scenario text[], p_state text[], p_reason text[], p_ref text[], p_parts smallint[],
  p_lost integer[]
) RETURNS integer
LANGUAGE plpgsql
SET enable_seqscan = off
AS $$
DECLARE
  moved integer := 0;
BEGIN
  FOR i IN 1..cardinality(p_fact) LOOP
    UPDATE deliveries d SET state = p_state[i], reason = p_reason[i], provider_ref = p_ref[i], attempt = d.attempt + 1,
      sent_at = CASE WHEN p_lost[i] = 1 THEN coalesce(d.sent_at, p_at) ELSE p_at END, parts = CASE WHEN p_parts[i] >= 0 THEN p_parts[i] ELSE d.parts END,
      cost_fen = CASE WHEN p_parts[i] = 0 THEN 0 ELSE d.cost_fen END,
      done_at = CASE WHEN p_state[i] IN ('failed', 'dead') THEN p_at END
    WHERE d.tenant_id = p_tenant AND d.fact_id = p_fact[i] AND d.scenario = p_scenario[i]
      AND d.state IN ('queued', 'retrying', 'unknown');
    IF FOUND THEN
      moved := moved + 1;
    END IF;
  END LOOP;
  RETURN moved;
END
$$;
