"""Doors of a merchant's SMS business: parts left, packages, purchases, limits, use (S2-62..S2-67)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from fastapi import Depends, Request
from starlette.responses import Response

from huida.kernel import i18n
from huida.kernel.db import Database, ReadTx, Tx
from huida.kernel.errors import Conflict
from huida.kernel.intake.bodies import Body, Day
from huida.kernel.intake.door import Router
from huida.kernel.intake.turns import takes_turns
from huida.kernel.intake.versions import Replacing, must_replace, version_of
from huida.kernel.pictures import qr_picture
from huida.kernel.sheets import BOM, csv_line
from huida.kernel.web import (
    Actor,
    Listing,
    Page,
    file_answer,
    language_of,
    page,
    paged,
    staff_only,
    staff_read,
    staff_tx,
)
from huida.modules import payments, tenants
from huida.modules.sms import business_views as views
from huida.modules.sms import packages, plans, service, usage
from huida.modules.sms.plans import Plan
from huida.modules.sms.ways import platform, usable

console = Router(prefix="/api/console/sms", tags=["console"])

DAYS_SHOWN: Final = 30
COLUMNS: Final = ("day", "scenario", "provider", "messages", "delivered", "failed", "parts", "cost_yuan")
CSV: Final = file_answer("text/csv")


class OrderIn(Body):
    package_id: UUID


class LimitsIn(Replacing):
    low_parts: int | None
    soft_parts: int | None
    hard_parts: int | None
    soft_fen: int | None
    hard_fen: int | None


@console.get("/parts")
async def parts(request: Request, actor: Actor = staff_only("messaging.view")) -> views.SmsParts:
    """What is left, what today may still take, why nothing can be sent, and what can be bought."""
    db: Database = request.app.state.db
    async with db.read(tenants.PLATFORM) as tx:
        can_receive = await payments.is_set_up(tx)
    async with db.read(actor.tenant_id) as tx:
        return await show_parts(tx, can_receive=can_receive)


async def show_parts(tx: Tx, *, can_receive: bool) -> views.SmsParts:
    mine, has, there = await plans.plan(tx), await plans.parts(tx), await platform(tx)
    offers = await packages.on_sale(tx)
    today = await tx.row(
        "SELECT parts, cost_fen FROM sms_days WHERE tenant_id = $1 AND day = $2", tx.tenant_id, tx.today
    )
    return {
        "model": "package" if mine.model == "package" else "per_part",
        "why": await usable(tx),
        "parts_left": has.left,
        "parts_owed": has.owed,
        "low_at": mine.low_at,
        "low": mine.model == "package" and has.left <= mine.low_at,
        "part_fen": await service.price_now(tx) or 0,
        "today_parts": today["parts"] if today else 0,
        "today_fen": today["cost_fen"] if today else 0,
        "limits": show_limits(mine),
        "caps": show_caps(mine),
        "steps": [
            {"code": "provider", "done": bool(there.accounts)},
            {"code": "pricing", "done": there.priced},
            {"code": "signature", "done": any(there.sign_at(row["provider"]) for row in there.accounts)},
        ],
        "can_buy": can_receive and bool(there.accounts) and bool(offers),
        "packages": [show_offer(row) for row in offers],
    }


def show_limits(mine: Plan) -> views.SmsLimits:
    return {
        "low_parts": mine.low_parts,
        "soft_parts": mine.soft_parts,
        "hard_parts": mine.hard_parts,
        "soft_fen": mine.soft_fen,
        "hard_fen": mine.hard_fen,
        "version": version_of(mine.low_parts, mine.soft_parts, mine.hard_parts, mine.soft_fen, mine.hard_fen),
    }


def show_caps(mine: Plan) -> views.SmsCaps:
    return {
        "cap_parts": mine.cap_parts,
        "cap_fen": mine.cap_fen,
        "version": version_of(mine.model, mine.cap_parts, mine.cap_fen),
    }


async def _limits_version(tx: Tx) -> str:
    return show_limits(await plans.plan(tx))["version"]


def show_offer(row: Any) -> views.SmsPackageOffer:
    return {"id": row["id"], "name": row["name"], "parts": row["parts"], "price_fen": row["price_fen"]}


def show_purchase(row: Any) -> views.SmsPurchase:
    return {
        "id": row["id"],
        "name": row["name"],
        "parts": row["parts"],
        "price_fen": row["price_fen"],
        "state": row["state"],
        "created_at": row["created_at"],
        "expires_at": row["expires_at"],
        "paid_at": row["paid_at"],
        "closed_at": row["closed_at"],
    }


@console.put("/limits", status_code=204)
async def set_limits(body: LimitsIn, tx: Tx = staff_tx("messaging.write")) -> None:
    await must_replace(tx, "sms.limits", body.version, _limits_version(tx))
    limits = body.model_dump(exclude={"low_parts", "version"})
    await plans.set_limits(tx, limits, low_parts=body.low_parts)


@console.post("/purchases", status_code=201)
async def order(body: OrderIn, tx: Tx = staff_tx("messaging.write")) -> views.SmsPurchase:
    """Order a package; an unpaid order of the same package is taken up again."""
    return show_purchase(await packages.purchase(tx, await packages.order(tx, body.package_id)))


@console.get("/purchases")
async def purchases(
    wanted: Page = Depends(page), tx: ReadTx = staff_read("messaging.view")
) -> Listing[views.SmsPurchase]:
    """The merchant's own purchases, newest first (S2-63)."""
    rows = await packages.purchases(tx, limit=wanted.limit + 1, after=wanted.before)
    return paged(rows, wanted, lambda row: [str(row["id"])], show_purchase)


@console.get("/purchases/{purchase_id}")
async def purchase(purchase_id: UUID, tx: ReadTx = staff_read("messaging.view")) -> views.SmsPurchase:
    return show_purchase(await packages.purchase(tx, purchase_id))


@console.post("/purchases/{purchase_id}/pay")
async def pay(purchase_id: UUID, request: Request, actor: Actor = staff_only("messaging.write")) -> views.SmsPayCode:
    """The code that a phone scans to pay; asking again gives the same."""
    state = request.app.state
    async with state.db.read(actor.tenant_id) as tx:
        row = await packages.purchase(tx, purchase_id)
    if row["state"] != "pending":
        raise Conflict(code="sms.purchase_not_pending", where="purchase_id")
    try:
        prepared = await payments.prepare(state.db, state.wechat_pay, actor.tenant_id, row["payment_id"])
    except Conflict as no:
        if no.code in ("payments.not_set_up", "payments.no_app"):
            raise Conflict(code="sms.platform_cannot_receive") from no
        raise
    return {
        "code_url": prepared.code_url,
        "qr": qr_picture(prepared.code_url),
        "expires_at": prepared.expires_at,
    }


@console.post("/purchases/{purchase_id}/cancel", status_code=204)
async def cancel(purchase_id: UUID, tx: Tx = staff_tx("messaging.write")) -> None:
    """Close an order that was not paid; one that turns out paid is paid all the same."""
    await packages.cancel(tx, purchase_id)


def span(tx: Tx, since: Day | None, until: Day | None) -> tuple[date, date]:
    """The days that were asked for; the last thirty when none were."""
    last = until or tx.today
    return since or last - timedelta(days=DAYS_SHOWN - 1), last


@console.get("/usage")
async def use(
    request: Request,
    since: Day | None = None,
    until: Day | None = None,
    tx: ReadTx = staff_read("messaging.view"),
) -> views.SmsUsage:
    """Messages, parts and their cost by day, scenario and provider."""
    first, last = span(tx, since, until)
    rows = await usage.report(tx, since=first, until=last)
    names = request.app.state.scenario_names
    return {
        "since": first,
        "until": last,
        "messages": sum(row["messages"] for row in rows),
        "parts": sum(row["parts"] for row in rows),
        "cost_fen": sum(row["cost_fen"] for row in rows),
        "items": [show_use(row, names, language_of(request)) for row in rows],
    }


def show_use(row: Any, names: Mapping[str, Mapping[str, str]], language: str) -> views.SmsUsageRow:
    return {
        "day": row["day"],
        "scenario": row["scenario"],
        "scenario_label": scenario_label(names, row["scenario"], language),
        "provider": row["provider"],
        "messages": row["messages"],
        "delivered": row["delivered"],
        "failed": row["failed"],
        "parts": row["parts"],
        "cost_fen": row["cost_fen"],
    }


def scenario_label(names: Mapping[str, Mapping[str, str]], scenario: str, language: str) -> str:
    """What a scenario is called; the code itself for one that nobody knows any more."""
    return names.get(scenario, {}).get(language, scenario)


@console.get("/usage/export", response_class=Response, responses=CSV)
async def export_use(
    request: Request,
    since: Day | None = None,
    until: Day | None = None,
    tx: ReadTx = staff_read("messaging.view"),
    _: None = takes_turns("exports", most=2),
) -> Response:
    """The same as a file for spreadsheets."""
    first, last = span(tx, since, until)
    rows = await usage.report(tx, since=first, until=last, limit=100_000)
    return sheet(
        "".join(_lines(rows, request.app.state.scenario_names, language_of(request))), f"sms-{first}-{last}.csv"
    )


def _lines(rows: Sequence[Any], names: Mapping[str, Mapping[str, str]], language: str) -> Iterator[str]:
    yield BOM + csv_line([i18n.text(f"sms.export_{column}", language) for column in COLUMNS])
    for row in rows:
        provider = i18n.text(f"sms.provider_{row['provider']}", language) if row["provider"] else ""
        yield csv_line(
            [
                row["day"].isoformat(),
                scenario_label(names, row["scenario"], language),
                provider,
                *(row[name] for name in ("messages", "delivered", "failed", "parts")),
                f"{row['cost_fen'] / 100:.2f}",
            ]
        )


def sheet(content: str, name: str) -> Response:
    """A file for spreadsheets."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content.encode(), media_type="text/csv; charset=utf-8", headers=headers)
