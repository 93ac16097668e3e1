"""What a peer tells and becomes an identity or a key is never empty: the database refuses it too (R-06)."""

from alembic import op

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None

RULES = {
    "identities": {"openid": "openid <> ''", "unionid": "unionid <> ''"},
    "member_sessions": {"who": "(member_id IS NULL AND app_id <> '' AND openid <> '') OR (member_id IS NOT NULL AND app_id = '' AND openid = '')"},
    "staff_bindings": {"openid": "openid <> ''"},
    "subscribe_credits": {"keys": "openid <> '' AND template_id <> ''"},
    "wechat_templates": {"template_id": "template_id <> ''"},
    "payments": {"transaction_id": "state <> 'paid' OR transaction_id <> ''"},
}
# Who came in without an openid is a mix of several people: nothing of it can be told apart, so it goes.
REPAIRS = (
    "DELETE FROM identities WHERE openid = ''",
    "UPDATE identities SET unionid = NULL WHERE unionid = ''",
    "DELETE FROM staff_bindings WHERE openid = ''",
    "DELETE FROM subscribe_credits WHERE openid = '' OR template_id = ''",
    "DELETE FROM wechat_templates WHERE template_id = ''",
    "UPDATE payments SET transaction_id = 'unknown:' || id WHERE state = 'paid' AND transaction_id = ''",
)


def upgrade() -> None:
    owned = [table for table in RULES if table != "member_sessions"]
    for table in owned:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    for statement in REPAIRS:
        op.execute(statement)
    op.execute(f"DELETE FROM member_sessions WHERE NOT ({RULES['member_sessions']['who']})")
    for table in owned:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    for table, rules in RULES.items():
        for name, rule in rules.items():
            op.create_check_constraint(op.f(f"ck_{table}_{name}"), table, rule)
