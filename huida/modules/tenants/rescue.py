"""Ways back in for who forgot a password or lost an authenticator (U-06). These are edges, since hashing takes long.

A sole administrator has nobody in the shop who could help. Who helps learns a password that works once, and the log says so.
"""

from uuid import UUID

from huida.kernel.db import Database
from huida.modules.tenants import passwords, staff
from huida.modules.tenants.models import PLATFORM
from huida.modules.tenants.views import OneTimePassword


async def give_one_time(db: Database, tenant_id: int, staff_id: UUID, *, by: str) -> OneTimePassword:
    """Set a one-time password for an administrator and end their sessions. An edge. Raises NotFound."""
    async with db.read(tenant_id) as read:
        login = (await staff.get_admin(read, staff_id))["login"]
    password = passwords.one_time()
    password_hash = await passwords.hashed(password, login=login)
    async with db.tx(tenant_id, actor=by) as tx:
        await staff.get_admin(tx, staff_id)
        until = await staff.set_one_time_password(tx, staff_id, password_hash=password_hash)
    return {"login": login, "password": password, "until": until}


async def rescue_operator(db: Database, *, login: str, by: str) -> OneTimePassword | None:
    """A one-time password for an operator of the platform, whose second factor is turned off; None when nobody has this
    login there. For who has the server itself. An edge."""
    async with db.read(PLATFORM) as read:
        found = [row for row in await staff.list_admins(read) if row["login"] == login.strip().lower()]
    if not found:
        return None
    given = await give_one_time(db, PLATFORM, found[0]["id"], by=by)
    if found[0]["totp_sealed"] is not None:
        async with db.tx(PLATFORM, actor=by) as tx:
            await staff.remove_totp(tx, found[0]["id"])
    return given
