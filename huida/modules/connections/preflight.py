"""Preflight: does this app work? Asked outside of any transaction; every answer is a check with a code for people."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from huida.kernel.db import Database
from huida.kernel.errors import Conflict, Invalid
from huida.kernel.http import ProviderOutcome, Refused
from huida.kernel.intake.versions import take_turn
from huida.kernel.secrets import Secret
from huida.kernel.web import Actor
from huida.modules.connections.service import (
    LIVE,
    AppRef,
    Wanted,
    change,
    connect,
    credentials_of,
    get,
    go_live,
    keys_to_prove,
    kind_must_be_free,
    save_checks,
    wait,
)
from huida.modules.connections.views import Check, CheckName, CheckState
from huida.providers.wechat.calls import AppCredentials
from huida.providers.wechat.judge import Group, group_of
from huida.providers.wechat.mini_program import MiniProgram
from huida.providers.wechat.official_account import OfficialAccount
from huida.providers.wechat.tokens import AccessTokens

OA_TEMPLATES: Final = 25
MINI_TEMPLATES: Final = 50
WRONG_SECRET: Final = frozenset({"wechat.40125", "wechat.40001"})
WRONG_APP: Final = "wechat.40013"
NOT_LISTED: Final = "wechat.40164"
NO_CALLBACK: Final = "wechat.40201"
_IP = re.compile(r"invalid ip ([0-9A-Fa-f.:]+)")


def check(name: CheckName, state: CheckState, detail: str = "fine", **params: str | int) -> Check:
    """One finding: `state` is ok, warn or fail; `detail` is the code of its text."""
    return {"check": name, "state": state, "detail": f"connection.check.{detail}", "params": params}


@dataclass(frozen=True, slots=True)
class WeChat:
    """Whom connections ask."""

    oa: OfficialAccount
    mini: MiniProgram
    tokens: AccessTokens


async def connect_app(db: Database, actor: Actor, wechat: WeChat, wanted: Wanted) -> AppRef:
    """Connect an app when WeChat accepts its secret; keep it as pending while WeChat cannot say. An edge.

    Raises Invalid for a wrong secret or AppID, Conflict as `connect` does; then nothing is kept.
    """
    wanted.checked()
    async with db.read(actor.tenant_id) as read:
        await kind_must_be_free(read, wanted.kind)
    trouble = await _proof(wechat, AppCredentials(wanted.app_id, wanted.secret))
    async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
        if trouble is None:
            return await connect(tx, wanted)
        await wait(tx, wanted)
        await save_checks(tx, wanted.app_id, trouble)
        return await get(tx, wanted.app_id)


async def change_app(db: Database, actor: Actor, wechat: WeChat, app_id: str, changes: Mapping[str, Any]) -> None:
    """Change what is given; a new secret of a connected app only when WeChat accepts it. An edge.

    With a secret that WeChat accepts a pending app becomes live. Raises NotFound, Invalid for a wrong secret, Conflict,
    and the ProviderOutcome when WeChat cannot say whether the secret of a connected app is right; then nothing is changed.
    """
    async with db.read(actor.tenant_id) as read:
        app = await get(read, app_id)
    secret: Secret | None = changes.get("secret")
    trouble: list[Check] | None = None
    if secret is not None and app.state != "disconnected":
        cred = AppCredentials(app_id, secret)
        if app.connected:
            await _accepted(wechat, cred)
        else:
            trouble = await _proof(wechat, cred)
    async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
        await take_turn(tx, LIVE)
        if (await get(tx, app_id)).state != app.state:
            # It became live, or went, while WeChat was asked: what was heard is about another state.
            raise Conflict(code="request.changed_meanwhile")
        await change(tx, app_id, **changes)
        if trouble is not None:
            await save_checks(tx, app_id, trouble)
        elif secret is not None:
            await go_live(tx, app_id, proved=secret)


async def _accepted(wechat: WeChat, cred: AppCredentials) -> None:
    """Raises Invalid for a wrong secret or AppID, else the ProviderOutcome."""
    try:
        await wechat.tokens.ask(cred)
    except Refused as refused:
        if refused.code in WRONG_SECRET:
            raise Invalid(code="connection.wrong_secret", where="secret") from refused
        if refused.code == WRONG_APP:
            raise Invalid(code="connection.wrong_app_id", where="app_id") from refused
        raise


async def _proof(wechat: WeChat, cred: AppCredentials) -> list[Check] | None:
    """None when WeChat accepts the secret, else what stands in the way. Raises Invalid for a wrong secret or AppID."""
    try:
        await _accepted(wechat, cred)
    except ProviderOutcome as bad:
        return judged(bad)
    return None


async def check_app(db: Database, actor: Actor, app_id: str, *, wechat: WeChat) -> list[Check]:
    """Check an app with WeChat and keep the result; a pending one becomes live when WeChat accepts its secret. An edge.

    Raises NotFound, Conflict for a disconnected app, and for a pending one as `go_live` does.
    """
    async with db.read(actor.tenant_id) as read:
        app = await get(read, app_id)
        waiting = await keys_to_prove(read, app_id)
        cred = waiting or await credentials_of(read, app_id)
    if cred is None:
        raise Conflict(code="connection.not_connected", where="app_id")
    checks: list[Check] = []
    if waiting is not None:
        try:
            await wechat.tokens.ask(waiting)
        except ProviderOutcome as bad:
            checks = judged(bad)
        else:
            async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
                await go_live(tx, app_id, proved=waiting.secret)
    if not checks:
        look = _look_at_oa(wechat.oa, cred, app) if app.kind == "oa" else _look_at_mini(wechat.mini, cred, app)
        checks = await look
    async with db.tx(actor.tenant_id, actor=actor.stamp) as tx:
        await save_checks(tx, app_id, checks)
    return checks


async def _look_at_oa(oa: OfficialAccount, cred: AppCredentials, app: AppRef) -> list[Check]:
    try:
        templates = await oa.templates(cred)
    except ProviderOutcome as bad:
        return judged(bad)
    return [
        check("credentials", "ok"),
        check("account", "ok"),
        templates_check(len(templates), OA_TEMPLATES),
        await _oa_callback(oa, cred, app),
    ]


async def _oa_callback(oa: OfficialAccount, cred: AppCredentials, app: AppRef) -> Check:
    try:
        lost = await oa.callback_loss(cred)
    except Refused as refused:
        if refused.code == NO_CALLBACK:
            return check("callback", "fail", "no_callback")
        return callback_seen(app)
    except ProviderOutcome:
        return callback_seen(app)
    return check("callback", "ok") if lost == 0 else check("callback", "warn", "callback_loss", percent=lost)


async def _look_at_mini(mini: MiniProgram, cred: AppCredentials, app: AppRef) -> list[Check]:
    try:
        categories = await mini.categories(cred)
        templates = await mini.templates(cred)
    except ProviderOutcome as bad:
        return judged(bad)
    names = "、".join(category.name for category in categories)
    return [
        check("credentials", "ok"),
        check("account", "ok"),
        check("categories", "ok", "categories", names=names) if names else check("categories", "fail", "no_category"),
        templates_check(len(templates), MINI_TEMPLATES),
        callback_seen(app),
    ]


def templates_check(count: int, limit: int) -> Check:
    """How many private templates there are, and whether another one fits."""
    if count >= limit:
        return check("templates", "warn", "templates_full", count=count, limit=limit)
    return check("templates", "ok", "templates", count=count, limit=limit)


def callback_seen(app: AppRef) -> Check:
    """WeChat offers no test here: the callback is known to work once WeChat has reached it."""
    if app.callback_seen_at is None:
        return check("callback", "warn", "callback_not_seen")
    return check("callback", "ok", "callback_seen")


def judged(bad: ProviderOutcome) -> list[Check]:
    """What a call's failure says about the app."""
    if not isinstance(bad, Refused):
        return [check("credentials", "warn", "unreachable")]
    if bad.code in WRONG_SECRET:
        return [check("credentials", "fail", "wrong_secret")]
    if bad.code == WRONG_APP:
        return [check("credentials", "fail", "wrong_app_id")]
    if bad.code == NOT_LISTED:
        found = _IP.search(bad.message)
        return [check("credentials", "fail", "ip_not_listed", ip=found.group(1) if found else "?")]
    if group_of(bad.code) is Group.ACCOUNT:
        return [check("credentials", "ok"), check("account", "fail", "no_permission", provider_code=bad.code)]
    return [check("credentials", "fail", "refused", provider_code=bad.code)]
