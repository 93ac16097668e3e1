"""An app is live once WeChat has accepted its secret, and once on a server (R-17)."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# Of several merchants with one AppID the one stays that WeChat has reached, else the oldest; the others try again.
CLAIMED_AGAIN = """
UPDATE apps a SET state = 'pending', subscribe_open = false FROM (
  SELECT tenant_id, app_id, row_number() OVER (
    PARTITION BY app_id ORDER BY callback_seen_at IS NULL, connected_at, tenant_id) AS place
  FROM apps WHERE state = 'connected') p
WHERE p.place > 1 AND a.tenant_id = p.tenant_id AND a.app_id = p.app_id
"""
NOT_LIVE = """
DELETE FROM callback_routes r WHERE NOT EXISTS (
  SELECT FROM apps a WHERE a.tenant_id = r.tenant_id AND a.app_id = r.app_id AND a.route_key = r.route_key
  AND a.state = 'connected')
"""


def upgrade() -> None:
    op.execute("ALTER TABLE apps NO FORCE ROW LEVEL SECURITY")
    op.execute(CLAIMED_AGAIN)
    op.execute(NOT_LIVE)
    op.execute("ALTER TABLE apps FORCE ROW LEVEL SECURITY")
    op.create_check_constraint(op.f("ck_apps_state"), "apps", "state IN ('pending', 'connected', 'disconnected')")
    op.create_index(
        "uq_apps_connected_app", "apps", ["app_id"], unique=True, postgresql_where=sa.text("state = 'connected'")
    )
    op.drop_index("ix_callback_routes_app", table_name="callback_routes")
    op.create_index("uq_callback_routes_app", "callback_routes", ["app_id"], unique=True)
