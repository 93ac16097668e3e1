"""Verification codes, passwords of members, and sessions of members without a WeChat account."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OWNED = ("verification_codes", "member_passwords")


def tenant() -> "sa.Column[int]":
    return sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False)


def upgrade() -> None:
    op.create_table(
        "verification_codes",
        tenant(),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("scenario", sa.Text(), nullable=False),
        sa.Column("phone_hash", sa.LargeBinary(), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("phone_tail", sa.Text(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("code_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("ways", sa.dialects.postgresql.JSONB(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("provider", sa.Text(), server_default="", nullable=False),
        sa.Column("provider_ref", sa.Text(), server_default="", nullable=False),
        sa.Column("parts", sa.SmallInteger(), nullable=False),
        sa.Column("cost_fen", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("tries BETWEEN 0 AND 5", name=op.f("ck_verification_codes_tries")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_verification_codes")),
    )
    op.create_index("ix_verification_codes_phone", "verification_codes", ["tenant_id", "phone_hash", "id"])
    op.create_table(
        "member_passwords",
        tenant(),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("failures", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "member_id", name=op.f("pk_member_passwords")),
    )
    # Over all merchants: who sends too many codes does not stop at one of them. Keys are keyed hashes.
    op.create_table(
        "verification_counts",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_verification_counts")),
    )
    op.create_index("ix_verification_counts_ends_at", "verification_counts", ["ends_at"])
    op.add_column("member_sessions", sa.Column("member_id", sa.Uuid(), nullable=True))
    op.create_index(
        "ix_member_sessions_member",
        "member_sessions",
        ["tenant_id", "member_id"],
        postgresql_where=sa.text("member_id IS NOT NULL"),
    )
    for table in OWNED:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own_rows ON {table} USING "
            "(tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::bigint))"
        )
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'huida_app') THEN "
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(OWNED)}, verification_counts TO huida_app; END IF; END $$"
    )
