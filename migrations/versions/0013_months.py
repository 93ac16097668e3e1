"""Months of the fact log can be made while the product runs, and what fell outside of them is put where it belongs."""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute((Path(__file__).parent.parent / "sql" / "facts_make_months.sql").read_text("utf-8"))
    op.execute("REVOKE ALL ON FUNCTION facts_make_months(timestamptz, integer) FROM PUBLIC")
    op.execute(
        """
        DO $$
        DECLARE t regclass;
        BEGIN
          IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'huida_app') THEN
            GRANT EXECUTE ON FUNCTION facts_make_months(timestamptz, integer) TO huida_app;
            FOR t IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'facts'::regclass LOOP
              EXECUTE format('REVOKE ALL ON %s FROM huida_app', t);
            END LOOP;
          END IF;
        END $$
        """
    )

