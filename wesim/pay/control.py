"""The payment part of the control plane, under /_sim/pay."""

from __future__ import annotations

import secrets
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.routing import BaseRoute

from wesim.control.edge import Wrong, number, read, route, the_app, the_person
from wesim.pay.cashier import Act, CashierError, Parameters, open_cashier, scan_code, settle_at_cashier, told_page
from wesim.pay.crypto import certificate_pem, private_pem, public_pem
from wesim.pay.notices import outbox_of
from wesim.pay.refunds import described
from wesim.pay.state import CERTIFICATE_LIFE_S, Merchant, Mode, Order, Pay, pay_of
from wesim.routing import is_whole
from wesim.world import World


class NewMerchant(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    mchid: str = ""
    appids: list[str] = []
    api_v3_key: str | None = None
    mode: Mode = "public_key"


class MerchantChange(msgspec.Struct, forbid_unknown_fields=True):
    name: str | None = None
    appids: list[str] | None = None
    api_v3_key: str | None = None  # empty: not set, so no callbacks
    mode: Mode | None = None
    callback_key_share: float | None = None
    balance_fen: int | msgspec.UnsetType | None = msgspec.UNSET  # null: refunds never lack money


class AtCashier(Parameters, kw_only=True, forbid_unknown_fields=True):
    person: str
    app: str
    act: Act = "pay"
    prepay_id: str = ""  # may stand for `package`


class Scan(msgspec.Struct, forbid_unknown_fields=True):
    person: str
    code_url: str
    act: Act | None = None  # none: only look


class Ending(msgspec.Struct, forbid_unknown_fields=True):
    status: Literal["SUCCESS", "ABNORMAL", "CLOSED"]


class WalletChange(msgspec.Struct, forbid_unknown_fields=True):
    balance_fen: int


def routes(world: World) -> list[BaseRoute]:
    async def state(request: Request) -> Any:
        pay = pay_of(world)
        return {"settings": pay.settings, "merchants": [_shown(one) for one in pay.merchants.values()]}

    async def show_settings(request: Request) -> Any:
        return pay_of(world).settings

    async def change_settings(request: Request) -> Any:
        pay, given = pay_of(world), msgspec.json.decode(await request.body() or b"{}")
        unknown = set(given) - set(pay.settings.__struct_fields__)
        if unknown:
            raise Wrong(f"unknown settings: {', '.join(sorted(unknown))}")
        try:
            merged = msgspec.convert({**msgspec.to_builtins(pay.settings), **given}, type(pay.settings))
        except (msgspec.ValidationError, TypeError) as e:
            raise Wrong(str(e)) from None
        pay.settings = merged
        return merged

    async def add_merchant(request: Request) -> Any:
        pay, body = pay_of(world), await read(request, NewMerchant)
        mchid = body.mchid or f"19{secrets.randbelow(10**8):08d}"
        if mchid in pay.merchants or not is_whole(mchid):
            raise Wrong(f"merchant number {mchid} is taken or not of digits")
        _check(world, appids=body.appids, api_v3_key=body.api_v3_key)
        merchant = pay.add_merchant(mchid, name=body.name, appids=body.appids)
        merchant.mode = body.mode
        if body.api_v3_key is not None:
            merchant.api_v3_key = body.api_v3_key
        return _whole(pay, merchant)

    async def show_merchant(request: Request) -> Any:
        return _whole(pay_of(world), the_merchant(world, request))

    async def change_merchant(request: Request) -> Any:
        merchant, body = the_merchant(world, request), await read(request, MerchantChange)
        _check(world, appids=body.appids or [], api_v3_key=body.api_v3_key)
        for name in body.__struct_fields__:
            value = getattr(body, name)
            if value is not msgspec.UNSET and (value is not None or name == "balance_fen"):
                setattr(merchant, name, value)
        return _shown(merchant)

    async def add_certificate(request: Request) -> Any:
        return pay_of(world).add_certificate(the_merchant(world, request))

    async def cashier(request: Request) -> Any:
        """What the cashier would show; nothing is paid."""
        body = await read(request, AtCashier)
        pay, app = pay_of(world), the_app(world, body.app)
        person = the_person(world, body.person).id
        try:
            order = open_cashier(pay, app, person, _parameters(body))
        except CashierError as e:
            return told_page(app, f"fail {e}")
        return _at_cashier(pay, person, order)

    async def pay_now(request: Request) -> Any:
        body = await read(request, AtCashier)
        pay, app = pay_of(world), the_app(world, body.app)
        person = the_person(world, body.person).id
        try:
            return told_page(app, settle_at_cashier(pay, open_cashier(pay, app, person, _parameters(body)), body.act))
        except CashierError as e:
            return told_page(app, f"fail {e}")

    async def scan(request: Request) -> Any:
        """A person scans a native order's code: what the cashier shows, or with `act` what came of it."""
        body = await read(request, Scan)
        pay, person = pay_of(world), the_person(world, body.person).id
        try:
            order = scan_code(pay, person, body.code_url)
            if body.act is None:
                return _at_cashier(pay, person, order)
            return {"result": settle_at_cashier(pay, order, body.act)}
        except CashierError as e:
            return {"result": f"fail {e}"}

    async def orders(request: Request) -> Any:
        pay, mchid = pay_of(world), request.query_params.get("mchid", "")
        found = [order for order in pay.orders.values() if mchid in ("", order.mchid)]
        return {"total": len(found), "orders": [_order(pay, o) for o in found[-number(request, "limit", 50) :][::-1]]}

    async def show_order(request: Request) -> Any:
        pay = pay_of(world)
        order = pay.orders.get((request.path_params["mchid"], request.path_params["number"]))
        if order is None:
            raise Wrong("no such order", status=404)
        return _order(pay, order)

    async def notices(request: Request) -> Any:
        found = list(the_merchant(world, request).notices)
        return {"notices": found[-number(request, "limit", 50) :][::-1]}

    async def repeat_notice(request: Request) -> Any:
        merchant, wanted = the_merchant(world, request), request.path_params["id"]
        record = next((one for one in merchant.notices if one["id"] == wanted), None)
        if record is None or not record["url"] or not merchant.api_v3_key:
            raise Wrong("no such notice, or it has nowhere to go", status=404)
        outbox_of(world).repeat(merchant, record)
        return {"ok": True}

    async def end_refund(request: Request) -> Any:
        """Decide a refund that is processing, or one that is abnormal."""
        pay, body = pay_of(world), await read(request, Ending)
        refund = next((r for r in pay.refunds.values() if r.refund_id == request.path_params["refund_id"]), None)
        if refund is None:
            raise Wrong("no such refund", status=404)
        outbox_of(world)
        if not pay.finish(refund, body.status):
            raise Wrong(f"the refund is {refund.status}")
        return described(pay, refund)

    async def wallet(request: Request) -> Any:
        found = pay_of(world).wallet(the_person(world, request.path_params["person"]).id)
        return {"balance_fen": found.balance_fen, "entries": list(found.entries)[::-1]}

    async def change_wallet(request: Request) -> Any:
        found = pay_of(world).wallet(the_person(world, request.path_params["person"]).id)
        found.balance_fen = (await read(request, WalletChange)).balance_fen
        return await wallet(request)

    async def settle(request: Request) -> Any:
        await outbox_of(world).settle()
        return {"ok": True}

    return [
        route("/pay", state, method="GET"),
        route("/pay/settings", show_settings, method="GET"),
        route("/pay/settings", change_settings, method="POST"),
        route("/pay/merchants", add_merchant, method="POST"),
        route("/pay/merchants/{mchid}", show_merchant, method="GET"),
        route("/pay/merchants/{mchid}", change_merchant, method="POST"),
        route("/pay/merchants/{mchid}/certificates", add_certificate, method="POST"),
        route("/pay/merchants/{mchid}/notices", notices, method="GET"),
        route("/pay/merchants/{mchid}/notices/{id}/repeat", repeat_notice, method="POST"),
        route("/pay/cashier", cashier, method="POST"),
        route("/pay/pay", pay_now, method="POST"),
        route("/pay/scan", scan, method="POST"),
        route("/pay/orders", orders, method="GET"),
        route("/pay/orders/{mchid}/{number}", show_order, method="GET"),
        route("/pay/refunds/{refund_id}", end_refund, method="POST"),
        route("/pay/wallets/{person}", wallet, method="GET"),
        route("/pay/wallets/{person}", change_wallet, method="POST"),
        route("/pay/settle", settle, method="POST"),
    ]


def the_merchant(world: World, request: Request) -> Merchant:
    merchant = pay_of(world).merchants.get(request.path_params["mchid"])
    if merchant is None:
        raise Wrong("no such merchant", status=404)
    return merchant


def _at_cashier(pay: Pay, person: str, order: Order) -> dict[str, Any]:
    """What the cashier shows before anything is paid."""
    shown = {"merchant": pay.merchants[order.mchid].name, "description": order.description}
    return {**shown, "total_fen": order.total_fen, "balance_fen": pay.wallet(person).balance_fen}


def _parameters(body: AtCashier) -> Parameters:
    found = Parameters(**{name: getattr(body, name) for name in Parameters.__struct_fields__})
    if body.prepay_id and found.package is None:
        found.package = f"prepay_id={body.prepay_id}"
    return found


def _check(world: World, *, appids: list[str], api_v3_key: str | None) -> None:
    for appid in appids:
        the_app(world, appid)
    if api_v3_key and not (len(api_v3_key) == 32 and api_v3_key.isascii()):
        raise Wrong("api_v3_key: 32 ASCII characters")


def _shown(merchant: Merchant) -> dict[str, Any]:
    """A merchant without notices and without what opens anything."""
    hidden = {"notices", "api_v3_key", "certificates"}
    shown = {name: getattr(merchant, name) for name in merchant.__struct_fields__ if name not in hidden}
    certificates = [one.serial for one in merchant.certificates]
    return {**shown, "api_v3_key_set": bool(merchant.api_v3_key), "certificates": certificates}


def _whole(pay: Pay, merchant: Merchant) -> dict[str, Any]:
    """Everything that the merchant downloads from the merchant platform, the private key too."""
    now = pay.world.clock.now()
    own = certificate_pem(
        merchant.key, serial=merchant.serial, name=merchant.mchid, begins=now - 3600, ends=now + CERTIFICATE_LIFE_S
    )
    return {
        **_shown(merchant),
        "api_v3_key": merchant.api_v3_key,
        "private_key": private_pem(merchant.key),
        "certificate": own,
        "public_key": public_pem(merchant.public_key),
        "platform_certificates": merchant.certificates,
    }


def _order(pay: Pay, order: Order) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.to_builtins(order)
    del found["asked"]
    return {**found, "refunds": [described(pay, refund) for refund in order.refunds]}
