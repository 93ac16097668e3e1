"""SMS: price and parts, signatures and their review."""

from datetime import timedelta
from uuid import UUID

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
from tests import make
from tests.asgi import Client
from tests.modules.sms_kit import PNG, SCENARIOS, facts, in_use, refusal, states, submit
from tests.pictures import of_size
from wesim.faults import Fault, FaultKind
from wesim.sms import catalogue
from wesim.sms.account import sms_of
from wesim.world import World as Sim


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
    assert not any(broken)
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
        await submit(db, tenant, "山月茶事")
    assert refusal(second) == (409, "sms.signature_exists")
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
    large = of_size(signatures.FILE_BYTES)
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
    assert refusal(refused) == (409, "sms.no_provider_yet")
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
