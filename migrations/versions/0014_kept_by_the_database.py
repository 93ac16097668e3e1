"""What was only looked at afterwards and can be a rule of the database: a transaction pays once, ends have their time.

Rows from before are not judged again (NOT VALID). Of payments with the same transaction the first keeps it; the others
keep their money's word and say what people must look at.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "UPDATE payments p SET transaction_id = '', trouble = 'transaction' FROM ("
        "  SELECT tenant_id, id, row_number() OVER (PARTITION BY tenant_id, transaction_id ORDER BY paid_at, id) AS n"
        "  FROM payments WHERE transaction_id <> '') AS t "
        "WHERE t.n > 1 AND p.tenant_id = t.tenant_id AND p.id = t.id"
    )
    op.execute(
        "CREATE UNIQUE INDEX uq_payments_transaction ON payments (tenant_id, transaction_id) WHERE transaction_id <> ''"
    )
    for table, name, rule in (
        ("coupons", "closed_at", "(state IN ('expired', 'void', 'returned')) = (closed_at IS NOT NULL)"),
        ("coupons", "used_while_valid", "used_at BETWEEN valid_from AND valid_until"),
        ("verification_codes", "wiped", "state = 'queued' OR code_sealed IS NULL"),
    ):
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({rule}) NOT VALID")
