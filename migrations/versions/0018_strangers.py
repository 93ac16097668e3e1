"""Tries at logins by login and network; the secret of a second factor that is offered; codes and who asked (R-09, R-10, R-18)."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "login_tries",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("forget_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_tries")),
    )
    op.create_index("ix_login_tries_forget_at", "login_tries", ["forget_at"])
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'huida_app') THEN "
        "GRANT SELECT, INSERT, UPDATE, DELETE ON login_tries TO huida_app; END IF; END $$"
    )
    # `failed_logins` and `locked_until` are not used any more; the version before still reads them, so a later one drops them.
    op.add_column("staff", sa.Column("totp_offer_sealed", sa.LargeBinary(), nullable=True))
    op.add_column("staff", sa.Column("totp_offer_until", sa.DateTime(timezone=True), nullable=True))
    codes = "verification_codes"
    op.add_column(codes, sa.Column("others_tries", sa.SmallInteger(), server_default="0", nullable=False))
    op.add_column(codes, sa.Column("asker_hash", sa.LargeBinary(), server_default=sa.text("''::bytea"), nullable=False))
    op.create_check_constraint(op.f(f"ck_{codes}_others_tries"), codes, "others_tries BETWEEN 0 AND 5")
    op.add_column("verification_settings", sa.Column("usual_hour", sa.Integer(), nullable=True))
