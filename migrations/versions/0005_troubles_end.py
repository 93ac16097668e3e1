"""A message that got well leaves the list of those in trouble: after an outage, the list is as short as before."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TROUBLES = "('dead', 'failed', 'retrying', 'unknown')"


def upgrade() -> None:
    op.execute(
        """
        CREATE FUNCTION end_delivery_trouble() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          DELETE FROM delivery_troubles WHERE tenant_id = OLD.tenant_id AND state = OLD.state
            AND fact_id = OLD.fact_id AND scenario = OLD.scenario;
          RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER delivery_trouble_end AFTER UPDATE OF state ON deliveries FOR EACH ROW "
        f"WHEN (OLD.state IN {TROUBLES} AND NEW.state <> OLD.state) EXECUTE FUNCTION end_delivery_trouble()"
    )
