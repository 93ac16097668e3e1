"""What the member centre needs of the server: the site, logins, spend codes, links that open the mini program."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from tests import make
from tests.asgi import Client
from tests.shop import Shop, open_shop
from wesim import seed
from wesim.oa.web import mint_code


@pytest.fixture
async def shop(world: Any) -> Shop:
    return await open_shop(world)


def used(code: str) -> str:
    return f"/api/v1/spend-codes/{code}/use"


async def test_the_site_says_whose_member_centre_it_is(shop: Shop) -> None:
    visitor = Client(shop.world.app)
    answer = (await visitor.get("/api/member/site", m=shop.tenant)).json()
    assert answer == {
        "m": shop.tenant,
        "merchant": "会达小店",
        "mini_app_id": seed.MINI_APPID,
        "oa_app_id": seed.OA_APPID,
        "simulator": None,
        "authorize_url": "http://wesim.test/open.weixin.qq.com/connect/oauth2/authorize",
    }
    for m in (999_999_999, 0, 2**63):
        assert (await visitor.get("/api/member/site", m=m)).status in (404, 422)


async def test_a_follower_logs_in_through_the_official_account(shop: Shop) -> None:
    sim = shop.world.sim
    code = mint_code(sim, kind="oauth", app=seed.OA_APPID, person="linxiaoman", scope="snsapi_userinfo")
    visitor = Client(shop.world.app)
    login = await visitor.post("/api/member/login", {"app_id": seed.OA_APPID, "code": code})
    assert login.status == 200, login.text
    assert login.json()["joined"] is False
    again = await visitor.post("/api/member/login", {"app_id": seed.OA_APPID, "code": code})
    assert again.refusal == (422, "member.bad_code")


@pytest.mark.covers("X-10")
async def test_the_same_person_is_one_member_in_both_apps(shop: Shop) -> None:
    member = await shop.member()
    code = mint_code(shop.world.sim, kind="oauth", app=seed.OA_APPID, person="linxiaoman", scope="snsapi_userinfo")
    login = await Client(shop.world.app).post("/api/member/login", {"app_id": seed.OA_APPID, "code": code})
    assert login.json()["joined"] is True
    centre = Client(shop.world.app, headers={"authorization": f"Bearer {login.json()['token']}"})
    me = (await centre.get("/api/member/me")).json()["member"]
    assert me["id"] == str(member)
    assert me["card_qr"].startswith("data:image/svg+xml;base64,")


@pytest.mark.covers("S1-80", "S1-87")
async def test_a_spend_code_is_shown_scanned_once_and_pays(shop: Shop) -> None:
    member = await shop.member()
    await shop.recharge(member, "R-1", 10_000)
    made = await (await shop.centre(member)).post("/api/member/spend-codes")
    assert made.status == 201
    shown = made.json()
    assert len(shown["code"]) == 18
    assert shown["code"].isdigit()
    assert shown["seconds"] == 60
    assert shown["qr"].startswith("data:image/svg+xml;base64,")

    till = {"store": "S01", "till_no": "T-1"}
    owner = (await shop.key.post(used(shown["code"]), till)).json()
    assert owner["card_no"] == await shop.card_no(member)
    assert owner["member_id"] == str(member)
    assert owner["balances"]["cny_principal"] == 10_000
    assert (await shop.key.post(used(shown["code"]), till)).json() == owner
    assert (await shop.key.post(used(shown["code"]), till | {"till_no": " T-1 "})).json() == owner
    other = await shop.key.post(used(shown["code"]), {"store": "S01", "till_no": "T-2"})
    assert other.refusal == (409, "member.spend_code_used")
    paid = await shop.buy(member, "T-1", 2_500, balance_fen=2_500)
    assert paid.status == 201
    assert (await shop.balances(member))["cny_principal"] == 7_500


async def test_a_new_spend_code_replaces_the_old_and_an_old_one_expires(shop: Shop) -> None:
    member = await shop.member()
    centre = await shop.centre(member)
    first = (await centre.post("/api/member/spend-codes")).json()["code"]
    second = (await centre.post("/api/member/spend-codes")).json()["code"]
    till = {"store": "S01", "till_no": "T-1"}
    assert first != second
    assert (await shop.key.post(used(first), till)).refusal == (404, "member.spend_code_unknown")
    await shop.later(seconds=76)
    assert (await shop.key.post(used(second), till)).refusal == (409, "member.spend_code_expired")


async def test_spend_codes_are_for_members_who_are_active(shop: Shop) -> None:
    sim = await shop.sim.post("/_sim/open", {"person": "chenyiming", "app": seed.MINI_APPID})
    login = await Client(shop.world.app).post(
        "/api/member/login", {"app_id": seed.MINI_APPID, "code": sim.json()["code"]}
    )
    visitor = Client(shop.world.app, headers={"authorization": f"Bearer {login.json()['token']}"})
    assert (await visitor.post("/api/member/spend-codes")).refusal == (403, "member.join_first")
    member = await shop.member()
    centre = await shop.centre(member)
    await shop.staff.post(f"/api/console/members/{member}/freeze")
    assert (await centre.post("/api/member/spend-codes")).refusal == (409, "member.not_active")


async def test_of_many_tills_with_one_code_one_gets_it(shop: Shop) -> None:
    member = await shop.member()
    centre = await shop.centre(member)
    for turn in range(3):
        code = (await centre.post("/api/member/spend-codes")).json()["code"]
        tills = [{"store": "S01", "till_no": f"T-{turn}-{number}"} for number in range(6)]
        fresh, *replies = await asyncio.gather(
            centre.post("/api/member/spend-codes"), *(shop.key.post(used(code), till) for till in tills)
        )
        won = [reply for reply in replies if reply.status == 200]
        lost = {reply.refusal for reply in replies if reply.status != 200}
        assert fresh.status == 201
        assert (len(won), lost) in (
            (1, {(409, "member.spend_code_used")}),
            (0, {(404, "member.spend_code_unknown")}),
        )
        assert (await shop.key.post(used(fresh.json()["code"]), tills[0])).status == 200


async def test_answers_about_people_are_kept_nowhere(shop: Shop) -> None:
    centre = await shop.centre(await shop.member())
    for client, path in ((centre, "/api/member/me"), (shop.staff, "/api/console/members"), (centre, "/api/console/me")):
        assert (await client.get(path)).headers["cache-control"] == "no-store"


async def test_another_merchants_till_cannot_use_the_code(shop: Shop) -> None:
    member = await shop.member()
    code = (await (await shop.centre(member)).post("/api/member/spend-codes")).json()["code"]
    neighbour = await make.merchant(shop.db, name="隔壁小店")
    key = Client(shop.world.app, headers={"authorization": f"Bearer {await make.key(shop.db, neighbour)}"})
    till = {"store": "S01", "till_no": "T-1"}
    assert (await key.post(used(code), till)).refusal == (404, "member.spend_code_unknown")
    assert (await shop.key.post(used(code), till)).status == 200


@pytest.mark.covers("S1-117")
async def test_a_link_opens_the_mini_program_at_the_page(shop: Shop) -> None:
    visitor = Client(shop.world.app)
    made = await visitor.post("/api/member/open-links", {"m": shop.tenant, "page": "pages/receipt/index?id=A-1"})
    assert made.status == 200, made.text
    await shop.member()
    opened = await shop.sim.post("/_sim/scan", {"person": "linxiaoman", "content": made.json()["url"]})
    assert (opened.json()["page"], opened.json()["appid"]) == ("pages/receipt/index?id=A-1", seed.MINI_APPID)
    for page in ("https://evil.example/", "pages/../x", "pages/a?b=<c>"):
        assert (await visitor.post("/api/member/open-links", {"m": shop.tenant, "page": page})).status == 422


async def test_the_site_is_not_for_counting_merchants(shop: Shop) -> None:
    visitor = Client(shop.world.app)
    replies = [await visitor.get("/api/member/site", m=999_999_000 + number) for number in range(200)]
    assert {reply.status for reply in replies} == {404, 429}
    refused = next(reply for reply in replies if reply.status == 429)
    assert refused.refusal == (429, "request.too_many")
    assert int(refused.headers["retry-after"]) >= 1
    assert (await Client(shop.world.app).get("/api/member/site", m=shop.tenant)).status == 200


async def test_strangers_from_many_addresses_cannot_use_up_a_shops_links(shop: Shop) -> None:
    page = {"m": shop.tenant, "page": "pages/index/index"}
    replies = [await Client(shop.world.app).post("/api/member/open-links", page) for _ in range(120)]
    made = [reply for reply in replies if reply.status == 200]
    assert 60 <= len(made) < 120
    assert {reply.refusal for reply in replies if reply.status != 200} == {(429, "request.too_many")}


async def test_short_links_lead_to_the_page(shop: Shop) -> None:
    await shop.enable("consumption", "sms")
    member = await shop.member()
    await shop.buy(member, "T-1")
    await shop.settle()
    text = (await shop.texts(member))[-1]["text"]
    code = text.split("/s/")[1].split()[0]
    followed = await Client(shop.world.app).get(f"/s/{quote(code)}")
    assert followed.status == 302
    target = followed.headers["location"]
    assert target.startswith(f"http://huida.test/h5/?m={shop.tenant}#/pages/receipt/index?id=")
