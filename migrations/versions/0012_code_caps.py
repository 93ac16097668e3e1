"""The operators' caps of a merchant's verification codes."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("cap_hour", "cap_day"):
        op.add_column("verification_settings", sa.Column(column, sa.Integer(), nullable=True))
    for name, rule in (("caps", "cap_hour >= 1 AND cap_day >= 1"), ("cap_order", "cap_hour <= cap_day")):
        op.create_check_constraint(op.f(f"ck_verification_settings_{name}"), "verification_settings", rule)
