"""A merchant's own limits of verification codes; wrong passwords count for every phone; old sessions are found by their end."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "verification_settings",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hour_most", sa.Integer(), nullable=False),
        sa.Column("day_most", sa.Integer(), nullable=False),
        sa.Column("full_limit", sa.Text(), server_default="", nullable=False),
        sa.Column("full_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("full_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("hour_most BETWEEN 1 AND day_most", name=op.f("ck_verification_settings_most")),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_verification_settings")),
    )
    op.execute("ALTER TABLE verification_settings ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE verification_settings FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY own_rows ON verification_settings USING "
        "(tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::bigint))"
    )
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'huida_app') THEN "
        "GRANT SELECT, INSERT, UPDATE, DELETE ON verification_settings TO huida_app; END IF; END $$"
    )
    # Who is locked out is counted by phone, whether it is a member's or not.
    op.drop_column("member_passwords", "failures")
    op.drop_column("member_passwords", "locked_until")
    op.create_index("ix_member_sessions_expires_at", "member_sessions", ["expires_at"])
