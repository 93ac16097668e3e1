"""What must always hold in messaging."""

INVARIANTS: dict[str, str] = {
    "messaging.one_live_channel": """
        SELECT tenant_id, scenario, count(*) FROM bindings WHERE live AND exclusive GROUP BY 1, 2 HAVING count(*) > 1""",
    "messaging.credits_not_overdrawn": """
        SELECT tenant_id, app_id, openid, template_id FROM subscribe_credits
        WHERE consumed < 0 OR consumed > greatest(by_client, by_event)""",
    "messaging.spent_credits_are_messages": """
        SELECT c.tenant_id, c.app_id, c.openid, c.template_id, c.consumed, coalesce(d.n, 0) AS messages FROM subscribe_credits c
        LEFT JOIN (SELECT tenant_id, app_id, address, template_id, count(*) AS n FROM deliveries
                   WHERE channel = 'subscribe' AND state IN ('queued', 'retrying', 'accepted', 'delivered', 'unknown')
                   GROUP BY 1, 2, 3, 4) d
          ON d.tenant_id = c.tenant_id AND d.app_id = c.app_id AND d.address = c.openid AND d.template_id = c.template_id
        WHERE c.consumed < coalesce(d.n, 0)""",
    "messaging.live_template_exists": """
        SELECT b.tenant_id, b.scenario, b.channel, b.template_id FROM bindings b
        LEFT JOIN wechat_templates t ON t.tenant_id = b.tenant_id AND t.template_id = b.template_id
          AND t.channel = b.channel AND t.gone_at IS NULL
        WHERE b.live AND b.channel <> 'sms' AND t.template_id IS NULL""",
    "messaging.not_attempted_costs_nothing": """
        SELECT tenant_id, fact_id, scenario, slot FROM deliveries
        WHERE state = 'not_attempted' AND (parts <> 0 OR cost_fen <> 0 OR attempt <> 0)""",
    "messaging.waiting_has_a_job": """
        SELECT d.tenant_id, d.fact_id, d.scenario, d.state FROM deliveries d
        WHERE d.state IN ('queued', 'retrying') AND NOT EXISTS (
          SELECT 1 FROM (SELECT tenant_id, kind, payload FROM jobs UNION ALL SELECT tenant_id, kind, payload FROM jobs_later) j
          WHERE j.tenant_id = d.tenant_id AND j.kind = 'messaging.send'
            AND j.payload @> jsonb_build_array(CASE WHEN d.slot = '' THEN jsonb_build_array(d.fact_id, d.scenario)
                                               ELSE jsonb_build_array(d.fact_id, d.scenario, d.slot) END))""",
    "messaging.policy_is_kept": """
        SELECT b.tenant_id, b.scenario, b.channel, s.policy, b.exclusive FROM bindings b
        JOIN scenario_settings s ON s.tenant_id = b.tenant_id AND s.scenario = b.scenario
        WHERE b.live AND b.exclusive <> (s.policy = 'exclusive')""",
    "messaging.ordered_tells_once": """
        SELECT d.tenant_id, d.fact_id, d.scenario, count(*) FROM deliveries d
        JOIN scenario_settings s ON s.tenant_id = d.tenant_id AND s.scenario = d.scenario AND s.policy = 'ordered'
        WHERE d.audience = 'member' AND d.slot <> '' AND d.state IN ('queued', 'retrying', 'accepted', 'delivered', 'unknown')
          AND NOT EXISTS (SELECT 1 FROM facts f WHERE f.tenant_id = d.tenant_id AND f.kind = 'messaging.policy_chosen'
                          AND f.subject_id IS NULL AND f.payload->>'scenario' = d.scenario AND f.at > d.created_at)
        GROUP BY 1, 2, 3 HAVING count(*) > 1""",
    "messaging.slot_says_whom": """
        SELECT tenant_id, fact_id, scenario, slot FROM deliveries
        WHERE (audience = 'staff') <> (slot = replace(member_id::text, '-', ''))""",
}
