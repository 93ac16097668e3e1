-- Spend up top_n credits of each account and template (given in the order of their keys); says how many each got.
CREATE OR REPLACE FUNCTION credits_take(
  p_tenant bigint, p_app text, p_openid text[], p_template text[], p_n integer[]
) RETURNS integer[]
LANGUAGE plpgsql
SET enable_seqscan = off
AS $$
DECLARE
  w record;
  got integer[] := '{}';
  most integer;
BEGIN
  FOR w IN SELECT * FROM unnest(p_openid, p_template, p_n) AS t(openid, template_id, n) LOOP
    UPDATE subscribe_credits c SET consumed = c.consumed + w.n
    WHERE c.tenant_id = p_tenant AND c.app_id = p_app AND c.openid = w.openid AND c.template_id = w.template_id
      AND NOT c.refused AND greatest(c.by_client, c.by_event) - c.consumed >= w.n;
    IF FOUND THEN
      got := got || w.n;
      CONTINUE;
    END IF;
    SELECT least(w.n, greatest(c.by_client, c.by_event) - c.consumed) INTO most FROM subscribe_credits c
    WHERE c.tenant_id = p_tenant AND c.app_id = p_app AND c.openid = w.openid AND c.template_id = w.template_id
      AND NOT c.refused FOR NO KEY UPDATE;
    most := greatest(coalesce(most, 0), 0);
    IF most > 0 THEN
      UPDATE subscribe_credits c SET consumed = c.consumed + most
      WHERE c.tenant_id = p_tenant AND c.app_id = p_app AND c.openid = w.openid AND c.template_id = w.template_id;
    END IF;
    got := got || most;
  END LOOP;
  RETURN got;
END
$$;
