"""What must always hold of SMS signatures, as queries that return the rows that break it (none, when all is well)."""

INVARIANTS: dict[str, str] = {
    "sms.one_applied_signature": """
        SELECT tenant_id, count(*) FROM sms_signatures WHERE applied GROUP BY tenant_id HAVING count(*) > 1""",
    "sms.applied_is_approved": """
        SELECT tenant_id, id, state FROM sms_signatures WHERE applied AND state <> 'approved'""",
    "sms.review_is_in_review": """
        SELECT r.merchant_id, r.signature_id, s.state FROM sms_reviews r
        FULL JOIN (SELECT tenant_id, id, state FROM sms_signatures WHERE state = 'in_review') s
          ON s.tenant_id = r.merchant_id AND s.id = r.signature_id
        WHERE s.id IS NULL OR r.signature_id IS NULL""",
    "sms.decided_has_its_time": """
        SELECT tenant_id, id, state FROM sms_signatures WHERE (state = 'in_review') <> (decided_at IS NULL)""",
}
