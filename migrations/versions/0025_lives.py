"""Members leave, are erased, get another card, and two records become one (B-24, G-25)."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

OWNED = ("member_old_cards", "member_merges")


def tenant() -> "sa.Column[int]":
    return sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False)


def upgrade() -> None:
    op.add_column("members", sa.Column("merged_into", sa.Uuid(), nullable=True))
    op.add_column("members", sa.Column("left_at", sa.DateTime(timezone=True), nullable=True))
    # Nobody could leave before; a row that somebody wrote by hand left now.
    op.execute("ALTER TABLE members NO FORCE ROW LEVEL SECURITY")  # a statement of no merchant sees no rows else
    op.execute("UPDATE members SET left_at = now() WHERE state = 'left'")
    op.execute("ALTER TABLE members FORCE ROW LEVEL SECURITY")
    op.create_check_constraint(
        op.f("ck_members_merged_into"), "members", "(state = 'merged') = (merged_into IS NOT NULL) AND merged_into <> id"
    )
    op.create_check_constraint(
        op.f("ck_members_left_at"), "members", "(state IN ('left', 'erased')) = (left_at IS NOT NULL)"
    )
    op.create_check_constraint(
        op.f("ck_members_erased"),
        "members",
        "state <> 'erased' OR (name = '' AND note = '' AND phone_tail = '' AND phone_hash IS NULL AND phone_sealed IS NULL "
        "AND birthday IS NULL)",
    )
    op.create_index(
        "ix_members_merged_into",
        "members",
        ["tenant_id", "merged_into"],
        postgresql_where=sa.text("merged_into IS NOT NULL"),
    )
    op.create_table(
        "member_old_cards",
        tenant(),
        sa.Column("card_no", sa.Text(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("reason IN ('lost', 'damaged', 'other')", name=op.f("ck_member_old_cards_reason")),
        sa.PrimaryKeyConstraint("tenant_id", "card_no", name=op.f("pk_member_old_cards")),
    )
    op.create_index("ix_member_old_cards_member", "member_old_cards", ["tenant_id", "member_id"])
    op.create_index("ix_member_old_cards_key", "member_old_cards", ["tenant_id", sa.text("upper(card_no)")])
    op.create_table(
        "member_merges",
        tenant(),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("survivor_id", sa.Uuid(), nullable=False),
        sa.Column("merged_id", sa.Uuid(), nullable=False),
        sa.Column("receipt", sa.dialects.postgresql.JSONB(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_member_merges")),
    )
    op.create_index("ix_member_merges_survivor", "member_merges", ["tenant_id", "survivor_id", "id"])
    # A record is in one merge at a time.
    op.create_index(
        "uq_member_merges_open",
        "member_merges",
        ["tenant_id", "merged_id"],
        unique=True,
        postgresql_where=sa.text("undone_at IS NULL"),
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
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(OWNED)} TO huida_app; END IF; END $$"
    )
