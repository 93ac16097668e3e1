"""SMS: price and parts, signatures and their review, delivery reports."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from starlette.types import ASGIApp

from huida.kernel.clock import ShiftedClock
from huida.kernel.db import Database
from huida.kernel.errors import AppError
from huida.kernel.facts import SHARDS
from huida.kernel.secrets import Secret
from huida.main import System
from huida.modules import sms
from huida.modules.sms import Account, Proof, SmsText, service, signatures
from huida.providers.sms.aliyun import REPORT_ANSWER
from tests import make
from tests.asgi import Client
from wesim.faults import Fault, FaultKind
from wesim.sms import catalogue
from wesim.sms.account import sms_of
from wesim.world import World as Sim

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40
SCENARIOS = {
    "consumption": "SMS_100000002",
    "recharge": "SMS_100000003",
    "points_change": "SMS_100000004",
    "balance_change": "SMS_100000005",
    "stored_value_consumption": "SMS_100000006",
    "coupon_claimed": "SMS_100000007",
    "coupon_unused": "SMS_100000008",
    "auto_sign_off": "SMS_100000013",
}
CONTENT = {code: content for code, _, _, content in catalogue.ALIYUN_TEMPLATES}
PARAMS = {"p1": "card_tail", "p2": "time", "code": "link_code"}


@pytest.fixture
async def report_key(db: Database) -> str:
    """The platform set up at Aliyun; returns the key of its report address."""
    account = Account("aliyun", catalogue.ALIYUN_KEY_ID, Secret(catalogue.ALIYUN_KEY_SECRET))
    texts = [SmsText(scenario, code, CONTENT[code], PARAMS) for scenario, code in SCENARIOS.items()]
    async with db.tx(0) as tx:
        keys = await sms.seed_platform(tx, accounts=[account], texts={"aliyun": texts})
    return keys["aliyun"]


async def submit(db: Database, tenant: int, name: str = "山月茶事") -> UUID:
    async with db.tx(tenant) as tx:
        return await sms.submit(tx, name=name, source="shop", proofs=[Proof("执照.png", PNG)])


async def in_use(db: Database, tenant: int) -> str:
    """The signature that the merchant's messages start with now."""
    async with db.read(tenant) as tx:
        way = await sms.route(tx)
    assert way is not None
    return way.sign_name


async def states(db: Database, tenant: int) -> list[tuple[str, str, bool, str]]:
    async with db.read(tenant) as tx:
        rows = await signatures.list_signatures(tx)
    return [(row["name"], row["state"], row["applied"], row["reason"]) for row in reversed(rows)]


async def facts(db: Database, tenant: int, kind: str) -> list[dict[str, Any]]:
    async with db.read(tenant) as tx:
        rows = await tx.fetch("SELECT payload FROM facts WHERE tenant_id = $1 AND kind = $2 ORDER BY id", tenant, kind)
    return [json.loads(row["payload"]) for row in rows]


def refusal(error: pytest.ExceptionInfo[AppError]) -> tuple[int, str]:
    return error.value.status, error.value.code


@pytest.mark.covers("S1-24", "S1-104", "S1-105", "S1-106", "S1-108", "S1-109")
@pytest.mark.parametrize(
    ("length", "parts", "cost_fen"),
    [(70, 1, 10), (71, 2, 20), (134, 2, 20), (135, 3, 30), (150, 3, 30)],
)
def test_signature_and_body_together_are_billed_in_parts(length: int, parts: int, cost_fen: int) -> None:
    body = "字" * (length - len("【会达】"))
    counted = sms.count(body, {}, sign_name="会达", part_fen=service.PART_FEN)
    assert (counted.length, counted.parts, counted.cost_fen) == (length, parts, cost_fen)


@pytest.mark.covers("S1-110")
def test_brackets_values_and_link_count() -> None:
    content = "尾号${p1}，详情 https://hd.example/s/${code} "
    counted = sms.count(content, {"p1": "0001", "code": "8fKq2M7xYp"}, sign_name="会达", part_fen=10)
    assert counted.text == "【会达】尾号0001，详情 https://hd.example/s/8fKq2M7xYp "
    assert counted.length == len(counted.text)


@pytest.mark.covers("S1-95", "S1-98", "S1-99", "S1-100")
async def test_a_signature_is_reviewed_and_then_starts_the_messages(db: Database, tenant: int, report_key: str) -> None:
    assert await in_use(db, tenant) == "会达"
    signature_id = await submit(db, tenant)
    assert (await in_use(db, tenant), await states(db, tenant)) == ("会达", [("山月茶事", "in_review", False, "")])
    async with db.tx(tenant) as tx:
        await sms.approve(tx, signature_id)
    assert (await in_use(db, tenant), await states(db, tenant)) == ("山月茶事", [("山月茶事", "approved", True, "")])
    assert [(f["before"], f["after"]) for f in await facts(db, tenant, "sms.signature_moved")] == [
        ("none", "in_review"),
        ("in_review", "approved"),
    ]


@pytest.mark.covers("S1-101", "X-04")
async def test_the_approved_one_stays_while_another_is_in_review_or_refused(
    db: Database, tenant: int, report_key: str
) -> None:
    first = await submit(db, tenant, "山月茶事")
    async with db.tx(tenant) as tx:
        await sms.approve(tx, first)
    second = await submit(db, tenant, "山月小馆")
    assert await in_use(db, tenant) == "山月茶事"
    async with db.tx(tenant) as tx:
        await sms.reject(tx, second, reason="资质不符")
    assert await in_use(db, tenant) == "山月茶事"
    third = await submit(db, tenant, "山月")
    async with db.tx(tenant) as tx:
        await sms.approve(tx, third)
    assert await in_use(db, tenant) == "山月"
    async with db.tx(tenant) as tx:
        await signatures.apply(tx, first)
    assert await in_use(db, tenant) == "山月茶事"
    async with db.tx(tenant) as tx:
        await signatures.use_platform_signature(tx)
    assert await in_use(db, tenant) == "会达"
    async with db.read(tenant) as tx:
        broken = [await tx.fetch(query) for query in sms.INVARIANTS.values()]
    assert broken == [[], [], [], []]
    assert await states(db, tenant) == [
        ("山月茶事", "approved", False, ""),
        ("山月小馆", "rejected", False, "资质不符"),
        ("山月", "approved", False, ""),
    ]


async def test_withdrawing_what_is_in_use_brings_the_platforms_back(db: Database, tenant: int, report_key: str) -> None:
    signature_id = await submit(db, tenant)
    async with db.tx(tenant) as tx:
        await sms.approve(tx, signature_id)
        await signatures.withdraw(tx, signature_id)
    assert (await in_use(db, tenant), await states(db, tenant)) == ("会达", [("山月茶事", "withdrawn", False, "")])


@pytest.mark.covers("S1-96", "S1-98")
async def test_refused_submissions_leave_nothing(db: Database, tenant: int, report_key: str) -> None:
    good = Proof("a.png", PNG)
    cases: dict[str, tuple[str, str, list[Proof]]] = {
        "sms.bad_sign_name": ("茶", "shop", [good]),
        "sms.bad_source": ("山月茶事", "friend", [good]),
        "sms.bad_proof_count": ("山月茶事", "shop", []),
        "sms.bad_proof": ("山月茶事", "shop", [Proof("a.png", b"<script>")]),
    }
    for code, (name, source, proofs) in cases.items():
        with pytest.raises(AppError) as refused:
            async with db.tx(tenant) as tx:
                await sms.submit(tx, name=name, source=source, proofs=proofs)
        assert refusal(refused) == (422, code)
    assert await states(db, tenant) == []
    await submit(db, tenant)
    with pytest.raises(AppError) as second:
        await submit(db, tenant, "山月小馆")
    assert refusal(second) == (409, "sms.signature_in_review")
    assert await states(db, tenant) == [("山月茶事", "in_review", False, "")]


async def test_what_is_decided_does_not_move_again(db: Database, tenant: int, report_key: str) -> None:
    signature_id = await submit(db, tenant)
    async with db.tx(tenant) as tx:
        await sms.reject(tx, signature_id, reason="资质不符")
    with pytest.raises(AppError) as refused:
        async with db.tx(tenant) as tx:
            await sms.approve(tx, signature_id)
    with pytest.raises(AppError) as not_approved:
        async with db.tx(tenant) as tx:
            await signatures.apply(tx, signature_id)
    assert (refusal(refused), refusal(not_approved)) == ((409, "state.wrong"), (409, "sms.signature_not_approved"))
    assert (await in_use(db, tenant), len(await states(db, tenant))) == ("会达", 1)


async def work(system: System, tenant: int) -> None:
    """Run this merchant's jobs that are due."""
    await system.worker().turn(range(SHARDS), tenant, only_tenant=tenant)


async def hand_in(system: System, tenant: int, signature_id: UUID) -> None:
    """An operator presses 提交审核, and the worker carries it out."""
    async with system.db.tx(tenant) as tx:
        await signatures.hand_in(tx, signature_id)
    await work(system, tenant)


async def ask(system: System, tenant: int) -> None:
    """Run the schedule that asks providers, and this merchant's part of it."""
    async with system.db.tx(0) as tx:
        await system.registry.jobs["sms.ask_signatures"](tx, [{}])
    await system.worker().turn(range(SHARDS), tenant, only_tenant=tenant)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("会达小店", ("会达小店", "approved", True, "")),
        ("会达审核中", ("会达审核中", "in_review", False, "")),
        ("无人知晓", ("无人知晓", "in_review", False, "")),
    ],
)
async def test_the_providers_word_moves_what_was_handed_in(
    system: System, tenant: int, report_key: str, name: str, expected: tuple[str, str, bool, str]
) -> None:
    signature_id = await submit(system.db, tenant, name)
    await hand_in(system, tenant, signature_id)
    await ask(system, tenant)
    assert await states(system.db, tenant) == [expected]


async def handed_in(system: System, tenant: int) -> tuple[bool, str]:
    """Whether the provider has the signature in review, and what it said when it did not take it."""
    async with system.db.tx(tenant) as tx:
        row = await tx.row(
            "SELECT r.handed_in_at, s.reason FROM sms_reviews r JOIN sms_signatures s ON s.id = r.signature_id "
            "WHERE r.merchant_id = $1",
            tenant,
        )
    assert row is not None
    return row["handed_in_at"] is not None, row["reason"]


def calls(sim: Sim) -> list[str]:
    """The actions that the provider was called with, in order."""
    return [entry["call"].action for entry in sim.log if entry["call"].action]


@pytest.mark.covers("S1-97", "S1-98")
async def test_a_handed_in_signature_reaches_the_provider_with_its_papers_and_is_decided_there(
    system: System, sim: Sim, tenant: int, report_key: str
) -> None:
    # given: a signature with two papers, one of them as large as they may be
    large = b"\x89PNG\r\n\x1a\n" + bytes(signatures.FILE_BYTES - 8)
    async with system.db.tx(tenant) as tx:
        papers = [Proof("执照.pdf", b"%PDF-1.7 paper"), Proof("门头.png", large)]
        signature_id = await sms.submit(tx, name="山月茶事", source="shop", proofs=papers)

    # when
    await hand_in(system, tenant, signature_id)

    # then: the provider has the name, where it comes from and its papers, and reviews it
    at_provider = sms_of(sim).aliyun.signs["山月茶事"]
    assert (at_provider.status, at_provider.source, at_provider.papers) == (catalogue.REVIEWING, 4, ["pdf", "png"])
    assert calls(sim) == ["QuerySmsSign", "AddSmsSign"]
    assert await handed_in(system, tenant) == (True, "")

    # when: pressed again
    await hand_in(system, tenant, signature_id)

    # then: nothing new
    assert calls(sim) == ["QuerySmsSign", "AddSmsSign"]

    # when: the reviewer says no, with a reason
    at_provider.status, at_provider.reason = catalogue.REJECTED, "缺少授权"
    await ask(system, tenant)

    # then
    assert await states(system.db, tenant) == [("山月茶事", "rejected", False, "缺少授权")]

    # when: the same name comes again and passes
    again = await submit(system.db, tenant)
    await hand_in(system, tenant, again)
    assert (at_provider.status, at_provider.papers) == (catalogue.REVIEWING, ["png"])
    at_provider.status = catalogue.APPROVED
    await ask(system, tenant)

    # then: messages start with it
    assert await states(system.db, tenant) == [
        ("山月茶事", "rejected", False, "缺少授权"),
        ("山月茶事", "approved", True, ""),
    ]
    assert calls(sim)[2:] == ["QuerySmsSign", "QuerySmsSign", "ModifySmsSign", "QuerySmsSign"]


@pytest.mark.covers("S1-97")
@pytest.mark.parametrize(
    ("kind", "on_next_try"),
    [
        ("process_then_drop", ["QuerySmsSign"]),
        ("drop", ["QuerySmsSign", "AddSmsSign"]),
        ("busy", ["QuerySmsSign", "AddSmsSign"]),
    ],
)
async def test_after_a_lost_answer_the_provider_is_asked_before_anything_is_handed_in_again(
    system: System, clock: ShiftedClock, sim: Sim, tenant: int, report_key: str, kind: FaultKind, on_next_try: list[str]
) -> None:
    # given: the answer to AddSmsSign, the second call, does not come
    signature_id = await submit(system.db, tenant)
    sim.faults.add(Fault(kind, event="AddSmsSign", count=1))
    async with system.db.tx(tenant) as tx:
        await signatures.hand_in(tx, signature_id)

    # when
    await work(system, tenant)

    # then: nobody knows, so it does not count as handed in
    assert calls(sim) == ["QuerySmsSign", "AddSmsSign"]
    assert await handed_in(system, tenant) == (False, "")

    # when: the next try is due
    clock.advance(timedelta(seconds=6))
    await system.worker().ripen()
    await work(system, tenant)

    # then: it is asked first, and handed in only when the provider does not have it
    assert calls(sim)[2:] == on_next_try
    assert await handed_in(system, tenant) == (True, "")
    assert sms_of(sim).aliyun.signs["山月茶事"].status == catalogue.REVIEWING


@pytest.mark.covers("S1-97")
async def test_what_the_provider_does_not_take_goes_back_to_the_operators_only(
    app: ASGIApp, system: System, sim: Sim, tenant: int, console: Client, report_key: str
) -> None:
    # given: a name that the provider refuses and we let through
    signature_id = await submit(system.db, tenant, "山月测试")
    operator = await make.logged_in(Client(app), await make.operator(system.db))
    path = f"/api/operator/sms/reviews/{tenant}/{signature_id}"

    # when
    assert (await operator.post(f"{path}/hand-in")).status == 204
    await work(system, tenant)

    # then: the operators read why, the merchant's signature is in review as before
    assert await handed_in(system, tenant) == (False, "aliyun.isv.SIGN_NAME_ILLEGAL")
    assert (await operator.get(path)).json()["reason"] == "aliyun.isv.SIGN_NAME_ILLEGAL"
    [mine] = (await console.get("/api/console/sms")).json()["signatures"]
    assert (mine["state"], mine["reason"]) == ("in_review", "")


async def test_without_a_provider_nothing_can_be_handed_in(system: System, tenant: int, report_key: str) -> None:
    signature_id = await submit(system.db, tenant)
    with pytest.raises(AppError) as refused:
        async with system.db.tx(tenant) as tx:
            await service.turn_off_account(tx, "aliyun")
            await signatures.hand_in(tx, signature_id)
    assert refusal(refused) == (409, "sms.not_set_up")
    assert await handed_in(system, tenant) == (False, "")


async def test_a_name_of_somebody_else_is_not_taken_over_before_an_operator_has_seen_the_papers(
    system: System, tenant: int, report_key: str
) -> None:
    await submit(system.db, tenant, "会达小店")
    await ask(system, tenant)
    assert await states(system.db, tenant) == [("会达小店", "in_review", False, "")]


@pytest.mark.covers("X-03")
async def test_platform_texts_speak_of_the_card_tail_time_and_link_only(db: Database, report_key: str) -> None:
    wrong = {
        "sms.variable_unknown": SmsText("consumption", "SMS_1", "卡号${p1}", {"p1": "card_no"}),
        "sms.text_params_differ": SmsText("consumption", "SMS_1", "尾号${p1}", {"p2": "time"}),
        "sms.bad_text": SmsText("consumption", " ", "尾号${p1}", {"p1": "card_tail"}),
    }
    for code, text in wrong.items():
        with pytest.raises(AppError) as refused:
            async with db.tx(0) as tx:
                await sms.save_text(tx, "aliyun", text)
        assert refusal(refused) == (422, code)
    async with db.read(0) as tx:
        assert {s: t.template_code for s, t in (await sms.texts(tx, "aliyun")).items()} == SCENARIOS


async def test_tencent_texts_keep_their_order(db: Database, report_key: str) -> None:
    params = {"1": "card_tail", "2": "time", "3": "link_code"}
    async with db.tx(0) as tx:
        await sms.save_text(
            tx, "tencent", SmsText("consumption", "2000002", "尾号{1}于{2}消费 https://hd.example/s/{3} ", params)
        )
        text = (await sms.texts(tx, "tencent"))["consumption"]
    assert (text.content, list(text.params.items())) == (
        "尾号${1}于${2}消费 https://hd.example/s/${3} ",
        list(params.items()),
    )


async def test_secrets_are_sealed_and_the_report_key_stays(db: Database, report_key: str) -> None:
    account = Account("aliyun", "another", Secret("very-secret-value"))
    async with db.tx(0) as tx:
        assert await service.save_account(tx, account) == report_key
        row = await tx.row("SELECT * FROM sms_accounts WHERE provider = 'aliyun'")
        way = await sms.route(tx)
    assert row is not None and way is not None
    assert b"very-secret-value" not in bytes(row["secret_sealed"]) and len(report_key) == 32
    assert (way.provider, way.credentials.key_id, way.credentials.secret) == ("aliyun", "another", account.secret)


def pushed(out_id: str, *, ok: bool = True, ref: str = "900619746936498440") -> dict[str, Any]:
    return {
        "phone_number": "13800000001",
        "send_time": "2026-11-21 14:32:00",
        "report_time": "2026-11-21 14:32:05",
        "success": ok,
        "err_code": "DELIVERED" if ok else "UNDELIV",
        "err_msg": "",
        "sms_size": "2",
        "biz_id": ref,
        "out_id": out_id,
    }


async def push(app: ASGIApp, key: str, *reports: dict[str, Any], provider: str = "aliyun") -> Any:
    return await Client(app).post(f"/callbacks/sms/{provider}/{key}", list(reports))


async def test_reports_are_told_once_each_to_the_merchant_they_belong_to(
    app: ASGIApp, db: Database, tenant: int, report_key: str
) -> None:
    other = await make.merchant(db)
    mine, theirs = f"{tenant}.{uuid4().hex}.consumption", f"{other}.{uuid4().hex}.recharge"
    strange = [pushed("no-number-of-ours", ref="1"), pushed("99999999.ab.x", ref="2"), pushed("0.ab.x", ref="3")]
    for _ in range(2):
        reply = await push(app, report_key, pushed(mine), pushed(theirs, ok=False, ref="77"), *strange)
        assert (reply.status, reply.body) == (200, REPORT_ANSWER)
    assert await facts(db, tenant, "sms.reported") == [
        {
            "subject_id": None,
            "out_id": mine,
            "provider": "aliyun",
            "provider_ref": "900619746936498440",
            "state": "delivered",
            "code": "DELIVERED",
            "parts": 2,
        }
    ]
    assert [(f["out_id"], f["state"]) for f in await facts(db, other, "sms.reported")] == [(theirs, "failed")]
    assert await facts(db, 0, "sms.reported") == []


async def test_wrong_addresses_and_bodies_are_refused(app: ASGIApp, db: Database, tenant: int, report_key: str) -> None:
    mine = pushed(f"{tenant}.{uuid4().hex}.consumption")
    door = f"/callbacks/sms/aliyun/{report_key}"
    assert (await push(app, "wrong", mine)).refusal == (404, "request.not_found")
    assert (await push(app, report_key, mine, provider="unknown")).refusal == (404, "request.not_found")
    assert (await Client(app).post(door, body=b"{")).refusal == (422, "sms.bad_report")
    assert (await Client(app).post(door, body=b" " * (1024 * 1024 + 1))).refusal == (413, "request.too_large")
    assert await facts(db, tenant, "sms.reported") == []


def form(name: str, source: str, *files: bytes) -> tuple[dict[str, str], bytes]:
    edge = "----huida"
    fields = "".join(
        f'--{edge}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'
        for key, value in (("name", name), ("source", source))
    ).encode()
    parts = b"".join(
        f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="p{number}.png"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for number, content in enumerate(files)
    )
    headers = {"content-type": f"multipart/form-data; boundary={edge}"}
    return headers, fields + parts + f"--{edge}--\r\n".encode()


@pytest.mark.covers("S1-95", "S1-96", "S1-99")
async def test_a_merchant_submits_and_an_operator_decides(
    app: ASGIApp, db: Database, tenant: int, console: Client, other: Client, report_key: str
) -> None:
    headers, body = form("山月茶事", "trademark", PNG, b"%PDF-1.7 paper")
    made = await console.request("POST", "/api/console/sms/signatures", headers=headers, body=body)
    assert made.status == 201, made.text
    signature_id = made.json()["id"]
    operator = await make.logged_in(Client(app), await make.operator(db))
    path = f"/api/operator/sms/reviews/{tenant}/{signature_id}"
    shown = (await operator.get(path)).json()
    assert [(file["name"], file["media_type"]) for file in shown["files"]] == [
        ("p0.png", "image/png"),
        ("p1.png", "application/pdf"),
    ]
    paper = await operator.get(f"{path}/files/1")
    assert (paper.body, paper.headers["content-disposition"]) == (
        b"%PDF-1.7 paper",
        "attachment; filename=proof.pdf",
    )
    for stranger in (console, other):
        assert (await stranger.post(f"{path}/approve")).refusal == (403, "auth.forbidden")
    assert (await other.get(f"/api/console/sms/signatures/{signature_id}/files/0")).status == 404
    assert (await operator.post(f"{path}/approve")).status == 204
    mine = (await console.get("/api/console/sms")).json()
    assert (mine["sign_name"], mine["sign_is_own"], mine["part_fen"]) == ("山月茶事", True, 10)
    assert (await other.get("/api/console/sms")).json()["sign_name"] == "会达"
    assert signature_id not in (await operator.get("/api/operator/sms/reviews", limit=100)).text


@pytest.mark.covers("S1-112", "S1-113")
async def test_the_merchant_reads_texts_with_their_parameters_and_cannot_write_them(
    console: Client, report_key: str
) -> None:
    page = (await console.get("/api/console/sms")).json()
    text = next(text for text in page["texts"] if text["scenario"] == "consumption")
    assert (text["content"], text["params"]) == (
        CONTENT["SMS_100000002"],
        [
            {"name": "p1", "variable": "card_tail", "label": "会员卡号后四位"},
            {"name": "p2", "variable": "time", "label": "业务发生时间"},
            {"name": "code", "variable": "link_code", "label": "小程序详情链接"},
        ],
    )
    changed = {"template_code": "SMS_1", "content": "x", "params": {}}
    assert (await console.put("/api/operator/sms/texts/aliyun/consumption", changed)).refusal == (
        403,
        "auth.forbidden",
    )
    assert (await console.get("/api/console/sms")).json()["texts"] == page["texts"]


@pytest.mark.covers("S1-104", "S1-110")
async def test_the_live_count_follows_values_and_signature(console: Client, report_key: str) -> None:
    short = (await console.post("/api/console/sms/count", {"scenario": "consumption"})).json()
    longer = (
        await console.post(
            "/api/console/sms/count",
            {"scenario": "consumption", "sign_name": "山月茶事小馆", "values": {"p2": "2026年11月21日 14:32:00"}},
        )
    ).json()
    assert short["text"].startswith("【会达】您尾号0001的会员卡于11-21 14:32消费成功")
    assert (short["length"], short["parts"], short["cost_fen"]) == (len(short["text"]), 1, 10)
    assert longer["length"] == short["length"] + 4 + 9
    assert (longer["parts"], longer["cost_fen"]) == (2 if longer["length"] > 70 else 1, longer["parts"] * 10)


async def test_what_the_carrier_shows_is_what_we_count(system: System, sim: Sim, tenant: int, report_key: str) -> None:
    async with system.db.read(tenant) as tx:
        way = await sms.route(tx)
        text = (await sms.texts(tx, "aliyun"))["consumption"]
    assert way is not None
    values = {"p1": "0001", "p2": "11-21 14:32", "code": "8fKq2M7xYp"}
    await system.sms_providers[way.provider].send(
        way.credentials,
        phone="13800000001",
        sign_name=way.sign_name,
        template_code=text.template_code,
        params=values,
        out_id=f"{tenant}.ab.consumption",
    )
    counted = sms.count(text.content, values, sign_name=way.sign_name, part_fen=way.part_fen)
    [sent] = [message for message in sms_of(sim).sent if message.echo == f"{tenant}.ab.consumption"]
    assert (sent.text, sent.parts) == (counted.text, counted.parts)


async def test_the_operator_sees_addresses_but_no_secrets(app: ASGIApp, db: Database, report_key: str) -> None:
    operator = await make.logged_in(Client(app), await make.operator(db))
    seen = await operator.get("/api/operator/sms")
    assert f"http://huida.test/callbacks/sms/aliyun/{report_key}" in seen.text
    assert catalogue.ALIYUN_KEY_SECRET not in seen.text
