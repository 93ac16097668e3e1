"""What an ERP follows along by: when a row was recorded or a member last changed, by the database's own clock (I-10)."""

from alembic import op
import sqlalchemy as sa

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

RECORDED = ("purchases", "recharges", "refunds", "recharge_reversals")


def upgrade() -> None:
    # Rows from before tell the time of this upgrade.
    for table in RECORDED:
        op.add_column(
            table, sa.Column("recorded_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)
        )
        op.execute(f"CREATE INDEX ix_{table}_recorded ON {table} USING brin (recorded_at) WITH (pages_per_range = 16)")
    op.execute("CREATE INDEX ix_ledger_transfers_time ON ledger_transfers USING brin (at) WITH (pages_per_range = 16)")
    op.add_column(
        "members", sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)
    )
    op.create_index("ix_members_changed", "members", ["tenant_id", "changed_at", "id"])
    op.execute(
        """
        CREATE FUNCTION note_member_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          NEW.changed_at := now();
          RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER member_changed BEFORE UPDATE ON members FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) "
        "EXECUTE FUNCTION note_member_change()"
    )
