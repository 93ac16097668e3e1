"""Notices of the mall: several messages of one fact, policies, SMS templates, bound staff."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OWNED = ("sms_templates", "staff_bindings", "staff_scenes")
NEW = (*OWNED, "notice_rules")


def tenant() -> "sa.Column[int]":
    return sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False)


def at(name: str, *, nullable: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def text(name: str, *, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text(), nullable=nullable)


def json(name: str) -> "sa.Column[object]":
    return sa.Column(name, JSONB(), nullable=False)


def upgrade() -> None:
    op.execute("ALTER TABLE deliveries ADD COLUMN slot text NOT NULL DEFAULT ''")
    op.execute("ALTER TABLE deliveries ADD COLUMN audience text NOT NULL DEFAULT 'member'")
    op.execute("ALTER TABLE deliveries ADD CONSTRAINT ck_deliveries_audience CHECK (audience IN ('member', 'staff'))")
    op.execute(
        "ALTER TABLE deliveries DROP CONSTRAINT pk_deliveries, "
        "ADD CONSTRAINT pk_deliveries PRIMARY KEY (tenant_id, fact_id, scenario, slot)"
    )
    op.execute("ALTER TABLE delivery_troubles ADD COLUMN slot text NOT NULL DEFAULT ''")
    op.execute(
        "ALTER TABLE delivery_troubles DROP CONSTRAINT pk_delivery_troubles, "
        "ADD CONSTRAINT pk_delivery_troubles PRIMARY KEY (tenant_id, state, fact_id, scenario, slot)"
    )
    op.execute(
        """
        CREATE OR REPLACE FUNCTION note_delivery_trouble() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO delivery_troubles (tenant_id, state, fact_id, scenario, slot)
          VALUES (NEW.tenant_id, NEW.state, NEW.fact_id, NEW.scenario, NEW.slot) ON CONFLICT DO NOTHING;
          RETURN NULL;
        END $$
        """
    )
    op.execute(
        """
        CREATE OR REPLACE FUNCTION end_delivery_trouble() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          DELETE FROM delivery_troubles WHERE tenant_id = OLD.tenant_id AND state = OLD.state
            AND fact_id = OLD.fact_id AND scenario = OLD.scenario AND slot = OLD.slot;
          RETURN NULL;
        END $$
        """
    )
    op.execute(
        "DROP FUNCTION IF EXISTS deliveries_record(bigint, timestamptz, uuid[], text[], text[], text[], text[], "
        "smallint[], integer[])"
    )
    op.execute((Path(__file__).parent.parent / "sql" / "deliveries_record.sql").read_text("utf-8"))
    op.add_column("bindings", sa.Column("system", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("wechat_templates", text("former", nullable=True))
    op.create_table(
        "sms_templates",
        tenant(),
        sa.Column("id", sa.Uuid(), nullable=False),
        text("name"),
        text("scenario"),
        text("content"),
        json("mapping"),
        json("codes"),
        text("state"),
        text("paused_reason", nullable=True),
        at("checked_at", nullable=True),
        at("updated_at"),
        text("updated_by"),
        sa.CheckConstraint("state IN ('enabled', 'disabled')", name=op.f("ck_sms_templates_state")),
        sa.PrimaryKeyConstraint("tenant_id", "id", name=op.f("pk_sms_templates")),
    )
    op.create_table(
        "staff_bindings",
        tenant(),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        text("app_id"),
        text("openid"),
        sa.Column("follows", sa.Boolean(), server_default="true", nullable=False),
        at("follows_at"),
        json("scenarios"),
        at("bound_at"),
        sa.PrimaryKeyConstraint("tenant_id", "staff_id", name=op.f("pk_staff_bindings")),
    )
    op.create_index("uq_staff_bindings_openid", "staff_bindings", ["tenant_id", "app_id", "openid"], unique=True)
    op.create_table(
        "staff_scenes",
        tenant(),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        text("app_id"),
        at("expires_at"),
        at("used_at", nullable=True),
        sa.Column("trouble", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "hash", name=op.f("pk_staff_scenes")),
    )
    op.create_table(
        "notice_rules",
        sa.Column("id", sa.SmallInteger(), autoincrement=False, nullable=False),
        json("industries"),
        json("categories"),
        json("numbers"),
        at("updated_at"),
        sa.CheckConstraint("id = 1", name=op.f("ck_notice_rules_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_rules")),
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
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(NEW)} TO huida_app; "
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA public TO huida_app; END IF; END $$"
    )
