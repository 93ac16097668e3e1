"""What tables alone cannot say: the posting function, tenant isolation, shards, partitions, storage settings."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Looked up before a tenant is known, or serving all tenants: read by one module or by the queue only.
WITHOUT_TENANT = (
    "jobs",
    "jobs_later",
    "jobs_dead",
    "logins",
    "sessions",
    "api_keys",
    "member_sessions",
    "callback_routes",
    "short_links",
)


def upgrade() -> None:
    for name in ("ledger_post", "deliveries_record", "credits_take"):
        op.execute((Path(__file__).parent.parent / "sql" / f"{name}.sql").read_text("utf-8"))
    op.execute("CREATE TABLE facts_default PARTITION OF facts DEFAULT")
    op.execute("INSERT INTO shard_leases (shard) SELECT generate_series(0, 63)")
    op.execute(
        """
        DO $$
        DECLARE t text;
        BEGIN
          FOR t IN
            SELECT c.table_name FROM information_schema.columns c
            JOIN pg_class k ON k.relname = c.table_name AND k.relnamespace = 'public'::regnamespace AND NOT k.relispartition
            WHERE c.table_schema = 'public' AND c.column_name = 'tenant_id' AND c.table_name <> ALL (%s)
          LOOP
            EXECUTE format('ALTER TABLE %%I ENABLE ROW LEVEL SECURITY', t);
            EXECUTE format('ALTER TABLE %%I FORCE ROW LEVEL SECURITY', t);
            EXECUTE format('CREATE POLICY own_rows ON %%I USING (tenant_id = (SELECT nullif(current_setting(''app.tenant_id'', true), '''')::bigint))', t);
          END LOOP;
          IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'huida_app') THEN
            GRANT USAGE ON SCHEMA public TO huida_app;
            GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO huida_app;
            GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO huida_app;
            GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO huida_app;
            ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO huida_app;
            ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE ON SEQUENCES TO huida_app;
          END IF;
        END $$
        """
        % ("ARRAY[" + ", ".join(f"'{name}'" for name in WITHOUT_TENANT) + "]")
    )
    # The queue lives by deletion: vacuum it early, by count rather than by share of a table that is nearly empty.
    op.execute(
        "ALTER TABLE jobs SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, "
        "autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 1000000)"
    )
