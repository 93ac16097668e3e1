"""Growth in fen, lots by their source, what a purchase gave and answered, returns at other branches (B-05, B-07 to B-09, G-14)."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

NOBODY = "00000000-0000-0000-0000-000000000000"
OLD_POST = "bigint, timestamptz, uuid[], text[], bigint[], text[], text[], text[], uuid[], bigint[], timestamptz[]"


REPAIRED = ("ledger_accounts", "ledger_transfers", "ledger_lots", "purchases", "stores")


def upgrade() -> None:
    # The rows of all merchants: a statement of no merchant sees none of them else.
    for table in REPAIRED:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    _change()
    for table in REPAIRED:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _change() -> None:
    _growth_in_fen()
    _lots_by_source()
    op.execute(f"DROP FUNCTION IF EXISTS ledger_post({OLD_POST})")
    op.execute((Path(__file__).parent.parent / "sql" / "0019_ledger_post.sql").read_text("utf-8"))
    _what_purchases_gave()
    _reversals()
    op.add_column("stores", sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE stores SET closed_at = now() WHERE state = 'closed'")
    op.add_column("loyalty_rules", sa.Column("levels_read_at", sa.DateTime(timezone=True), nullable=True))


def _growth_in_fen() -> None:
    """A point of growth was a whole yuan of a purchase; a refund of 0.30 could not take its own part of it."""
    op.execute("UPDATE ledger_accounts SET balance = balance * 100, held = held * 100 WHERE unit = 'growth'")
    op.execute(
        "UPDATE ledger_transfers SET amount = amount * 100, balance_after = balance_after * 100 WHERE unit = 'growth'"
    )


def _lots_by_source() -> None:
    lots = "ledger_lots"
    op.add_column(lots, sa.Column("source_id", sa.Uuid(), server_default=NOBODY, nullable=False))
    op.add_column(lots, sa.Column("granted", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column(lots, sa.Column("expired", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column(lots, sa.Column("told_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE ledger_lots SET granted = remaining")
    op.alter_column(lots, "source_id", server_default=None)
    op.alter_column(lots, "granted", server_default=None)
    op.drop_constraint(op.f("pk_ledger_lots"), lots, type_="primary")
    op.create_primary_key(op.f("pk_ledger_lots"), lots, ["tenant_id", "owner_id", "unit", "expires_at", "source_id"])
    op.create_check_constraint(op.f("ck_ledger_lots_granted"), lots, "expired >= 0 AND remaining + expired <= granted")
    op.create_index(
        "ix_ledger_lots_source",
        lots,
        ["tenant_id", "source_id"],
        postgresql_where=sa.text(f"source_id <> '{NOBODY}'"),
    )


def _what_purchases_gave() -> None:
    for table in ("purchases", "recharges"):
        op.add_column(table, sa.Column("who", sa.LargeBinary(), nullable=True))
    op.add_column("purchases", sa.Column("growth_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("purchases", sa.Column("history", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("refunds", sa.Column("growth_fen", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("refunds", sa.Column("pending_points", sa.BigInteger(), server_default="0", nullable=False))
    for table in ("recharges", "refunds"):
        op.add_column(table, sa.Column("points_after", sa.BigInteger(), nullable=True))
    for table in ("purchases", "recharges", "refunds"):
        op.add_column(table, sa.Column("balance_after_fen", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE purchases p SET growth_fen = t.amount FROM ledger_transfers t WHERE t.tenant_id = p.tenant_id "
        "AND t.source_id = p.id AND t.source_type = 'purchase' AND t.unit = 'growth' AND t.owner_id = p.member_id"
    )


def _reversals() -> None:
    op.create_table(
        "recharge_reversals",
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("recharge_id", sa.Uuid(), nullable=False),
        sa.Column("store_id", sa.Uuid(), nullable=False),
        sa.Column("till_no", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("points_after", sa.BigInteger(), nullable=True),
        sa.Column("balance_after_fen", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_recharge_reversals")),
        sa.UniqueConstraint("tenant_id", "recharge_id", name=op.f("uq_recharge_reversals_tenant_id_recharge_id")),
        sa.UniqueConstraint(
            "tenant_id", "store_id", "till_no", name=op.f("uq_recharge_reversals_tenant_id_store_id_till_no")
        ),
    )
    op.execute("ALTER TABLE recharge_reversals ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE recharge_reversals FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY own_rows ON recharge_reversals USING "
        "(tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::bigint))"
    )
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'huida_app') THEN "
        "GRANT SELECT, INSERT, UPDATE, DELETE ON recharge_reversals TO huida_app; END IF; END $$"
    )
