"""What the pages need: spend codes, counts of closed days, and time indexes that cost a write next to nothing."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NEW = ("spend_codes", "message_days", "report_marks")
BY_TIME = {"deliveries": "created_at", "purchases": "occurred_at", "recharges": "occurred_at", "members": "joined_at"}


def tenant() -> "sa.Column[int]":
    return sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False)


def upgrade() -> None:
    op.create_table(
        "spend_codes",
        tenant(),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("used_by", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "code", name=op.f("pk_spend_codes")),
    )
    op.create_index(
        "uq_spend_codes_open",
        "spend_codes",
        ["tenant_id", "member_id"],
        unique=True,
        postgresql_where=sa.text("used_at IS NULL"),
    )
    op.create_table(
        "message_days",
        tenant(),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.BigInteger(), nullable=False),
        sa.Column("cost_fen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "day", "channel", "state", name=op.f("pk_message_days")),
    )
    op.create_table(
        "report_marks",
        tenant(),
        sa.Column("counted_until", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_report_marks")),
    )
    # Rows arrive in the order of these times, so a block range index is a few pages and an update stays in its page.
    for table, column in BY_TIME.items():
        op.create_index(
            f"ix_{table}_time", table, [column], postgresql_using="brin", postgresql_with={"pages_per_range": "16"}
        )
    for table in NEW:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own_rows ON {table} USING "
            "(tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::bigint))"
        )
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'huida_app') THEN "
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(NEW)} TO huida_app; END IF; END $$"
    )
