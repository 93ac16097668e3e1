"""Orders as a file that spreadsheets open: numbers stay as they are, nothing runs, nothing is cut."""

import csv
import io
from typing import Any

import pytest

from tests.mallshop import CONSOLE, Mall, buyer_of, open_mall

LINES, COPIES = 20, 260
COPY_ORDERS = """
WITH copies AS (
  INSERT INTO mall_orders SELECT (jsonb_populate_record(o, jsonb_build_object('id', gen_random_uuid(), 'key', n,
    'order_no', o.order_no || n))).* FROM mall_orders o, generate_series(1, $2) AS n WHERE o.tenant_id = $1 RETURNING id)
INSERT INTO mall_order_lines SELECT (jsonb_populate_record(l, jsonb_build_object('order_id', c.id))).*
FROM mall_order_lines l, copies c WHERE l.tenant_id = $1
"""


@pytest.fixture
async def mall(world: Any) -> Mall:
    return await open_mall(world)


async def exported(mall: Mall) -> list[list[str]]:
    file = (await mall.shop.staff.get(f"{CONSOLE}/orders/export")).text
    assert file.startswith("\ufeff订单号,")
    return list(csv.reader(io.StringIO(file.removeprefix("\ufeff"))))[1:]


async def test_numbers_open_as_text_and_nothing_runs_as_a_formula(mall: Mall) -> None:
    sku = {"values": [], "price_fen": 2800, "stock": 10, "code": "1E5"}
    product = await mall.product({"title": '=HYPERLINK("x")', "skus": [sku]})
    _, buyer = await buyer_of(mall)
    order_id = await mall.paid(buyer, product, note='="1"', receiver="+陈")
    number = (await mall.seen(order_id))["order_no"]
    [at_wechat] = mall.sim_orders()
    [line] = await exported(mall)
    assert (line[0], line[5], line[15]) == (f'="{number}"', '="1E5"', f'="{at_wechat.transaction_id}"')
    assert (line[3], line[10], line[13]) == ('\'=HYPERLINK("x")', "'+陈", '\'="1"')
    assert (line[6], line[7], line[8], line[11]) == ("28.00", "1", "28.00", "13800000001")


async def test_what_is_not_there_yet_is_an_empty_cell(mall: Mall) -> None:
    product = await mall.product({"title": "铁观音", "skus": [{"values": [], "price_fen": 100, "stock": 1}]})
    _, buyer = await buyer_of(mall)
    await mall.ordered(buyer, product)
    [line] = await exported(mall)
    assert (line[5], line[15], line[16]) == ("", "", "")


async def test_an_export_of_many_lines_is_whole(mall: Mall) -> None:
    body = {
        "title": "散茶",
        "specs": [{"name": "产地", "values": [f"第{n}村" for n in range(LINES)]}],
        "skus": [{"values": [f"第{n}村"], "price_fen": 100, "stock": 999} for n in range(LINES)],
    }
    product = await mall.product(body)
    _, buyer = await buyer_of(mall)
    items = [{"sku_id": sku["id"], "count": 1} for sku in product["skus"]]
    await mall.ordered(buyer, product, items=items, total_fen=100 * LINES)
    async with mall.shop.db.tx(mall.shop.tenant) as tx:
        await tx.execute(COPY_ORDERS, tx.tenant_id, COPIES)
    lines = await exported(mall)
    assert len(lines) == LINES * (COPIES + 1)
    assert len({(line[0], line[4]) for line in lines}) == LINES * (COPIES + 1)
