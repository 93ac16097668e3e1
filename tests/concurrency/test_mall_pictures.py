"""The night's tidying of pictures while staff save products: what a product has taken is kept."""

import asyncio
from contextvars import copy_context
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from huida.modules.mall import products
from tests import make
from tests.asgi import Client, call
from tests.concurrency.test_mall_stock import blocked_by
from tests.mallshop import CONSOLE, PLAIN, Mall, open_mall
from tests.pictures import of_size


@pytest.fixture
async def mall(world: Any) -> Mall:
    return await open_mall(world)


async def upload(mall: Mall, name: str) -> dict[str, str]:
    made = await mall.shop.staff.upload(f"{CONSOLE}/pictures", f"{name}.png", of_size(200 + len(name)))
    assert made.status == 201, made.text
    return dict(made.json())


async def tidy(mall: Mall) -> None:
    async with mall.shop.db.tx(mall.shop.tenant) as tx:
        await products.tidy_pictures(tx)


async def a_day_later(mall: Mall) -> None:
    """More than a day: whoever was logged in logs in again."""
    mall.shop.world.clock.advance(timedelta(days=1, minutes=1))
    person = await make.staff(mall.shop.db, mall.shop.tenant)
    mall.shop.staff = await make.logged_in(Client(mall.shop.world.app), person)


@pytest.mark.timeout(60)
async def test_a_product_saved_between_the_marks_and_the_deletion_keeps_its_picture(mall: Mall) -> None:
    """The marks wait for a picture that somebody has locked; meanwhile a product takes one that is due to go."""
    # given: two pictures that nothing has shown for a day, and a new one that is to be marked tonight
    taken, left = [await upload(mall, name) for name in ("taken", "left")]
    await tidy(mall)
    await a_day_later(mall)
    new = await upload(mall, "new")
    nightly, saving = copy_context(), copy_context()  # outside of the transaction that is opened here
    async with mall.shop.db.tx(mall.shop.tenant) as gate:
        await gate.row(
            "SELECT FROM mall_pictures WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
            *(gate.tenant_id, UUID(new["picture"].removeprefix("picture:"))),
        )
        tidying = asyncio.create_task(tidy(mall), context=nightly)
        gate_pid = await gate.value("SELECT pg_backend_pid()")
        while not await blocked_by(mall, gate_pid):
            assert not tidying.done(), tidying.exception()
            await asyncio.sleep(0)
        # when: the tidying is in its first statement, a product is saved and committed
        body = PLAIN | {"pictures": [taken["picture"]]}
        save = mall.shop.staff.post(f"{CONSOLE}/products", body)
        saved = await asyncio.create_task(save, context=saving)
        assert saved.status == 201, saved.text
        assert not tidying.done()
    await tidying
    # then
    shown = (await mall.shop.staff.get(f"{CONSOLE}/products/{saved.json()['id']}")).json()
    assert [one["picture"] for one in shown["pictures"]] == [taken["picture"]]
    answers = [await call(mall.shop.world.app, "GET", one["url"]) for one in (taken, left, new)]
    assert [answer.status for answer in answers] == [200, 404, 200]
    assert answers[0].body == of_size(200 + len("taken"))
    assert await mall.shop.invariants() == {}
