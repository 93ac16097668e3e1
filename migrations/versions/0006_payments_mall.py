"""Payments and the mall."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

OWNED = (
    "pay_accounts", "payments", "pay_refunds", "mall_products", "mall_skus", "mall_pictures", "mall_orders",
    "mall_order_lines", "mall_shipments", "mall_refunds", "mall_withdrawals", "mall_recharges", "mall_settings",
)


def upgrade() -> None:
    op.create_table('mall_order_lines',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.SmallInteger(), nullable=False),
    sa.Column('sku_id', sa.Uuid(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('code', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('spec', sa.Text(), nullable=False),
    sa.Column('picture', sa.Text(), nullable=False),
    sa.Column('price_fen', sa.BigInteger(), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.CheckConstraint('count > 0 AND price_fen > 0', name=op.f('ck_mall_order_lines_amounts')),
    sa.PrimaryKeyConstraint('tenant_id', 'order_id', 'place', name=op.f('pk_mall_order_lines'))
    )
    op.create_table('mall_orders',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('order_no', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('digest', sa.LargeBinary(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('state', sa.Text(), server_default='submitted', nullable=False),
    sa.Column('closing', sa.Text(), server_default='', nullable=False),
    sa.Column('total_fen', sa.BigInteger(), nullable=False),
    sa.Column('refunded_fen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('goods', sa.Text(), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('stock_taken', sa.Boolean(), server_default='true', nullable=False),
    sa.Column('receiver', sa.Text(), nullable=False),
    sa.Column('phone_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('phone_hash', sa.LargeBinary(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('note', sa.Text(), server_default='', nullable=False),
    sa.Column('payment_id', sa.Uuid(), nullable=True),
    sa.Column('transaction_id', sa.Text(), server_default='', nullable=False),
    sa.Column('pay_until', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('paid_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('shipped_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('complete_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('completed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name=op.f('ck_mall_orders_closed_at')),
    sa.CheckConstraint("state IN ('submitted', 'paid', 'shipped', 'completed', 'closed')", name=op.f('ck_mall_orders_state')),
    sa.CheckConstraint('total_fen > 0 AND refunded_fen BETWEEN 0 AND total_fen', name=op.f('ck_mall_orders_amounts')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_mall_orders'))
    )
    op.create_index('ix_mall_orders_member', 'mall_orders', ['tenant_id', 'member_id', 'id'], unique=False)
    op.create_index('ix_mall_orders_phone', 'mall_orders', ['tenant_id', 'phone_hash', 'id'], unique=False)
    op.create_index('ix_mall_orders_state', 'mall_orders', ['tenant_id', 'state', 'id'], unique=False)
    op.create_index('uq_mall_orders_key', 'mall_orders', ['tenant_id', 'member_id', 'key'], unique=True)
    op.create_index('uq_mall_orders_no', 'mall_orders', ['tenant_id', 'order_no'], unique=True)
    op.create_table('mall_pictures',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('media_type', sa.Text(), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_mall_pictures'))
    )
    op.create_table('mall_products',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('description', sa.Text(), server_default='', nullable=False),
    sa.Column('pictures', sa.ARRAY(sa.Text()), nullable=False),
    sa.Column('specs', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('state', sa.Text(), server_default='draft', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state IN ('draft', 'on', 'off')", name=op.f('ck_mall_products_state')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_mall_products'))
    )
    op.create_index('ix_mall_products_state', 'mall_products', ['tenant_id', 'state', 'id'], unique=False)
    op.create_table('mall_recharges',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('recharge_no', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('paid_fen', sa.BigInteger(), nullable=False),
    sa.Column('gift_fen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('gift_points', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('state', sa.Text(), server_default='submitted', nullable=False),
    sa.Column('payment_id', sa.Uuid(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('paid_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('submitted', 'paid', 'closed')", name=op.f('ck_mall_recharges_state')),
    sa.CheckConstraint('paid_fen > 0 AND gift_fen >= 0', name=op.f('ck_mall_recharges_amounts')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_mall_recharges'))
    )
    op.create_index('ix_mall_recharges_member', 'mall_recharges', ['tenant_id', 'member_id', 'id'], unique=False)
    op.create_index('uq_mall_recharges_key', 'mall_recharges', ['tenant_id', 'member_id', 'key'], unique=True)
    op.create_index('uq_mall_recharges_no', 'mall_recharges', ['tenant_id', 'recharge_no'], unique=True)
    op.create_table('mall_refunds',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), server_default='pending', nullable=False),
    sa.Column('failure', sa.Text(), server_default='', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('pending', 'succeeded', 'failed')", name=op.f('ck_mall_refunds_state')),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_mall_refunds_amount')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_mall_refunds'))
    )
    op.create_index('uq_mall_refunds_key', 'mall_refunds', ['tenant_id', 'order_id', 'key'], unique=True)
    op.create_table('mall_settings',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('complete_after_days', sa.SmallInteger(), server_default='10', nullable=False),
    sa.Column('recharge_amounts', sa.ARRAY(sa.BigInteger()), nullable=False),
    sa.Column('recharge_on', sa.Boolean(), server_default='true', nullable=False),
    sa.Column('withdraw_on', sa.Boolean(), server_default='true', nullable=False),
    sa.Column('withdraw_from_fen', sa.BigInteger(), server_default='100', nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('complete_after_days BETWEEN 1 AND 60', name=op.f('ck_mall_settings_complete_after')),
    sa.CheckConstraint('withdraw_from_fen BETWEEN 1 AND 100000000', name=op.f('ck_mall_settings_withdraw_from')),
    sa.PrimaryKeyConstraint('tenant_id', name=op.f('pk_mall_settings'))
    )
    op.create_table('mall_shipments',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('order_id', sa.Uuid(), nullable=False),
    sa.Column('carrier_code', sa.Text(), nullable=False),
    sa.Column('carrier', sa.Text(), nullable=False),
    sa.Column('tracking_no', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_mall_shipments'))
    )
    op.create_index('uq_mall_shipments_parcel', 'mall_shipments', ['tenant_id', 'order_id', 'carrier_code', 'tracking_no'], unique=True)
    op.create_table('mall_skus',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('product_id', sa.Uuid(), nullable=False),
    sa.Column('place', sa.SmallInteger(), nullable=False),
    sa.Column('code', sa.Text(), server_default='', nullable=False),
    sa.Column('spec_values', sa.ARRAY(sa.Text()), nullable=False),
    sa.Column('price_fen', sa.BigInteger(), nullable=False),
    sa.Column('stock', sa.Integer(), nullable=False),
    sa.Column('gone', sa.Boolean(), server_default='false', nullable=False),
    sa.CheckConstraint('price_fen > 0', name=op.f('ck_mall_skus_price')),
    sa.CheckConstraint('stock >= 0', name=op.f('ck_mall_skus_stock')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_mall_skus')),
    postgresql_with={'fillfactor': '70'}
    )
    op.create_index('ix_mall_skus_product', 'mall_skus', ['tenant_id', 'product_id'], unique=False)
    op.create_index('uq_mall_skus_code', 'mall_skus', ['tenant_id', 'code'], unique=True, postgresql_where=sa.text("code <> '' AND NOT gone"))
    op.create_table('mall_withdrawals',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('withdrawal_no', sa.Text(), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('member_id', sa.Uuid(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Text(), server_default='asked', nullable=False),
    sa.Column('hold_id', sa.Uuid(), nullable=False),
    sa.Column('payee_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('way', sa.Text(), nullable=False),
    sa.Column('paid_ref', sa.Text(), server_default='', nullable=False),
    sa.Column('reason', sa.Text(), server_default='', nullable=False),
    sa.Column('decided_by', sa.Text(), server_default='', nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('asked', 'paid', 'rejected')", name=op.f('ck_mall_withdrawals_state')),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_mall_withdrawals_amount')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_mall_withdrawals'))
    )
    op.create_index('ix_mall_withdrawals_state', 'mall_withdrawals', ['tenant_id', 'state', 'id'], unique=False)
    op.create_index('uq_mall_withdrawals_key', 'mall_withdrawals', ['tenant_id', 'member_id', 'key'], unique=True)
    op.create_index('uq_mall_withdrawals_no', 'mall_withdrawals', ['tenant_id', 'withdrawal_no'], unique=True)
    op.create_table('pay_accounts',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('mchid', sa.Text(), nullable=False),
    sa.Column('serial', sa.Text(), nullable=False),
    sa.Column('private_key_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('api_v3_key_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('public_key_id', sa.Text(), server_default='', nullable=False),
    sa.Column('public_key', sa.Text(), server_default='', nullable=False),
    sa.Column('app_id', sa.Text(), server_default='', nullable=False),
    sa.Column('state', sa.Text(), server_default='active', nullable=False),
    sa.Column('check_code', sa.Text(), server_default='', nullable=False),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('heard_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('updated_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("state IN ('active', 'former')", name=op.f('ck_pay_accounts_state')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_pay_accounts'))
    )
    op.create_index('uq_pay_accounts_active', 'pay_accounts', ['tenant_id'], unique=True, postgresql_where=sa.text("state = 'active'"))
    op.create_index('uq_pay_accounts_mchid', 'pay_accounts', ['tenant_id', 'mchid'], unique=True)
    op.create_table('pay_refunds',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('payment_id', sa.Uuid(), nullable=False),
    sa.Column('source_id', sa.Uuid(), nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), server_default='pending', nullable=False),
    sa.Column('failure', sa.Text(), server_default='', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("state IN ('pending', 'succeeded', 'failed', 'abnormal')", name=op.f('ck_pay_refunds_state')),
    sa.CheckConstraint('amount_fen > 0', name=op.f('ck_pay_refunds_amount')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_pay_refunds'))
    )
    op.create_index('ix_pay_refunds_payment', 'pay_refunds', ['tenant_id', 'payment_id'], unique=False)
    op.create_index('uq_pay_refunds_source', 'pay_refunds', ['tenant_id', 'source_id'], unique=True)
    op.create_table('pay_routes',
    sa.Column('route_key', sa.Text(), nullable=False),
    sa.Column('tenant_id', sa.BigInteger(), nullable=False),
    sa.Column('account_tenant', sa.BigInteger(), nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('route_key', name=op.f('pk_pay_routes'))
    )
    op.create_index('uq_pay_routes_account', 'pay_routes', ['account_id', 'tenant_id'], unique=True)
    op.create_table('payments',
    sa.Column('tenant_id', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('reference_id', sa.Uuid(), nullable=False),
    sa.Column('payee', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('app_id', sa.Text(), server_default='', nullable=False),
    sa.Column('openid', sa.Text(), server_default='', nullable=False),
    sa.Column('amount_fen', sa.BigInteger(), nullable=False),
    sa.Column('description', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), server_default='created', nullable=False),
    sa.Column('account_id', sa.Uuid(), nullable=True),
    sa.Column('out_trade_no', sa.Text(), nullable=False),
    sa.Column('token', sa.Text(), server_default='', nullable=False),
    sa.Column('renew', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('cancelling', sa.Boolean(), server_default='false', nullable=False),
    sa.Column('trouble', sa.Text(), server_default='', nullable=False),
    sa.Column('transaction_id', sa.Text(), server_default='', nullable=False),
    sa.Column('refunded_fen', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('paid_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(state = 'paid') = (paid_at IS NOT NULL)", name=op.f('ck_payments_paid_at')),
    sa.CheckConstraint("kind IN ('jsapi', 'native')", name=op.f('ck_payments_kind')),
    sa.CheckConstraint("payee IN ('merchant', 'platform')", name=op.f('ck_payments_payee')),
    sa.CheckConstraint("state IN ('created', 'prepared', 'paid', 'closed')", name=op.f('ck_payments_state')),
    sa.CheckConstraint('amount_fen > 0 AND refunded_fen BETWEEN 0 AND amount_fen', name=op.f('ck_payments_amounts')),
    sa.PrimaryKeyConstraint('tenant_id', 'id', name=op.f('pk_payments'))
    )
    op.create_index('uq_payments_number', 'payments', ['tenant_id', 'account_id', 'out_trade_no'], unique=True)
    op.create_index('uq_payments_reference', 'payments', ['tenant_id', 'purpose', 'reference_id'], unique=True)

    for table in OWNED:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(
            f"CREATE POLICY own_rows ON {table} USING "
            "(tenant_id = (SELECT nullif(current_setting('app.tenant_id', true), '')::bigint))"
        )
    op.execute(
        "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'huida_app') THEN "
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(OWNED)}, pay_routes TO huida_app; END IF; END $$"
    )
