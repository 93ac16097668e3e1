"""SMS packages, parts, routes and budgets.

The price of a part becomes a list with dates. A signature knows at which providers it is approved, and several may be in
review; what was approved before this may be used at every provider, as before.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OWNED = ("sms_plans", "sms_days", "sms_charges", "sms_purchases", "sms_grants")
PLATFORM = (
    "sms_prices", "sms_packages", "sms_health", "sms_merchants", "sms_usage_days", "sms_wait_days", "sms_sales",
)


def upgrade() -> None:
    op.create_table('sms_prices',
    sa.Column('valid_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('part_fen', sa.Integer(), nullable=False),
    sa.Column('entered_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('entered_by', sa.Text(), nullable=False),
    sa.CheckConstraint('part_fen BETWEEN 0 AND 1000', name=op.f('ck_sms_prices_part_fen')),
    sa.PrimaryKeyConstraint('valid_from', name=op.f('pk_sms_prices'))
    )
    op.create_table('sms_packages',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('parts', sa.Integer(), nullable=False),
    sa.Column('price_fen', sa.BigInteger(), nullable=False),
    sa.Column('on_sale', sa.Boolean(), server_default='true', nullable=False),
    sa.Column('valid_from', sa.DateTime(timezone=True), nullable=False),
    sa.Column('valid_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('position', sa.Integer(), server_default='0', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('parts > 0 AND price_fen > 0', name=op.f('ck_sms_packages_worth_something')),
    sa.CheckConstraint('valid_until IS NULL OR valid_until > valid_from', name=op.f('ck_sms_packages_valid')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sms_packages'))
    )
    op.create_table('sms_health',
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('failures', sa.Integer(), server_default='0', nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_code', sa.Text(), server_default='', nullable=False),
    sa.Column('failed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('provider', name=op.f('pk_sms_health'))
    )
    op.create_table('sms_merchants',
    sa.Column('merchant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('model', sa.Text(), nullable=False),
    sa.Column('parts_left', sa.BigInteger(), nullable=False),
    sa.Column('parts_owed', sa.BigInteger(), nullable=False),
    sa.Column('active_on', sa.Date(), nullable=False),
    sa.Column('as_of', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', name=op.f('pk_sms_merchants'))
    )
    op.create_table('sms_usage_days',
    sa.Column('merchant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('scenario', sa.Text(), nullable=False),
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('model', sa.Text(), nullable=False),
    sa.Column('messages', sa.Integer(), nullable=False),
    sa.Column('accepted', sa.Integer(), nullable=False),
    sa.Column('delivered', sa.Integer(), nullable=False),
    sa.Column('failed', sa.Integer(), nullable=False),
    sa.Column('parts', sa.Integer(), nullable=False),
    sa.Column('cost_fen', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'day', 'scenario', 'provider', 'model', name=op.f('pk_sms_usage_days'))
    )
    op.create_index('ix_sms_usage_days_day', 'sms_usage_days', ['day'], unique=False)
    op.create_table('sms_wait_days',
    sa.Column('merchant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('provider', sa.Text(), nullable=False),
    sa.Column('seconds', sa.Integer(), nullable=False),
    sa.Column('messages', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('merchant_id', 'day', 'provider', 'seconds', name=op.f('pk_sms_wait_days'))
    )
    op.create_index('ix_sms_wait_days_day', 'sms_wait_days', ['day'], unique=False)
    op.create_table('sms_sales',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('merchant_id', sa.BigInteger(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('parts', sa.Integer(), nullable=False),
    sa.Column('price_fen', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('by', sa.Text(), nullable=False),
    sa.CheckConstraint("kind IN ('package', 'grant')", name=op.f('ck_sms_sales_kind')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sms_sales'))
    )
    op.create_index('ix_sms_sales_merchant', 'sms_sales', ['merchant_id', 'id'], unique=False)
    op.create_table('sms_plans',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('model', sa.Text(), server_default='per_part', nullable=False),
    sa.Column('price_milli', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('bought_parts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('low_parts', sa.Integer(), nullable=True),
    sa.Column('low_told', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('soft_parts', sa.Integer(), nullable=True),
    sa.Column('hard_parts', sa.Integer(), nullable=True),
    sa.Column('soft_fen', sa.BigInteger(), nullable=True),
    sa.Column('hard_fen', sa.BigInteger(), nullable=True),
    sa.Column('cap_parts', sa.Integer(), nullable=True),
    sa.Column('cap_fen', sa.BigInteger(), nullable=True),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("model IN ('per_part', 'package')", name=op.f('ck_sms_plans_model')),
    sa.PrimaryKeyConstraint('tenant_id', name=op.f('pk_sms_plans'))
    )
    op.create_table('sms_days',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('parts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('cost_fen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('soft_told', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('hard_told', sa.Boolean(), server_default='false', nullable=False),
    sa.CheckConstraint('parts >= 0 AND cost_fen >= 0', name=op.f('ck_sms_days_not_below_zero')),
    sa.PrimaryKeyConstraint('tenant_id', 'day', name=op.f('pk_sms_days')),
    postgresql_with={'fillfactor': '50'}
    )
    op.create_table('sms_charges',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('source_id', sa.Uuid(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('model', sa.Text(), nullable=False),
    sa.Column('scenario', sa.Text(), server_default='', nullable=False),
    sa.Column('provider', sa.Text(), server_default='', nullable=False),
    sa.Column('price_milli', sa.BigInteger(), nullable=False),
    sa.Column('parts', sa.Integer(), nullable=False),
    sa.Column('cost_fen', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('step', sa.SmallInteger(), server_default='0', nullable=False),
    sa.Column('outcome', sa.Text(), server_default='', nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('drawn', 'billed', 'returned')", name=op.f('ck_sms_charges_state')),
    sa.CheckConstraint('parts >= 0 AND cost_fen >= 0', name=op.f('ck_sms_charges_not_below_zero')),
    sa.PrimaryKeyConstraint('tenant_id', 'source_id', name=op.f('pk_sms_charges')),
    postgresql_with={'fillfactor': '75'}
    )
    op.create_index('ix_sms_charges_day', 'sms_charges', ['tenant_id', 'day'], unique=False)
    op.create_table('sms_purchases',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('package_id', sa.Uuid(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('parts', sa.Integer(), nullable=False),
    sa.Column('price_fen', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('payment_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_by', sa.Text(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('paid_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('refunds', sa.SmallInteger(), server_default='0', nullable=False),
    sa.CheckConstraint("state IN ('pending', 'paid', 'closed', 'refunding', 'refunded')", name=op.f('ck_sms_purchases_state')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_sms_purchases'))
    )
    op.create_table('sms_grants',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('parts', sa.Integer(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('granted_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('granted_by', sa.Text(), nullable=False),
    sa.CheckConstraint('parts <> 0', name=op.f('ck_sms_grants_parts')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_sms_grants'))
    )

    op.execute(
        "INSERT INTO sms_prices (valid_from, part_fen, entered_at, entered_by) "
        "SELECT '2000-01-01+08', part_fen, updated_at, 'system' FROM sms_settings"
    )
    op.execute(
        "INSERT INTO sms_prices (valid_from, part_fen, entered_at, entered_by) SELECT '2000-01-01+08', 10, now(), 'system' "
        "WHERE NOT EXISTS (SELECT FROM sms_prices) AND EXISTS (SELECT FROM sms_accounts)"
    )
    op.drop_constraint(op.f("ck_sms_settings_part_fen"), "sms_settings", type_="check")
    op.drop_column("sms_settings", "part_fen")
    op.add_column("sms_reviews", sa.Column("passed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sms_signatures", sa.Column("use_at_once", sa.Boolean(), server_default="true", nullable=False))
    op.add_column(
        "sms_signatures",
        sa.Column("providers", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'::text[]"), nullable=False),
    )
    op.execute("ALTER TABLE sms_signatures NO FORCE ROW LEVEL SECURITY")
    op.execute("UPDATE sms_signatures SET providers = '{aliyun,tencent}' WHERE state = 'approved'")
    op.drop_index("uq_sms_signatures_in_review", table_name="sms_signatures")
    # A name that stands twice among the older rows keeps its newest approved one.
    op.execute(
        "UPDATE sms_signatures s SET state = 'withdrawn', applied = false, decided_at = coalesce(s.decided_at, s.submitted_at) "
        "WHERE s.state = 'approved' AND NOT s.applied AND EXISTS (SELECT FROM sms_signatures o WHERE o.tenant_id = s.tenant_id "
        "AND o.name = s.name AND o.id <> s.id AND o.state = 'approved' AND (o.applied OR o.id > s.id))"
    )
    op.execute(
        "UPDATE sms_signatures s SET state = 'withdrawn', decided_at = s.submitted_at WHERE s.state = 'in_review' "
        "AND EXISTS (SELECT FROM sms_signatures o WHERE o.tenant_id = s.tenant_id AND o.name = s.name AND o.state = 'approved')"
    )
    op.execute(
        "DELETE FROM sms_reviews r WHERE EXISTS (SELECT FROM sms_signatures s WHERE s.tenant_id = r.merchant_id "
        "AND s.id = r.signature_id AND s.state <> 'in_review')"
    )
    op.execute("ALTER TABLE sms_signatures FORCE ROW LEVEL SECURITY")
    op.create_index(
        "uq_sms_signatures_name",
        "sms_signatures",
        ["tenant_id", "name"],
        unique=True,
        postgresql_where=sa.text("state IN ('in_review', 'approved')"),
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
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(OWNED + PLATFORM)} TO huida_app; END IF; END $$"
    )
