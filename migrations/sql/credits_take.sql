-- Spend up top_n credits of each account and template (given in the order of their keys); says how many each got.
CREATE OR REPLACE FUNCTION credits_take(
  p_tenant bigint, p_app text, p_openid text[], p_template text[], p_n integer[]
) RETURNS integer[]
LANGUAGE plpgsql
SET enable_seqscan = off
AS $$
DECLARE
  got integer[] := '{}';
  most integer;
BEGIN
  FOR i IN 1..cardinality(p_openid) LOOP
    UPDATE subscribe_credits c SET consumed = c.consumed + p_n[i]
    WHERE c.tenant_id = p_tenant AND c.app_id = p_app AND c.openid = p_openid[i] AND c.template_id = p_template[i]
      AND NOT c.refused AND greatest(c.by_client, c.by_event) - c.consumed >= p_n[i];
    IF FOUND THEN
      got := got || p_n[i];
      CONTINUE;
    END IF;
    SELECT least(p_n[i], greatest(c.by_client, c.by_event) - c.consumed) INTO most FROM subscribe_credits c
    WHERE c.tenant_id = p_tenant AND c.app_id = p_app AND c.openid = p_openid[i] AND c.template_id = p_template[i]
      AND NOT c.refused FOR NO KEY UPDATE;
    most := greatest(coalesce(most, 0), 0);
    IF most > 0 THEN
      UPDATE subscribe_credits c SET consumed = c.consumed + most
      WHERE c.tenant_id = p_tenant AND c.app_id = p_app AND c.openid = p_openid[i] AND c.template_id = p_template[i];
    END IF;
    got := got || most;
  END LOOP;
  RETURN got;
END
$$;
