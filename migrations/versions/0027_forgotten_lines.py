"""Lines of imports that name somebody who is erased are found; an import whose lines are forgotten does not go on (G-25, B-23)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TABLES = ("imports", "import_lines", "member_merges")


def upgrade() -> None:
    op.add_column("imports", sa.Column("forgotten_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "import_lines",
        sa.Column("keys", postgresql.ARRAY(sa.LargeBinary()), server_default="{}", nullable=False),
    )
    for table in TABLES:  # a statement of no merchant sees no rows else
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "UPDATE imports i SET forgotten_at = now() WHERE state IN ('done', 'stopped') AND NOT EXISTS ("
        "  SELECT FROM import_lines l WHERE l.tenant_id = i.tenant_id AND l.import_id = i.id)"
    )
    # A receipt names accounts of both records: nobody needs it when the merge is undone.
    op.execute("UPDATE member_merges SET receipt = '{}' WHERE undone_at IS NOT NULL")
    for table in TABLES:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
