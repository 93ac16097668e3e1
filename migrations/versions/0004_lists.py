"""Lists over millions of rows: what is rare is found without an index that every write would pay for.

A block range index with a Bloom filter says which blocks may hold a state, a channel or a kind of fact. It is a summary:
an update that stays in its page stays there (PostgreSQL 16 and newer).
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FEW = "text_bloom_ops (n_distinct_per_range = 32, false_positive_rate = 0.01)"
TROUBLES = "('dead', 'failed', 'retrying', 'unknown')"


def upgrade() -> None:
    op.execute("DROP INDEX ix_deliveries_time")
    op.execute(
        "CREATE INDEX ix_deliveries_time ON deliveries USING brin (created_at) WITH (pages_per_range = 32)"
    )
    op.execute(
        f"CREATE INDEX ix_deliveries_summary ON deliveries USING brin (created_at, state {FEW}, channel {FEW}, "
        f"scenario {FEW}, (channel || '/' || scenario) {FEW}, (channel || '/' || state) {FEW}) "
        "WITH (pages_per_range = 32)"
    )
    op.execute(f"CREATE INDEX ix_facts_summary ON facts USING brin (at, kind {FEW}) WITH (pages_per_range = 64)")
    op.execute(
        "CREATE INDEX ix_facts_people ON facts (tenant_id, id) WHERE actor LIKE 'staff:%' OR actor LIKE 'operator:%'"
    )
    op.create_index("ix_members_level", "members", ["tenant_id", "level", "id"])
    op.create_index(
        "ix_members_state", "members", ["tenant_id", "state", "id"], postgresql_where=sa.text("state <> 'active'")
    )
    op.create_table(
        "delivery_troubles",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fact_id", sa.Uuid(), nullable=False),
        sa.Column("scenario", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "state", "fact_id", "scenario", name=op.f("pk_delivery_troubles")),
    )
    op.execute("ALTER TABLE delivery_troubles ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE delivery_troubles FORCE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY own_rows ON delivery_troubles USING "
        "(tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::bigint))"
    )
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'huida_app') THEN "
        "GRANT SELECT, INSERT, UPDATE, DELETE ON delivery_troubles TO huida_app; END IF; END $$"
    )
    op.execute(
        """
        CREATE FUNCTION note_delivery_trouble() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO delivery_troubles (tenant_id, state, fact_id, scenario)
          VALUES (NEW.tenant_id, NEW.state, NEW.fact_id, NEW.scenario) ON CONFLICT DO NOTHING;
          RETURN NULL;
        END $$
        """
    )
    for when, event in (("insert", "INSERT"), ("update", "UPDATE OF state")):
        op.execute(
            f"CREATE TRIGGER delivery_trouble_{when} AFTER {event} ON deliveries FOR EACH ROW "
            f"WHEN (NEW.state IN {TROUBLES}) EXECUTE FUNCTION note_delivery_trouble()"
        )
