"""Doors of the operators' SMS business: packages, prices, providers, merchants' use and revenue."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import Depends, Header, Request
from pydantic import Field
from starlette.responses import Response

from huida.kernel import i18n
from huida.kernel.db import ReadTx, Tx
from huida.kernel.errors import NotFound
from huida.kernel.intake.bodies import Body, Day, Moment
from huida.kernel.intake.door import Router
from huida.kernel.intake.versions import Replacing, must_replace, version_of
from huida.kernel.sheets import BOM, csv_line
from huida.kernel.web import Created, Items, Listing, Page, language_of, page, paged
from huida.modules import payments, tenants
from huida.modules.sms import business_views as views
from huida.modules.sms import packages, plans, service, signatures, usage
from huida.modules.sms.buying_http import CSV, sheet, show_caps, show_limits, show_purchase, span
from huida.modules.sms.http import platform_tx
from huida.modules.sms.packages import Package
from huida.modules.sms.ways import platform, usable

operator = Router(prefix="/api/operator/sms", tags=["operator"])

QUALITY_DAYS: Final = 14
MERCHANT: Final = "/merchants/{merchant_id}"
COLUMNS: Final = (
    *("merchant_id", "merchant", "model", "messages", "parts", "post_paid_yuan", "paid_yuan", "parts_left"),
    "parts_owed",
)


class PackageIn(Body):
    name: str = Field(max_length=30)
    parts: int
    price_fen: int
    on_sale: bool = True
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    position: int = Field(0, ge=0, le=10_000)


class PackagePut(Replacing, PackageIn):
    pass


class PriceIn(Body):
    part_fen: int
    valid_from: Moment | None = None


class RoutingIn(Replacing):
    weight: int
    state: Literal["active", "off"]


class PlanIn(Replacing):
    model: Literal["per_part", "package"]
    cap_parts: int | None
    cap_fen: int | None


class GrantIn(Body):
    parts: int
    reason: str = Field(max_length=200)


class Reason(Body):
    reason: str = Field(min_length=1, max_length=200)


class ProvidersIn(Replacing):
    providers: list[str] = Field(max_length=5)


@operator.get("/steps")
async def steps(tx: ReadTx = tenants.operator_read()) -> Items[views.SmsStep]:
    """The order of work before a store can send (S2-12), and how far it is."""
    there = await platform(tx)
    return {
        "items": [
            {"code": "provider", "done": bool(there.accounts)},
            {"code": "signature", "done": bool(there.platform_sign)},
            {"code": "receiving", "done": await payments.is_set_up(tx)},
            {"code": "pricing", "done": there.priced},
        ]
    }


@operator.get("/packages")
async def list_packages(tx: ReadTx = tenants.operator_read()) -> Items[views.SmsPackage]:
    return {"items": [show_package(row, tx.now) for row in await packages.all_packages(tx)]}


def show_package(row: Any, now: datetime) -> views.SmsPackage:
    ends = row["valid_until"]
    return {
        "id": row["id"],
        "name": row["name"],
        "parts": row["parts"],
        "price_fen": row["price_fen"],
        "on_sale": row["on_sale"],
        "for_sale": row["on_sale"] and row["valid_from"] <= now and (ends is None or now < ends),
        "valid_from": row["valid_from"],
        "valid_until": ends,
        "position": row["position"],
        "updated_at": row["updated_at"],
        "version": package_version(row),
    }


def package_version(row: Any) -> str:
    names = ("name", "parts", "price_fen", "on_sale", "valid_from", "valid_until", "position")
    return version_of(*(row[name] for name in names))


async def _package_version(tx: Tx, package_id: UUID) -> str:
    row = await tx.row("SELECT * FROM sms_packages WHERE id = $1", package_id)
    if row is None:
        raise NotFound(code="sms.package_not_found", where="package_id")
    return package_version(row)


@operator.post("/packages", status_code=201)
async def define(body: PackageIn, tx: Tx = platform_tx()) -> Created:
    return {"id": await packages.define(tx, Package(**body.model_dump()))}


@operator.put("/packages/{package_id}", status_code=204)
async def change(package_id: UUID, body: PackagePut, tx: Tx = platform_tx()) -> None:
    """What was ordered stays as it was ordered."""
    await must_replace(tx, f"sms.package.{package_id}", body.version, _package_version(tx, package_id))
    await packages.change(tx, package_id, Package(**body.replacement()))


@operator.get("/prices")
async def list_prices(tx: ReadTx = tenants.operator_read()) -> Items[views.SmsPrice]:
    """What a part costs, with its dates (X-16), newest first."""
    rows = await tx.fetch(
        "SELECT valid_from, part_fen, entered_at, lead(valid_from) OVER (ORDER BY valid_from) AS valid_until "
        "FROM sms_prices ORDER BY valid_from DESC LIMIT 200"
    )
    return {"items": [show_price(row, tx.now) for row in rows]}


def show_price(row: Any, now: datetime) -> views.SmsPrice:
    state: Literal["past", "now", "later"] = "later"
    if row["valid_from"] <= now:
        state = "past" if row["valid_until"] is not None and row["valid_until"] <= now else "now"
    return {
        "valid_from": row["valid_from"],
        "valid_until": row["valid_until"],
        "part_fen": row["part_fen"],
        "state": state,
        "entered_at": row["entered_at"],
    }


@operator.post("/prices", status_code=204)
async def add_price(body: PriceIn, tx: Tx = platform_tx()) -> None:
    """Enter a price from a moment on (now, when none is named)."""
    await service.add_price(tx, part_fen=body.part_fen, valid_from=body.valid_from or tx.now)


@operator.delete("/prices", status_code=204)
async def drop_price(valid_from: Moment, tx: Tx = platform_tx()) -> None:
    """Take back a price that is not valid yet."""
    await service.drop_price(tx, valid_from)


@operator.get("/providers")
async def providers(tx: ReadTx = tenants.operator_read()) -> Items[views.SmsProviderState]:
    """Each provider's weight, health and quality of the last two weeks."""
    rows = await tx.fetch(
        "SELECT a.provider, a.state, a.weight, coalesce(h.failures, 0) AS failures, h.until, coalesce(h.last_code, '') AS last_code, "
        "h.failed_at, h.answered_at, (SELECT count(*)::int FROM sms_texts t WHERE t.provider = a.provider "
        "  AND t.state = 'active') AS texts FROM sms_accounts a LEFT JOIN sms_health h USING (provider) ORDER BY a.provider"
    )
    days = await usage.quality(tx, since=tx.today - timedelta(days=QUALITY_DAYS - 1), until=tx.today)
    total = sum(row["weight"] for row in rows if row["state"] == "active")
    return {"items": [show_provider(row, days, total, tx.now) for row in rows]}


def show_provider(row: Any, days: Sequence[Any], total: int, now: datetime) -> views.SmsProviderState:
    rests = row["until"] is not None and row["until"] > now
    return {
        "provider": row["provider"],
        "state": row["state"],
        "weight": row["weight"],
        "version": version_of(row["weight"], row["state"]),
        "share": round(row["weight"] / total, 4) if total and row["state"] == "active" else 0.0,
        "health": health_of(row, rests=rests),
        "failures": row["failures"],
        "rests_until": row["until"] if rests else None,
        "last_code": row["last_code"],
        "failed_at": row["failed_at"],
        "answered_at": row["answered_at"],
        "texts": row["texts"],
        "quality": [
            {
                "day": one["day"],
                "messages": one["messages"],
                "accepted": one["accepted"],
                "delivered": one["delivered"],
                "failed": one["failed"],
                "parts": one["parts"],
                "median_s": one["median_s"],
                "p95_s": one["p95_s"],
            }
            for one in days
            if one["provider"] == row["provider"]
        ],
    }


def health_of(row: Any, *, rests: bool) -> Literal["good", "failing", "resting", "off", "unknown"]:
    if row["state"] == "off":
        return "off"
    if rests:
        return "resting"
    if row["failures"]:
        return "failing"
    return "unknown" if row["answered_at"] is None else "good"


@operator.put("/accounts/{provider}/routing", status_code=204)
async def set_routing(provider: str, body: RoutingIn, tx: Tx = platform_tx()) -> None:
    """How much of the messages a provider gets, and whether it gets any; its keys stay."""
    await must_replace(tx, f"sms.account.{provider}", body.version, _routing_version(tx, provider))
    await service.set_routing(tx, provider, weight=body.weight, state=body.state)


async def _routing_version(tx: Tx, provider: str) -> str:
    row = await tx.row("SELECT weight, state FROM sms_accounts WHERE provider = $1", provider)
    if row is None:
        raise NotFound(code="sms.account_not_found", where="provider")
    return version_of(row["weight"], row["state"])


@operator.get("/merchants")
async def merchants(
    since: Day | None = None,
    until: Day | None = None,
    wanted: Page = Depends(page),
    tx: ReadTx = tenants.operator_read(),
) -> Listing[views.SmsMerchantRow]:
    """Use, revenue and balance of every merchant."""
    first, last = span(tx, since, until)
    key = wanted.key(_merchant_id)
    rows = await usage.merchants(tx, since=first, until=last, after=key[0] if key else None, limit=wanted.limit + 1)
    return paged(rows, wanted, lambda row: [row["merchant_id"]], show_merchant_row)


def _merchant_id(part: Any) -> int:
    if not isinstance(part, int) or not 0 < part < 2**63:
        raise ValueError(part)
    return part


def show_merchant_row(row: Any) -> views.SmsMerchantRow:
    return {
        "merchant_id": row["merchant_id"],
        "merchant": row["merchant"],
        "model": row["model"],
        "parts_left": row["parts_left"],
        "parts_owed": row["parts_owed"],
        "messages": row["messages"],
        "parts": row["parts"],
        "post_paid_fen": row["post_paid_fen"],
        "paid_fen": row["paid_fen"],
        "as_of": row["as_of"],
    }


@operator.get("/merchants/export", response_class=Response, responses=CSV)
async def export_merchants(
    request: Request,
    since: Day | None = None,
    until: Day | None = None,
    tx: ReadTx = tenants.operator_read(),
) -> Response:
    """The same as a file for spreadsheets."""
    first, last = span(tx, since, until)
    rows = await usage.merchants(tx, since=first, until=last, after=None, limit=100_000)
    return sheet("".join(_lines(rows, language_of(request))), f"sms-merchants-{first}-{last}.csv")


def _lines(rows: Sequence[Any], language: str) -> Iterator[str]:
    yield BOM + csv_line([i18n.text(f"sms.export_{column}", language) for column in COLUMNS])
    for row in rows:
        yield csv_line(
            [
                row["merchant_id"],
                row["merchant"],
                i18n.text(f"sms.model_{row['model']}", language),
                row["messages"],
                row["parts"],
                f"{row['post_paid_fen'] / 100:.2f}",
                f"{row['paid_fen'] / 100:.2f}",
                row["parts_left"],
                row["parts_owed"],
            ]
        )


@operator.get(MERCHANT)
async def merchant(merchant_id: int, tx: Tx = tenants.operator_tx()) -> views.SmsMerchant:
    """One merchant: how it pays, its limits, what it has left, what it bought and was given."""
    mine, has = await plans.plan(tx), await plans.parts(tx)
    return {
        "merchant_id": merchant_id,
        "model": "package" if mine.model == "package" else "per_part",
        "why": await usable(tx),
        "parts_left": has.left,
        "parts_owed": has.owed,
        "parts_used": has.used,
        "used_fen": has.used_fen,
        "caps": show_caps(mine),
        "limits": show_limits(mine),
        "grants": [
            {"id": row["id"], "parts": row["parts"], "reason": row["reason"], "granted_at": row["granted_at"]}
            for row in await packages.grants(tx)
        ],
        "purchases": [show_purchase(row) for row in await packages.purchases(tx, limit=100, after=None)],
    }


@operator.put(f"{MERCHANT}/plan", status_code=204)
async def set_plan(body: PlanIn, tx: Tx = tenants.operator_tx()) -> None:
    """How the merchant pays (X-05), and what it may use in a day at most."""
    await must_replace(tx, "sms.plan", body.version, _plan_version(tx))
    await plans.set_caps(tx, {"cap_parts": body.cap_parts, "cap_fen": body.cap_fen}, model=body.model)


async def _plan_version(tx: Tx) -> str:
    return show_caps(await plans.plan(tx))["version"]


@operator.post(f"{MERCHANT}/grants", status_code=201)
async def grant(
    body: GrantIn,
    tx: Tx = tenants.operator_tx(),
    key: Annotated[str, Header(alias="Idempotency-Key", max_length=64)] = "",
) -> Created:
    """Give parts by hand, or take some back (negative), with a reason that the merchant's audit shows.

    The page sends one `Idempotency-Key` for each entry, so that a repeated call gives once.
    """
    return {"id": await packages.grant(tx, parts=body.parts, reason=body.reason, key=key)}


@operator.post(f"{MERCHANT}/purchases/{{purchase_id}}/refund", status_code=204)
async def refund(purchase_id: UUID, body: Reason, tx: Tx = tenants.operator_tx()) -> None:
    """Take the parts of a purchase back and return its money."""
    await packages.give_money_back(tx, purchase_id, reason=body.reason)


@operator.put("/signatures/{merchant_id}/{signature_id}/providers", status_code=204)
async def usable_at(signature_id: UUID, body: ProvidersIn, tx: Tx = tenants.operator_tx()) -> None:
    """At which providers an approved signature may be used."""
    current = _providers_version(tx, signature_id)
    await must_replace(tx, f"sms.signature.{signature_id}", body.version, current)
    await signatures.usable_at(tx, signature_id, body.providers)


async def _providers_version(tx: Tx, signature_id: UUID) -> str:
    known = await signatures.list_signatures(tx)
    row = next((one for one in known if one["id"] == signature_id), None)
    if row is None:
        raise NotFound(code="sms.signature_not_found", where="signature_id")
    return version_of(row["state"], list(row["providers"]))
