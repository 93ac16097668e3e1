"""Cards that differ in case only are one card; members have tags; blanks around a till number make no other (B-15, B-17)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

# Of cards from before that differ in case only, the oldest is the card; the others are found as they are written.
TWINS = """
UPDATE members m SET card_twin = true WHERE EXISTS (
  SELECT FROM members o WHERE o.tenant_id = m.tenant_id AND o.card_key = m.card_key AND o.id < m.id)
"""
# A number that is taken without its blanks stays as it is: it is another event.
TRIMMED = """
UPDATE {table} t SET till_no = k.plain FROM (
  SELECT DISTINCT ON (tenant_id, store_id, plain) tenant_id, id, store_id, plain
  FROM (SELECT tenant_id, id, store_id, till_no, btrim(till_no, E' \\u3000\\u00a0') AS plain FROM {table}) AS all_of_them
  WHERE plain <> till_no AND plain <> '' ORDER BY tenant_id, store_id, plain, id) AS k
WHERE t.tenant_id = k.tenant_id AND t.id = k.id AND NOT EXISTS (
  SELECT FROM {table} o WHERE o.tenant_id = k.tenant_id AND o.store_id = k.store_id AND o.till_no = k.plain)
"""


def upgrade() -> None:
    op.add_column(
        "members",
        sa.Column("card_key", sa.Text(), sa.Computed('upper(card_no COLLATE "C")', persisted=True), nullable=False),
    )
    op.add_column("members", sa.Column("card_twin", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("members", sa.Column("tags", postgresql.ARRAY(sa.Text()), server_default="{}", nullable=False))
    op.create_check_constraint(op.f("ck_members_tags"), "members", "cardinality(tags) <= 20")
    op.create_index("ix_members_card_key_once", "members", ["tenant_id", "card_key"])
    _as_owner("members", TWINS)
    op.drop_index("ix_members_card_key_once", "members")
    op.create_index(
        "uq_members_card_key", "members", ["tenant_id", "card_key"], unique=True, postgresql_where=sa.text("NOT card_twin")
    )
    for table in ("purchases", "recharges", "refunds"):
        _as_owner(table, TRIMMED.format(table=table))


def _as_owner(table: str, statement: str) -> None:
    """The rows of every merchant: forced row-level security would show the owner none."""
    op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(sa.text(statement.replace(":", "\\:")))
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
