"""Every door of the product's API. Only who serves loads this: workers and commands start faster without it."""

from functools import cache
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from huida.modules.connections import http as connections_http
from huida.modules.coupons import http as coupons_http
from huida.modules.feeds import http as feeds_http
from huida.modules.lives import http as lives_http
from huida.modules.loyalty import http as loyalty_http
from huida.modules.mall import buyers as mall_buyers
from huida.modules.mall import erp as mall_erp
from huida.modules.mall import http as mall_http
from huida.modules.members import centre as members_centre
from huida.modules.members import http as members_http
from huida.modules.messaging import http as messaging_http
from huida.modules.messaging import notice_http as messaging_notice_http
from huida.modules.moving import http as moving_http
from huida.modules.orders import http as orders_http
from huida.modules.payments import http as payments_http
from huida.modules.reports import http as reports_http
from huida.modules.sms import business_http as sms_business_http
from huida.modules.sms import buying_http as sms_buying_http
from huida.modules.sms import http as sms_http
from huida.modules.tenants import http as tenants_http
from huida.modules.verification import http as verification_http


def operation_name(route: APIRoute) -> str:
    """A stable name for generated clients: module and function (`messaging_save_channel`)."""
    return f"{route.endpoint.__module__.removeprefix('huida.modules.').split('.')[0]}_{route.name}"


@cache
def prepared() -> list[BaseRoute]:
    """All doors as an application has them, for every application of this process: what they take and give is worked out
    once, at the first request, and that takes a third of a second."""
    holder = APIRouter(generate_unique_id_function=operation_name)
    for router in routers():
        holder.include_router(router)
    return holder.routes


def routers() -> list[Any]:
    """Every router, in the order of the modules."""
    return [
        tenants_http.console,
        tenants_http.operator,
        connections_http.console,
        connections_http.callbacks,
        feeds_http.open_api,
        members_http.console,
        members_http.open_api,
        members_http.member,
        members_centre.member,
        members_centre.tills,
        lives_http.console,
        lives_http.open_api,
        coupons_http.console,
        coupons_http.open_api,
        coupons_http.member,
        loyalty_http.console,
        loyalty_http.open_api,
        loyalty_http.member,
        sms_http.console,
        sms_buying_http.console,
        sms_http.operator,
        sms_business_http.operator,
        sms_http.callbacks,
        payments_http.console,
        payments_http.operator,
        payments_http.wechat,
        mall_http.console,
        mall_http.pictures,
        mall_erp.open_api,
        mall_buyers.member,
        orders_http.console,
        orders_http.open_api,
        orders_http.member,
        messaging_notice_http.console,
        messaging_notice_http.operator,
        messaging_http.console,
        messaging_http.member,
        messaging_http.open_api,
        messaging_http.public,
        moving_http.console,
        reports_http.console,
        verification_http.console,
        verification_http.member,
        verification_http.operator,
    ]
