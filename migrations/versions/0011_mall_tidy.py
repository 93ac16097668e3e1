"""Closed orders that still hold money are found at once; pictures know since when nothing shows them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_mall_orders_owed",
        "mall_orders",
        ["tenant_id", "id"],
        postgresql_where=sa.text("state = 'closed' AND paid_at IS NOT NULL AND refunded_fen < total_fen"),
    )
    op.add_column("mall_pictures", sa.Column("unused_since", sa.DateTime(timezone=True), nullable=True))
