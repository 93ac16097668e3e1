"""Coupons at one order: alone or with others, how many of a kind, what each took off; a refund that reopens them (B-14, B-25)."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("coupon_templates", sa.Column("alone", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("coupon_templates", sa.Column("per_order", sa.SmallInteger(), server_default="1", nullable=False))
    op.create_check_constraint(op.f("ck_coupon_templates_per_order"), "coupon_templates", "per_order BETWEEN 1 AND 100")
    op.add_column("coupons", sa.Column("off_fen", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_coupons_order",
        "coupons",
        ["tenant_id", "order_ref", "store_code"],
        postgresql_where=sa.text("order_ref <> ''"),
    )
    op.add_column(
        "coupon_settings", sa.Column("refund_reopens", sa.Boolean(), server_default=sa.true(), nullable=False)
    )
