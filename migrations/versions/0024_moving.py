"""Files that a shop moves in with: what was understood, how far it is, what it booked, who signed that off (B-23, G-04)."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

OWNED = ("imports", "import_lines")


def tenant() -> "sa.Column[int]":
    return sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False)


def upgrade() -> None:
    op.create_table(
        "imports",
        tenant(),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("found", postgresql.JSONB(), nullable=False),
        sa.Column("chosen", postgresql.JSONB(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("balance", postgresql.JSONB(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("signed_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_imports")),
        sa.CheckConstraint("state IN ('planned', 'queued', 'running', 'stopped', 'done')", name=op.f("ck_imports_state")),
    )
    op.create_index(
        "uq_imports_running", "imports", ["tenant_id"], unique=True, postgresql_where=sa.text("state IN ('queued', 'running')")
    )
    op.create_table(
        "import_lines",
        tenant(),
        sa.Column("import_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("portion", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("trouble", sa.Boolean(), nullable=False),
        sa.Column("finished", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "import_id", "number", name=op.f("pk_import_lines")),
    )
    op.create_index(
        "ix_import_lines_portion",
        "import_lines",
        ["tenant_id", "import_id", "portion"],
        postgresql_where=sa.text("NOT finished"),
    )
    op.create_index(
        "ix_import_lines_trouble",
        "import_lines",
        ["tenant_id", "import_id", "number"],
        postgresql_where=sa.text("trouble"),
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
