-- Record what became of deliveries. Only a row that is still open moves. Of one whose answer was lost (p_lost), the time of
-- the first try is kept: how long it may be repeated counts from there.
CREATE OR REPLACE FUNCTION deliveries_record(
  p_tenant bigint, p_at timestamptz, p_fact uuid[], p_scenario text[], p_slot text[], p_state text[], p_reason text[], p_ref text[],
  p_parts smallint[], p_lost integer[]
) RETURNS integer
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_material = off SET enable_mergejoin = off SET enable_bitmapscan = off
AS $$
DECLARE
  moved integer;
BEGIN
  UPDATE deliveries d SET state = r.state, reason = r.reason, provider_ref = r.ref, attempt = d.attempt + 1,
    sent_at = CASE WHEN r.lost = 1 THEN coalesce(d.sent_at, p_at) WHEN r.state = 'retrying' THEN d.sent_at ELSE p_at END,
    parts = CASE WHEN r.parts >= 0 THEN r.parts ELSE d.parts END,
    cost_fen = CASE WHEN r.parts = 0 THEN 0 ELSE d.cost_fen END,
    done_at = CASE WHEN r.state IN ('failed', 'dead') THEN p_at END
  FROM unnest(p_fact, p_scenario, p_slot, p_state, p_reason, p_ref, p_parts, p_lost)
    AS r(fact_id, scenario, slot, state, reason, ref, parts, lost)
  WHERE d.tenant_id = p_tenant AND d.fact_id = r.fact_id AND d.scenario = r.scenario AND d.slot = r.slot
    AND d.state IN ('queued', 'retrying', 'unknown');
  GET DIAGNOSTICS moved = ROW_COUNT;
  RETURN moved;
END
$$;
