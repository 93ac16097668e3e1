"""What must always hold of SMS signatures, as queries that return the rows that break it (none, when all is well)."""

INVARIANTS: dict[str, str] = {
    "sms.one_applied_signature": """
        SELECT tenant_id, count(*) FROM sms_signatures WHERE applied GROUP BY tenant_id HAVING count(*) > 1""",
    "sms.applied_is_approved": """
        SELECT tenant_id, id, state FROM sms_signatures WHERE applied AND state <> 'approved'""",
    "sms.review_is_in_review": """
        SELECT s.tenant_id, s.id, s.state FROM sms_signatures s
        LEFT JOIN sms_reviews r ON r.merchant_id = s.tenant_id AND r.signature_id = s.id
        WHERE (s.state = 'in_review') <> (r.signature_id IS NOT NULL)""",
    "sms.decided_has_its_time": """
        SELECT tenant_id, id, state FROM sms_signatures WHERE (state = 'in_review') <> (decided_at IS NULL)""",
}
