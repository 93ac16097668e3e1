"""A trigger that a backup can be restored with; numbers of orders without blanks (I-10, B-17)."""

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # PostgreSQL makes no trigger whose WHEN compares rows of a table with generated columns, so a dump could not be loaded.
    op.execute("DROP TRIGGER member_changed ON members")
    op.execute(
        """
        CREATE OR REPLACE FUNCTION note_member_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF to_jsonb(NEW) - 'changed_at' - 'card_key' IS DISTINCT FROM to_jsonb(OLD) - 'changed_at' - 'card_key' THEN
            NEW.changed_at := now();
          END IF;
          RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER member_changed BEFORE UPDATE ON members FOR EACH ROW EXECUTE FUNCTION note_member_change()"
    )
    op.execute("ALTER TABLE coupons NO FORCE ROW LEVEL SECURITY")
    op.execute(r"UPDATE coupons SET order_ref = btrim(order_ref, E' \u3000\u00a0') WHERE order_ref <> btrim(order_ref, E' \u3000\u00a0')")
    op.execute("ALTER TABLE coupons FORCE ROW LEVEL SECURITY")
