"""What identifies a person is whole for who may see phones, and in part for everybody else."""

from collections.abc import Callable
from typing import Any

import pytest

from tests import make
from tests.asgi import Client
from tests.shop import Shop, open_shop

MESSAGING = "/api/console/messaging"


@pytest.fixture
async def shop(world: Any) -> Shop:
    return await open_shop(world)


@pytest.mark.covers("X-15")
@pytest.mark.parametrize("role", ["viewer", "store_staff"])
async def test_openids_and_unionids_are_for_who_may_see_phones(shop: Shop, role: str) -> None:
    template = await shop.enable("consumption")
    member = await shop.member()
    openid = shop.openid(member)
    await shop.answer(member, template)
    await shop.buy(member, "T-1")
    await shop.settle()
    [delivery] = await shop.deliveries()
    [fact] = [one["id"] for one in (await shop.staff.get(f"{MESSAGING}/members/{member}/timeline")).json()["items"]
              if one["scenario"] == "consumption"]  # fmt: skip
    clerk = await make.logged_in(Client(shop.world.app), await make.staff(shop.db, shop.tenant, role=role))
    doors: dict[str, Callable[[Any], str]] = {
        f"/api/console/members/{member}": lambda it: it["identities"][0]["openid"],
        f"{MESSAGING}/deliveries": lambda it: it["items"][0]["address"],
        f"{MESSAGING}/deliveries/{delivery['id']}": lambda it: it["address"],
        f"{MESSAGING}/facts/{fact}/trace": lambda it: it["steps"][0]["delivery"]["address"],
        f"{MESSAGING}/members/{member}/credits": lambda it: it["items"][0]["openid"],
    }
    for path, place in doors.items():
        assert place((await shop.staff.get(path)).json()) == openid, path
        seen = await clerk.get(path)
        assert place(seen.json()) == f"{openid[:4]}****{openid[-4:]}", path
        assert openid not in seen.text
    detail = f"{MESSAGING}/deliveries/{delivery['id']}"
    assert (await shop.staff.get(detail)).json()["body"]["touser"] == openid
    assert (await clerk.get(detail)).json()["body"]["touser"] == f"{openid[:4]}****{openid[-4:]}"
    assert len((await shop.staff.get(f"/api/console/members/{member}")).json()["identities"][0]["unionid"]) == 28
    assert (await clerk.get(f"/api/console/members/{member}")).json()["identities"][0]["unionid"] is None
    told = await shop.key.get(f"/api/v1/messages/trace/{fact}")
    assert told.status == 200, told.text
    assert told.json()["steps"][0]["delivery"]["address"] == f"{openid[:4]}****{openid[-4:]}"
