"""A password that opens the door once, until when; when an API key was used last (U-06, U-26); lists in the order of what happened (B-29)."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("staff", sa.Column("one_time_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("api_keys", sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_purchases_happened", "purchases", ["tenant_id", "occurred_at", "id"])
    op.create_index("ix_purchases_of_member", "purchases", ["tenant_id", "member_id", "occurred_at", "id"])
    op.drop_index("ix_purchases_member", table_name="purchases")
