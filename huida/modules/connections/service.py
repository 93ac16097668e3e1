"""Connecting official accounts and mini programs: credentials, callback settings, what is open."""

import re
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from huida.kernel.db import Database, Tx
from huida.kernel.errors import Conflict, Invalid, NotFound
from huida.kernel.ids import uuid7
from huida.kernel.intake.versions import take_turn
from huida.kernel.secrets import Secret
from huida.modules.connections.facts import AppChanged, AppConnected, AppDisconnected
from huida.modules.connections.models import KINDS
from huida.modules.connections.views import CallbackMode, Check, Kind
from huida.providers.wechat.callbacks import CallbackKeys, Mode
from huida.providers.wechat.calls import AppCredentials

APP_ID = re.compile(r"wx[0-9A-Za-z]{4,30}")
ORIGINAL_ID = re.compile(r"(gh_[0-9A-Za-z]{4,30})?")
TOKEN = re.compile(r"[0-9A-Za-z]{3,32}")
AES_KEY = re.compile(r"[0-9A-Za-z]{43}")
LETTERS: Final = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class AppRef:
    """A connected, pending or former app, without its secrets."""

    app_id: str
    kind: Kind
    name: str
    original_id: str
    state: Literal["pending", "connected", "disconnected"]
    subscribe_open: bool
    callback_mode: CallbackMode
    callback_seen_at: datetime | None
    route_key: str
    checks: list[Check]
    checked_at: datetime | None
    connected_at: datetime

    @property
    def connected(self) -> bool:
        return self.state == "connected"


def _ref(row: Any) -> AppRef:
    checks = [] if row["checks"] is None else msgspec.json.decode(row["checks"])
    names = AppRef.__slots__
    return AppRef(**{name: row[name] for name in names if name != "checks"}, checks=checks)


COLUMNS: Final = (
    "app_id, kind, name, original_id, state, subscribe_open, callback_mode, callback_seen_at, route_key, checks, "
    "checked_at, connected_at"
)


async def apps(tx: Tx) -> list[AppRef]:
    """The merchant's apps, disconnected ones too."""
    rows = await tx.fetch(
        f"SELECT {COLUMNS} FROM apps WHERE tenant_id = $1 ORDER BY kind, connected_at DESC LIMIT 100", tx.tenant_id
    )
    return [_ref(row) for row in rows]


async def get(tx: Tx, app_id: str) -> AppRef:
    """One app. Raises NotFound."""
    row = await tx.row(f"SELECT {COLUMNS} FROM apps WHERE tenant_id = $1 AND app_id = $2", tx.tenant_id, app_id)
    if row is None:
        raise NotFound(code="connection.not_found", where="app_id")
    return _ref(row)


async def app_of(tx: Tx, kind: str) -> AppRef | None:
    """The connected app of this kind (`oa` or `mini`); None when there is none."""
    row = await tx.row(
        f"SELECT {COLUMNS} FROM apps WHERE tenant_id = $1 AND kind = $2 AND state = 'connected'", tx.tenant_id, kind
    )
    return None if row is None else _ref(row)


async def credentials(tx: Tx, kind: str) -> AppCredentials | None:
    """What calls for the connected app of this kind need; None when there is none."""
    return _credentials(
        tx,
        await tx.row(
            "SELECT app_id, secret_sealed FROM apps WHERE tenant_id = $1 AND kind = $2 AND state = 'connected'",
            *(tx.tenant_id, kind),
        ),
    )


async def credentials_of(tx: Tx, app_id: str) -> AppCredentials | None:
    """What calls for this app need; None when it is not connected."""
    return _credentials(
        tx,
        await tx.row(
            "SELECT app_id, secret_sealed FROM apps WHERE tenant_id = $1 AND app_id = $2 AND state = 'connected'",
            *(tx.tenant_id, app_id),
        ),
    )


def _credentials(tx: Tx, row: Any) -> AppCredentials | None:
    if row is None:
        return None
    return AppCredentials(row["app_id"], tx.sealer.unseal(bytes(row["secret_sealed"]), purpose="app.secret"))


async def callback_keys(tx: Tx, app_id: str) -> CallbackKeys | None:
    """What this app's pushes are opened with; None when it is not connected."""
    row = await tx.row(
        "SELECT token_sealed, aes_key_sealed, callback_mode FROM apps "
        "WHERE tenant_id = $1 AND app_id = $2 AND state = 'connected'",
        *(tx.tenant_id, app_id),
    )
    if row is None:
        return None
    token = tx.sealer.unseal(bytes(row["token_sealed"]), purpose="app.token")
    aes_key = tx.sealer.unseal(bytes(row["aes_key_sealed"]), purpose="app.aes_key")
    return CallbackKeys(app_id, token, aes_key, Mode(row["callback_mode"]))


async def merchant_with(db: Database, app_id: str) -> tuple[int, str, AppCredentials] | None:
    """Tenant, kind and keys of the one merchant that has this app connected: for logins, before a tenant is known."""
    async with db.raw() as (_, sql):
        tenant_id: int | None = await sql.fetchval(
            "SELECT r.tenant_id FROM callback_routes r JOIN merchants m ON m.id = r.tenant_id "
            "WHERE r.app_id = $1 AND m.state = 'open'",
            app_id,
        )
    if tenant_id is None:
        return None
    async with db.read(tenant_id) as tx:
        cred = await credentials_of(tx, app_id)
        return None if cred is None else (tenant_id, (await get(tx, app_id)).kind, cred)


async def keys_to_prove(tx: Tx, app_id: str) -> AppCredentials | None:
    """What WeChat is asked to accept: the keys of an app that is pending; None for any other."""
    return _credentials(
        tx,
        await tx.row(
            "SELECT app_id, secret_sealed FROM apps WHERE tenant_id = $1 AND app_id = $2 AND state = 'pending'",
            *(tx.tenant_id, app_id),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """An app as a merchant enters it. Callback token and AES key are made here unless given."""

    app_id: str
    kind: str
    name: str
    secret: Secret
    original_id: str = ""
    callback_mode: str = "safe"
    token: Secret | None = None
    aes_key: Secret | None = None

    def checked(self) -> "Wanted":
        """The same. Raises Invalid for what cannot be right."""
        _check(
            app_id=self.app_id,
            kind=self.kind,
            name=self.name,
            original_id=self.original_id,
            mode=self.callback_mode,
            secret=self.secret,
        )
        _check_callback(self.token or Secret("kept"), self.aes_key or Secret("k" * 43))
        return self


async def connect(tx: Tx, wanted: Wanted) -> AppRef:
    """Connect an app whose secret WeChat has accepted, or connect a former one again.

    Raises Invalid, and Conflict when another app of this kind is connected, or this app at another merchant.
    """
    await wait(tx, wanted)
    await go_live(tx, wanted.app_id)
    return await get(tx, wanted.app_id)


async def kind_must_be_free(tx: Tx, kind: str) -> None:
    """Raises Conflict when another app of this kind is connected."""
    current = await app_of(tx, kind)
    if current is not None:
        raise Conflict(code="connection.kind_taken", where="kind", app_id=current.app_id)


LIVE = "connections.live"
"""What a merchant's apps take turns for: one of a kind is live, whoever else becomes it at the same moment."""


async def wait(tx: Tx, wanted: Wanted) -> AppRef:
    """Keep an app that WeChat has not accepted yet, or a former one again: it does nothing until `go_live`.

    Raises Invalid, and Conflict when another app of this kind is connected.
    """
    wanted.checked()
    await take_turn(tx, LIVE)
    token, aes_key = wanted.token or Secret(_letters(32)), wanted.aes_key or Secret(_letters(43))
    await kind_must_be_free(tx, wanted.kind)
    kept = await tx.execute(
        "INSERT INTO apps (tenant_id, id, app_id, kind, name, original_id, secret_sealed, token_sealed, aes_key_sealed, "
        "callback_mode, route_key, connected_at, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'pending') "
        "ON CONFLICT (tenant_id, app_id) DO UPDATE SET kind = excluded.kind, name = excluded.name, "
        "original_id = excluded.original_id, secret_sealed = excluded.secret_sealed, token_sealed = excluded.token_sealed, "
        "aes_key_sealed = excluded.aes_key_sealed, callback_mode = excluded.callback_mode, state = 'pending', "
        "callback_seen_at = NULL, checks = NULL, checked_at = NULL, connected_at = excluded.connected_at "
        "WHERE apps.state <> 'connected'",
        *(tx.tenant_id, uuid7(), wanted.app_id, wanted.kind, wanted.name.strip(), wanted.original_id),
        tx.sealer.seal(wanted.secret, purpose="app.secret"),
        tx.sealer.seal(token, purpose="app.token"),
        tx.sealer.seal(aes_key, purpose="app.aes_key"),
        *(wanted.callback_mode, secrets.token_urlsafe(24), tx.now),
    )
    if not kept:
        raise Conflict(code="connection.kind_taken", where="kind", app_id=wanted.app_id)
    return await get(tx, wanted.app_id)


async def go_live(tx: Tx, app_id: str, *, proved: Secret | None = None) -> None:
    """Make a pending app live: WeChat has accepted its secret (`proved`, when it may have been changed since it was asked).

    Raises Conflict when another app of this kind is connected, or this app at another merchant of the server: who has its
    secret can disconnect it there.
    """
    await take_turn(tx, LIVE)
    row = await tx.row(
        "SELECT kind, route_key, secret_sealed FROM apps WHERE tenant_id = $1 AND app_id = $2 AND state = 'pending' FOR UPDATE",
        *(tx.tenant_id, app_id),
    )
    if row is None:
        return
    if proved is not None:
        known = tx.sealer.unseal(bytes(row["secret_sealed"]), purpose="app.secret")
        if known.reveal() != proved.reveal():
            return
    await kind_must_be_free(tx, row["kind"])
    # The index of the routes is over all merchants: of two who become live at once, one waits here and is refused.
    if not await tx.execute(
        "INSERT INTO callback_routes (route_key, tenant_id, app_id) VALUES ($1, $2, $3) ON CONFLICT (app_id) DO NOTHING",
        *(row["route_key"], tx.tenant_id, app_id),
    ):
        raise Conflict(code="connection.app_taken", where="app_id")
    await tx.execute(
        "UPDATE apps SET state = 'connected', connected_at = $3 WHERE tenant_id = $1 AND app_id = $2",
        *(tx.tenant_id, app_id, tx.now),
    )
    tx.emit(AppConnected(app_id=app_id, app_kind=row["kind"]))


async def change(
    tx: Tx,
    app_id: str,
    *,
    name: str | None = None,
    original_id: str | None = None,
    secret: Secret | None = None,
    callback_mode: str | None = None,
    token: Secret | None = None,
    aes_key: Secret | None = None,
) -> None:
    """Change what is given: a new secret is sealed at once, and what was found with the old one is forgotten.

    Raises NotFound, Invalid.
    """
    app = await get(tx, app_id)
    _check(
        app_id=app_id,
        kind=app.kind,
        name=app.name if name is None else name,
        original_id=app.original_id if original_id is None else original_id,
        mode=callback_mode or app.callback_mode,
        secret=secret or Secret("kept"),
    )
    _check_callback(token or Secret("kept"), aes_key or Secret("k" * 43))
    wanted: dict[str, Any] = {
        "name": None if name is None else name.strip(),
        "original_id": original_id,
        "callback_mode": callback_mode,
        "secret_sealed": secret and tx.sealer.seal(secret, purpose="app.secret"),
        "token_sealed": token and tx.sealer.seal(token, purpose="app.token"),
        "aes_key_sealed": aes_key and tx.sealer.seal(aes_key, purpose="app.aes_key"),
    }
    given = {column: value for column, value in wanted.items() if value is not None}
    if not given:
        return
    settings = ", ".join(f"{column} = ${place}" for place, column in enumerate(given, 3))
    if secret is not None:
        settings += ", checks = NULL, checked_at = NULL"
    await tx.execute(
        f"UPDATE apps SET {settings} WHERE tenant_id = $1 AND app_id = $2", tx.tenant_id, app_id, *given.values()
    )
    tx.emit(AppChanged(app_id=app_id, fields=sorted(column.removesuffix("_sealed") for column in given)))


async def disconnect(tx: Tx, app_id: str) -> None:
    """Stop calling and hearing this app; what it told stays, and its address is the same when it comes back.

    Raises NotFound.
    """
    app = await get(tx, app_id)
    await tx.execute("DELETE FROM callback_routes WHERE route_key = $1 AND tenant_id = $2", app.route_key, tx.tenant_id)
    if await tx.execute(
        "UPDATE apps SET state = 'disconnected', subscribe_open = false "
        "WHERE tenant_id = $1 AND app_id = $2 AND state <> 'disconnected'",
        *(tx.tenant_id, app_id),
    ):
        tx.emit(AppDisconnected(app_id=app_id))


async def open_subscribe(tx: Tx, app_id: str) -> None:
    """Open subscription messages for this mini program (S1-32). Raises NotFound, Conflict unless connected."""
    await _set_subscribe(tx, app_id, "true")


async def close_subscribe(tx: Tx, app_id: str) -> None:
    """Close subscription messages again. Raises NotFound, Conflict unless connected."""
    await _set_subscribe(tx, app_id, "false")


async def _set_subscribe(tx: Tx, app_id: str, value: str) -> None:
    app = await get(tx, app_id)
    if app.kind != "mini" or not app.connected:
        raise Conflict(code="connection.not_a_mini_program", where="app_id")
    if await tx.execute(
        f"UPDATE apps SET subscribe_open = {value} WHERE tenant_id = $1 AND app_id = $2 AND subscribe_open <> {value}",
        *(tx.tenant_id, app_id),
    ):
        tx.emit(AppChanged(app_id=app_id, fields=["subscribe_open"]))


async def note_callback_seen(tx: Tx, app_id: str) -> None:
    """Remember that WeChat reached the callback (the first time only: pushes come by the thousand)."""
    await tx.execute(
        "UPDATE apps SET callback_seen_at = $3 WHERE tenant_id = $1 AND app_id = $2 AND callback_seen_at IS NULL",
        *(tx.tenant_id, app_id, tx.now),
    )


async def save_checks(tx: Tx, app_id: str, checks: Sequence[Check]) -> None:
    """Keep the result of the newest preflight."""
    await tx.execute(
        "UPDATE apps SET checks = $3, checked_at = $4 WHERE tenant_id = $1 AND app_id = $2",
        *(tx.tenant_id, app_id, msgspec.json.encode(checks).decode(), tx.now),
    )


def _check(*, app_id: str, kind: str, name: str, original_id: str, mode: str, secret: Secret) -> None:
    if not APP_ID.fullmatch(app_id):
        raise Invalid(code="connection.bad_app_id", where="app_id")
    if kind not in KINDS:
        raise Invalid(code="connection.bad_kind", where="kind")
    if not 1 <= len(name.strip()) <= 60:
        raise Invalid(code="request.bad_name", where="name", longest=60)
    if not ORIGINAL_ID.fullmatch(original_id):
        raise Invalid(code="connection.bad_original_id", where="original_id")
    if mode not in set(Mode):
        raise Invalid(code="connection.bad_mode", where="callback_mode")
    if not 1 <= len(secret.reveal()) <= 128 or not secret.reveal().isascii():
        raise Invalid(code="connection.bad_secret", where="secret")


def _check_callback(token: Secret, aes_key: Secret) -> None:
    if not TOKEN.fullmatch(token.reveal()):
        raise Invalid(code="connection.bad_token", where="token")
    if not AES_KEY.fullmatch(aes_key.reveal()):
        raise Invalid(code="connection.bad_aes_key", where="aes_key")


def _letters(length: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(length))
