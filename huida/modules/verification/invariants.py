"""What must always hold of codes."""

INVARIANTS: dict[str, str] = {
    "verification.sent_codes_are_wiped": """
        SELECT tenant_id, id FROM verification_codes WHERE state <> 'queued' AND code_sealed IS NOT NULL""",
    "verification.ten_a_day": """
        SELECT tenant_id, phone_hash, (created_at AT TIME ZONE 'Asia/Shanghai')::date AS day, count(*)
        FROM verification_codes GROUP BY 1, 2, 3 HAVING count(*) > 10""",
    "verification.queued_has_a_job": """
        SELECT c.tenant_id, c.id FROM verification_codes c WHERE c.state = 'queued' AND NOT EXISTS (
          SELECT 1 FROM (SELECT tenant_id, kind, payload FROM jobs UNION ALL SELECT tenant_id, kind, payload FROM jobs_later) j
          WHERE j.tenant_id = c.tenant_id AND j.kind = 'verification.send' AND j.payload = to_jsonb(c.id::text))""",
}
