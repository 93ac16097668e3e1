"""The merchant of the benchmarks: one store, many members with subscribe credits, the consumption scenario live."""

from huida.kernel.clock import SystemClock
from huida.kernel.db import Database
from huida.kernel.ids import uuid7
from huida.kernel.secrets import Sealer, Secret
from huida.modules import connections, messaging, tenants
from huida.modules.messaging.bindings import write_live
from huida.modules.messaging.mapping import suggest
from huida.modules.messaging.templates import Listed, write_listed
from huida.providers.wechat.params import template_fields

APP = "wxbench0000000001"
TEMPLATE = "t" * 43
CONTENT = (
    "卡号:{{character_string4.DATA}}\n会员姓名:{{thing1.DATA}}\n消费时间:{{time3.DATA}}\n"
    "消费金额:{{amount2.DATA}}\n温馨提示:{{thing5.DATA}}"
)


async def open_shop(url: str, master_key: str, people: int, credits_each: int) -> tuple[int, str]:
    """Make the merchant; returns its tenant id and an API key."""
    db = Database(url, clock=SystemClock(), sealer=Sealer(bytes.fromhex(master_key)))
    async with db.tx(0) as tx:
        tenant_id = await tenants.create_merchant(tx, name="山月茶事", short_name="山月茶事")
    async with db.tx(tenant_id) as tx:
        await tenants.create_store(tx, code="S01", name="南门店")
        await tenants.entitle(tx, messaging.MODULE)
        _, key = await tenants.create_key(tx, name="till", scopes=["purchases.write"])
        await connections.connect(
            tx, connections.Wanted(app_id=APP, kind="mini", name="会员中心", secret=Secret("0" * 32))
        )
        await connections.open_subscribe(tx, APP)
        await write_listed(tx, APP, "subscribe", [Listed(TEMPLATE, "会员消费通知", CONTENT, "", 2, {})])
        scenario = messaging.BY_CODE["consumption"]
        mapping = suggest(scenario, template_fields(CONTENT))
        await write_live(tx, scenario, "subscribe", template_id=TEMPLATE, mapping=mapping)
        ids = [uuid7() for _ in range(people)]
        await tx.execute(
            "INSERT INTO members (tenant_id, id, card_no, name, joined_at) SELECT $1, m.id, '6' || lpad((m.n - 1)::text, 9, '0'), "
            "'林小满', $2 FROM unnest($3::uuid[]) WITH ORDINALITY AS m(id, n)",
            *(tenant_id, tx.now, ids),
        )
        await tx.execute(
            "INSERT INTO identities (tenant_id, app_id, openid, member_id, updated_at) "
            "SELECT $1, $4, 'o' || replace(m::text, '-', ''), m, $2 FROM unnest($3::uuid[]) AS m",
            *(tenant_id, tx.now, ids, APP),
        )
        await tx.execute(
            "INSERT INTO subscribe_credits (tenant_id, app_id, openid, template_id, by_client, updated_at) "
            "SELECT $1, $4, 'o' || replace(m::text, '-', ''), $5, $6, $2 FROM unnest($3::uuid[]) AS m",
            *(tenant_id, tx.now, ids, APP, TEMPLATE, credits_each),
        )
    await db.close()
    return tenant_id, key.reveal()
