-- Spend up top_n credits of each account and template (given in the order of their keys); says how many each got.
CREATE OR REPLACE FUNCTION credits_take(
  p_tenant bigint, p_app text, p_openid text[], p_template text[], p_n integer[]
) RETURNS integer[]
LANGUAGE plpgsql
SET enable_seqscan = off SET enable_material = off SET enable_mergejoin = off SET enable_bitmapscan = off
AS $$
DECLARE
  w record;
  got integer[] := array_fill(0, ARRAY[cardinality(p_n)]);
  most integer;
BEGIN
  FOR w IN
    UPDATE subscribe_credits c SET consumed = c.consumed + t.n
    FROM unnest(p_openid, p_template, p_n) WITH ORDINALITY AS t(openid, template_id, n, place)
    WHERE c.tenant_id = p_tenant AND c.app_id = p_app AND c.openid = t.openid AND c.template_id = t.template_id
      AND NOT c.refused AND greatest(c.by_client, c.by_event) - c.consumed >= t.n
    RETURNING t.place, t.n
  LOOP
    got[w.place] := w.n;
  END LOOP;
  -- Whoever did not get all gets what is left.
  FOR w IN
    SELECT * FROM unnest(p_openid, p_template, p_n, got) WITH ORDINALITY AS t(openid, template_id, n, has, place)
    WHERE t.has = 0
  LOOP
    SELECT least(w.n, greatest(c.by_client, c.by_event) - c.consumed) INTO most FROM subscribe_credits c
    WHERE c.tenant_id = p_tenant AND c.app_id = p_app AND c.openid = w.openid AND c.template_id = w.template_id
      AND NOT c.refused FOR NO KEY UPDATE;
    most := greatest(coalesce(most, 0), 0);
    IF most > 0 THEN
      UPDATE subscribe_credits c SET consumed = c.consumed + most
      WHERE c.tenant_id = p_tenant AND c.app_id = p_app AND c.openid = w.openid AND c.template_id = w.template_id;
      got[w.place] := most;
    END IF;
  END LOOP;
  RETURN got;
END
$$;
