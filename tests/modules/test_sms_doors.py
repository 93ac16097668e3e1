"""SMS: delivery reports, the console's and the operators' doors."""

from typing import Any
from uuid import uuid4

import pytest
from starlette.types import ASGIApp

from huida.kernel.db import Database
from huida.main import System
from huida.modules import sms
from huida.providers.sms.aliyun import REPORT_ANSWER
from tests import make
from tests.asgi import Client
from tests.modules.sms_kit import CONTENT, PNG, facts
from wesim.sms import catalogue
from wesim.sms.account import sms_of
from wesim.world import World as Sim


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
