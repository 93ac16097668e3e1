"""What tills send when something is wrong with them: each is told what and where, and nothing moves."""

import json
from typing import Any

import pytest

from tests.shop import Shop, whole_rules

ONE, MANY = "/api/v1/purchases", "/api/v1/purchases/batch"
JSON = {"content-type": "application/json"}


async def row(shop: Shop, member: Any, till_no: str = "T-1", **more: Any) -> dict[str, Any]:
    return {"store": "S01", "till_no": till_no, "card_no": await shop.card_no(member), "total_fen": 2500} | more


async def purchases(shop: Shop) -> list[str]:
    items = (await shop.staff.get("/api/console/orders/purchases", limit=100)).json()["items"]
    return [item["till_no"] for item in reversed(items)]


WRONG = [
    ({"card_no": "nobody"}, 404, "member.not_found", "card_no"),
    ({"card_no": None, "phone": "13900000000"}, 404, "member.not_found", "phone"),
    ({"store": "S99"}, 404, "store.not_found", "store"),
    ({"card_no": None}, 422, "orders.one_member_ref", "card_no"),
    ({"phone": "13800000001"}, 422, "orders.one_member_ref", "card_no"),
    ({"total_fen": -1}, 422, "orders.bad_amount", "total_fen"),
    ({"total_fen": 10**13}, 422, "orders.bad_amount", "total_fen"),
    ({"balance_fen": -1}, 422, "orders.bad_amount", "balance_fen"),
    ({"balance_fen": 2501}, 422, "orders.bad_amount", "balance_fen"),
    ({"total_fen": 25.5}, 422, "request.invalid", "total_fen"),
    ({"total_fen": "2500"}, 422, "request.invalid", "total_fen"),
    ({"total_fen": True}, 422, "request.invalid", "total_fen"),
    ({"till_no": ""}, 422, "orders.bad_till_no", "till_no"),
    ({"till_no": "T" * 65}, 422, "orders.bad_till_no", "till_no"),
    ({"till_no": "T\x001"}, 422, "orders.bad_till_no", "till_no"),
    ({"store": ""}, 422, "orders.bad_store", "store"),
    ({"items": [{"name": "a\x00b"}]}, 422, "orders.bad_items", "items"),
    ({"occurred_at": "2099-01-01T00:00:00Z"}, 422, "orders.time_in_future", "occurred_at"),
    ({"occurred_at": "2026-11-21T10:00:00"}, 422, "orders.time_without_zone", "occurred_at"),
    ({"occurred_at": "2020-01-01T00:00:00Z"}, 422, "orders.time_too_old", "occurred_at"),
    ({"occurred_at": "yesterday"}, 422, "request.invalid", "occurred_at"),
]


@pytest.mark.parametrize(("change", "status", "code", "where"), WRONG)
async def test_a_wrong_purchase_is_refused_by_name_and_nothing_is_kept(
    shop: Shop, change: dict[str, Any], status: int, code: str, where: str
) -> None:
    member = await shop.member(wechat=False)
    refused = await shop.key.post(ONE, await row(shop, member) | change)
    assert (refused.refusal, refused.json()["where"]) == ((status, code), where)
    assert await purchases(shop) == []
    assert await shop.balances(member) == {}
    kept = await shop.key.post(MANY, {"purchases": [await row(shop, member) | change]})
    [answer] = kept.json()["results"]
    assert (kept.status, answer["status"], answer["error"]["code"]) == (200, "refused", code)
    assert await purchases(shop) == []


async def test_in_a_half_bad_batch_each_row_is_answered_on_its_own(shop: Shop) -> None:
    await shop.enable("consumption", "sms")
    member = await shop.member(wechat=False)
    rows = [
        await row(shop, member, "T-1"),
        await row(shop, member, "T-2", total_fen=-1),
        {"nonsense": 1},
        await row(shop, member, "T-3", balance_fen=2500),
        await row(shop, member, "T-4", card_no="nobody"),
        await row(shop, member, "T-5", total_fen=100),
    ]
    reply = await shop.key.post(MANY, {"purchases": rows})
    results = reply.json()["results"]
    assert [r["status"] for r in results] == ["recorded", "refused", "refused", "refused", "refused", "recorded"]
    assert [r["error"]["code"] for r in results if "error" in r] == [
        "orders.bad_amount",
        "request.invalid",
        "ledger.insufficient_balance",
        "member.not_found",
    ]
    assert await purchases(shop) == ["T-1", "T-5"]
    assert await shop.balances(member) == {"points": 26}
    await shop.settle()
    assert len(await shop.texts(member)) == 2


async def test_the_same_number_twice_in_one_batch_is_one_purchase(shop: Shop) -> None:
    member = await shop.member(wechat=False)
    rows = [await row(shop, member), await row(shop, member), await row(shop, member, total_fen=999)]
    results = (await shop.key.post(MANY, {"purchases": rows})).json()["results"]
    assert [r["status"] for r in results] == ["recorded", "repeated", "refused"]
    assert results[2]["error"]["code"] == "orders.till_no_reused"
    assert results[0]["id"] == results[1]["id"]
    assert await shop.balances(member) == {"points": 25}


async def test_the_same_number_with_another_amount_or_member_is_refused(shop: Shop) -> None:
    member = await shop.member(wechat=False)
    other = await shop.member("chenyiming", wechat=False)
    assert (await shop.buy(member, "T-1", 2500)).status == 201
    assert (await shop.buy(member, "T-1", 2501)).refusal == (409, "orders.till_no_reused")
    assert (await shop.buy(other, "T-1", 2500)).refusal == (409, "orders.till_no_reused")
    assert (await shop.recharge(member, "R-1", 100)).status == 201
    assert (await shop.recharge(member, "R-1", 101)).refusal == (409, "orders.till_no_reused")
    assert await shop.balances(member) == {"points": 25, "cny_principal": 100}
    assert await shop.balances(other) == {}


@pytest.mark.parametrize("count", [0, 1001])
async def test_a_batch_of_none_or_too_many_is_refused_whole(shop: Shop, count: int) -> None:
    member = await shop.member(wechat=False)
    one = await row(shop, member)
    refused = await shop.key.post(MANY, {"purchases": [one | {"till_no": f"T-{n}"} for n in range(count)]})
    assert refused.refusal == (422, "orders.bad_batch_size")
    assert await purchases(shop) == []


async def test_a_thousand_rows_are_taken(shop: Shop) -> None:
    member = await shop.member(wechat=False)
    one = await row(shop, member, total_fen=100)
    reply = await shop.key.post(MANY, {"purchases": [one | {"till_no": f"T-{n}"} for n in range(1000)]})
    assert {r["status"] for r in reply.json()["results"]} == {"recorded"}
    assert await shop.balances(member) == {"points": 1000}


@pytest.mark.parametrize("path", [ONE, MANY, "/api/v1/recharges", "/api/v1/refunds"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "request.not_json"),
        (b"{", "request.not_json"),
        (b'{"store": "S01", ', "request.not_json"),
        (b"\xff\xfe{\x00}\x00", "request.not_json"),  # UTF-16
        (b"null", "request.invalid"),
        (b"[]", "request.invalid"),
        (b"{}", "request.invalid"),
    ],
)
async def test_what_is_no_json_or_no_purchase_is_refused(shop: Shop, path: str, body: bytes, code: str) -> None:
    refused = await shop.key.request("POST", path, headers=JSON, body=body)
    assert refused.refusal == (422, code), refused.text
    assert await purchases(shop) == []


@pytest.mark.parametrize("path", [ONE, "/api/v1/recharges", "/api/v1/refunds"])
async def test_text_in_another_encoding_is_refused(shop: Shop, path: str) -> None:
    refused = await shop.key.request("POST", path, headers=JSON, body=b'{"store": "\xe9t\xe9"}')
    assert refused.refusal == (422, "request.not_json")
    assert await purchases(shop) == []


async def test_a_row_in_another_encoding_is_refused_alone(shop: Shop) -> None:
    member = await shop.member(wechat=False)
    good = json.dumps(await row(shop, member)).encode()
    body = b'{"purchases": [{"store": "\xe9t\xe9"}, ' + good + b"]}"
    results = (await shop.key.request("POST", MANY, headers=JSON, body=body)).json()["results"]
    assert [(r["status"], r.get("error", {}).get("code")) for r in results] == [
        ("refused", "request.not_json"),
        ("recorded", None),
    ]
    assert await purchases(shop) == ["T-1"]


async def test_a_body_of_eleven_megabytes_is_too_large(shop: Shop) -> None:
    for path in (ONE, MANY, "/api/v1/recharges"):
        refused = await shop.key.request("POST", path, headers=JSON, body=b" " * (11 * 1024 * 1024))
        assert refused.refusal == (413, "request.too_large")
    assert await purchases(shop) == []


async def test_without_a_key_or_scope_nothing_is_read(shop: Shop) -> None:
    member = await shop.member(wechat=False)
    body = json.dumps(await row(shop, member)).encode()
    for headers, refusal in (
        ({"authorization": ""}, (401, "auth.required")),
        ({"authorization": "Bearer hk_made_up"}, (401, "auth.bad_key")),
    ):
        refused = await shop.key.request("POST", ONE, headers=JSON | headers, body=body)
        assert refused.refusal == refusal
    assert await purchases(shop) == []


async def test_an_idempotency_key_answers_again_and_refuses_another_request(shop: Shop) -> None:
    member = await shop.member(wechat=False)
    first = await row(shop, member)
    key = {"idempotency-key": "till-7-42"}
    done = await shop.key.post(ONE, first, headers=key)
    again = await shop.key.post(ONE, first, headers=key)
    assert (done.status, again.status, again.body) == (201, 201, done.body)
    assert again.headers["idempotent-replay"] == "true"
    mismatch = await shop.key.post(ONE, first | {"till_no": "T-2"}, headers=key)
    assert mismatch.refusal == (422, "idempotency.mismatch")
    other_path = await shop.key.post(MANY, {"purchases": [first]}, headers=key)
    assert other_path.refusal == (422, "idempotency.mismatch")
    for bad in ("", "x" * 201):
        assert (await shop.key.post(ONE, first, headers={"idempotency-key": bad})).refusal == (
            422,
            "idempotency.bad_key",
        )
    assert await purchases(shop) == ["T-1"]
    assert await shop.balances(member) == {"points": 25}


async def test_a_refused_purchase_does_not_use_up_its_idempotency_key(shop: Shop) -> None:
    member = await shop.member(wechat=False)
    body = await row(shop, member, balance_fen=2500)
    key = {"idempotency-key": "till-7-43"}
    assert (await shop.key.post(ONE, body, headers=key)).refusal == (409, "ledger.insufficient_balance")
    await shop.recharge(member, "R-1", 2500)
    assert (await shop.key.post(ONE, body, headers=key)).status == 201
    assert await shop.balances(member) == {"cny_principal": 0, "points": 25}


@pytest.mark.parametrize(("language", "title"), [("en", "Too large: at most 10 MB"), ("zh-CN", "内容太大，最多 10 MB")])
async def test_what_is_too_large_is_refused_in_the_callers_language(shop: Shop, language: str, title: str) -> None:
    told = await shop.key.request("POST", MANY, headers={**JSON, "accept-language": language}, body=b" " * 11_000_000)
    assert (told.status, told.json()["title"]) == (413, title)


POISON = [
    (b'{"store": "S01", "till_no": "P", "card_no": "6088\\u0000", "total_fen": 5}', "request.invalid", "card_no"),
    (b'{"store": "S01", "till_no": "P", "phone": "138\\u0000", "total_fen": 5}', "request.invalid", "phone"),
    (b'{"store": "S01", "till_no": "P", "openid": "o\\u0000", "total_fen": 5}', "request.invalid", "openid"),
    (b'{"store": "S\\u0000", "till_no": "P", "card_no": "1", "total_fen": 5}', "orders.bad_store", "store"),
    (
        b'{"store": "S01", "till_no": "P", "card_no": "1", "total_fen": 5, "items": [{"name": "\\ud83d"}]}',
        "request.not_json",
        "",
    ),
    (
        b'{"store": "S01", "till_no": "P", "card_no": "1", "total_fen": 5, "items": [{"a": [{"b": "\\u0000"}]}]}',
        "orders.bad_items",
        "items",
    ),
    (
        b'{"store": "S01", "till_no": "P", "card_no": "1", "total_fen": 5, "items": [{"a": '
        + b"[" * 99
        + b"]" * 99
        + b"}]}",
        "orders.bad_items",
        "items",
    ),
    (b'{"store": "S01", "till_no": "P", "card_no": "1", "total_fen": 5, "balance": 5}', "request.invalid", "balance"),
    (b'{"store": "S01", "till_no": "P", "card_no": "1"}', "request.invalid", "total_fen"),
    (
        b'{"store": "S01", "till_no": "P", "card_no": "1", "total_fen": ' + b"9" * 400 + b"}",
        "orders.bad_amount",
        "total_fen",
    ),
]
"""B-06, I-01, I-21: rows that no database keeps, or that say something else than they seem to."""


@pytest.mark.parametrize(("bad", "code", "where"), POISON)
async def test_a_poisoned_row_is_refused_alone_and_by_name(shop: Shop, bad: bytes, code: str, where: str) -> None:
    member = await shop.member(wechat=False)
    first, third = [json.dumps(await row(shop, member, f"T-{n}")).encode() for n in (1, 3)]
    body = b'{"purchases": [' + first + b", " + bad + b", " + third + b"]}"
    reply = await shop.key.request("POST", MANY, headers=JSON, body=body)
    results = reply.json()["results"]
    assert (reply.status, [one["status"] for one in results]) == (200, ["recorded", "refused", "recorded"])
    assert (results[1]["error"]["code"], results[1]["error"]["where"]) == (code, where)
    alone = await shop.key.request("POST", ONE, headers=JSON, body=bad)
    assert (alone.refusal, alone.json().get("where", "")) == ((422, code), where)
    assert await purchases(shop) == ["T-1", "T-3"]
    assert await shop.balances(member) == {"points": 50}


SIGN_OFF = {"card_no": "1", "order_no": "E1", "sign_at": "2026-12-24T10:00:00+08:00"}


@pytest.mark.parametrize(
    ("change", "code", "where"),
    [
        ({"order_no": "a\x00b"}, "request.invalid", "order_no"),
        ({"order_no": ""}, "orders.bad_order_no", "order_no"),
        ({"order_no": "x" * 100_000}, "orders.bad_order_no", "order_no"),
        ({"sign_at": "1900-01-01T00:00:00Z"}, "orders.time_too_old", "sign_at"),
        ({"sign_at": "9999-12-31T23:59:59-12:00"}, "orders.time_in_future", "sign_at"),
        ({"remind_at": "2026-12-24T10:00:00"}, "orders.time_without_zone", "remind_at"),
        ({"card_no": "1\x00"}, "request.invalid", "card_no"),
        ({"card_nr": "1"}, "request.invalid", "card_nr"),
    ],
)
async def test_a_wrong_sign_off_reminder_is_refused(shop: Shop, change: dict[str, Any], code: str, where: str) -> None:
    refused = await shop.key.post("/api/v1/sign-off-reminders", SIGN_OFF | change)
    assert (refused.refusal, refused.json()["where"]) == ((422, code), where)
    assert await shop.world.facts("order.sign_off_due") == []


@pytest.mark.parametrize(
    ("path", "body", "where"),
    [
        ("adjust", {"points": 9 * 10**18}, "points"),
        ("adjust", {"points": 10**30}, "points"),
        ("adjust", {"points": 1, "note": "a\x00b"}, "note"),
        ("adjust", {"points": 1, "note": ""}, "note"),
        ("adjust", {"points": 1, "note": " "}, "note"),
        ("adjust", {"points": 1, "note": "x" * 200_000}, "note"),
        ("/api/console/coupons/templates", {"amount_fen": 10**30}, "amount_fen"),
        ("/api/console/coupons/templates", {"amount_fen": 2**63}, "amount_fen"),
        ("/api/console/coupons/templates", {"threshold_fen": 2**63}, "threshold_fen"),
        (
            "/api/console/loyalty/rules",
            {"gift_tiers": [{"from_fen": 100, "gift_fen": 10**30}]},
            "gift_tiers/0/gift_fen",
        ),
        ("/api/console/loyalty/rules", {"gift_tiers": [{"from_fen": 100}] * 2}, "gift_tiers"),
        ("/api/console/loyalty/rules", {"levels": [{"code": "", "name": "x"}]}, "levels/0/code"),
    ],
)
async def test_numbers_and_texts_have_limits(shop: Shop, path: str, body: dict[str, Any], where: str) -> None:
    """B-13: what was a 500, or was kept and broke every recharge afterwards."""
    member = await shop.member(wechat=False)
    if path == "adjust":
        path = f"/api/console/loyalty/members/{member}/adjust"
        body = {"key": "01a22d5f-f9ec-74e9-9a8f-0c8c6c1f3b11", "note": "n"} | body
        refused = await shop.staff.post(path, body)
    elif path.endswith("rules"):
        refused = await shop.staff.put(path, whole_rules(**body))
    else:
        refused = await shop.staff.post(path, {"name": "大", "kind": "cash", "total": 1, "valid_days": 7} | body)
    assert refused.status == 422, refused.text
    assert refused.json()["where"] == where
    assert await shop.balances(member) == {}
    assert (await shop.staff.get("/api/console/coupons/templates")).json()["items"] == []
    assert (await shop.staff.get("/api/console/loyalty/rules")).json()["gift_tiers"] == []
    assert (await shop.recharge(member, "R-1", 100)).status == 201
