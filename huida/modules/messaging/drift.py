"""Templates that changed or went on the other side: once a day, and when asked, ours are compared with what is there.

The notices concerned are paused, with a fact and a word on the overview; what they said is kept, and nothing on WeChat's
or the provider's side is touched. No answer pauses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from huida.kernel.db import Tx
from huida.kernel.http import ProviderOutcome, Refused, one_call
from huida.kernel.queue import Job
from huida.modules import connections, sms
from huida.modules.messaging import bindings, templates
from huida.modules.messaging.facts import TemplateDrifted
from huida.modules.messaging.store_texts import COLUMNS, StoreText, store_text
from huida.modules.messaging.store_texts_save import equal
from huida.modules.messaging.templates import Listed
from huida.providers.sms.provider import Audit, SmsCredentials, SmsProvider
from huida.providers.wechat.calls import AppCredentials
from huida.providers.wechat.mini_program import MiniProgram
from huida.providers.wechat.official_account import OfficialAccount

LOOK = "messaging.look_for_drift"
MOST_TEXTS = 200


@dataclass(slots=True)
class Text:
    """A text of the store and what its provider says of it; `trouble` stays None when nobody answered."""

    text: StoreText
    version: datetime
    trouble: str | None = None


@dataclass
class Round:
    """One comparison of one merchant."""

    asked_at: datetime
    apps: dict[str, AppCredentials]
    keys: dict[str, SmsCredentials]
    texts: list[Text]
    listed: dict[str, Sequence[Listed]] = field(default_factory=dict)


class LookForDrift:
    """The errand `messaging.look_for_drift`. Running it twice compares twice, which changes nothing more."""

    def __init__(self, *, mini: MiniProgram, oa: OfficialAccount, sms_providers: dict[str, SmsProvider]) -> None:
        self.mini = mini
        self.oa = oa
        self.sms_providers = sms_providers

    async def load(self, tx: Tx, jobs: Sequence[Job]) -> Round:
        used = await tx.fetch(
            "SELECT DISTINCT channel FROM bindings WHERE tenant_id = $1 AND live AND channel <> 'sms'", tx.tenant_id
        )
        apps = {}
        for row in used:
            cred = await connections.credentials(tx, bindings.APP_KIND[row["channel"]])
            if cred is not None:
                apps[row["channel"]] = cred
        rows = await tx.fetch(
            f"SELECT {COLUMNS}, updated_at FROM sms_templates WHERE tenant_id = $1 AND state = 'enabled' "
            "ORDER BY id LIMIT $2",
            *(tx.tenant_id, MOST_TEXTS),
        )
        keys = await sms.credentials(tx) if rows else {}
        return Round(tx.now, apps, keys, [Text(store_text(row), row["updated_at"]) for row in rows])

    async def call(self, work: Round) -> Round:
        for channel, cred in work.apps.items():
            try:
                async with one_call(LOOK):
                    work.listed[channel] = await templates.fetch_listed(self.mini, self.oa, cred, channel)
            except ProviderOutcome:
                continue
        for one in work.texts:
            one.trouble = await self._trouble(work, one.text)
        return work

    async def _trouble(self, work: Round, text: StoreText) -> str | None:
        """Why a text cannot be sent any more; empty when it can, None when nobody knows.

        Other words at one provider are trouble wherever it might go. Without an approval at one it still goes through
        another that has it.
        """
        heard = [
            await self._at(work, text, name, code)
            for name, code in text.codes.items()
            if name in self.sms_providers and name in work.keys
        ]
        if "template_changed" in heard:
            return "template_changed"
        if None in heard or not heard:
            return None
        return "" if "" in heard else heard[0]

    async def _at(self, work: Round, text: StoreText, name: str, code: str) -> str | None:
        """What one provider says; None when it does not."""
        provider = self.sms_providers[name]
        try:
            async with one_call(LOOK):
                audit = await provider.template(work.keys[name], code)
        except Refused as refused:
            return "template_gone" if provider.knows_no_template(refused) else None
        except ProviderOutcome:
            return None
        if audit.state is not Audit.APPROVED:
            return "template_unapproved"
        return "" if equal(name, text.content, audit.content) else "template_changed"

    async def record(self, tx: Tx, outcome: Round) -> None:
        for channel, listed in outcome.listed.items():
            app_id = outcome.apps[channel].app_id
            await templates.write_listed(tx, app_id, channel, listed, asked_at=outcome.asked_at)
        for one in outcome.texts:
            if one.trouble:
                await pause_text(tx, one.text, one.version, one.trouble)
            elif one.trouble is not None:
                await tx.execute(
                    "UPDATE sms_templates SET checked_at = $3, paused_reason = NULL "
                    "WHERE tenant_id = $1 AND id = $2 AND updated_at = $4",
                    *(tx.tenant_id, one.text.id, outcome.asked_at, one.version),
                )

    async def abandoned(self, tx: Tx, jobs: Sequence[Job]) -> None:
        """Nothing was written; the next round compares again."""


async def pause_text(tx: Tx, text: StoreText, version: datetime, reason: str) -> None:
    """Pause a text and the notices that send it, unless it was changed since it was compared."""
    if not await tx.execute(
        "UPDATE sms_templates SET paused_reason = $3 WHERE tenant_id = $1 AND id = $2 AND updated_at = $4 "
        "AND paused_reason IS DISTINCT FROM $3",
        *(tx.tenant_id, text.id, reason, version),
    ):
        return
    paused = await bindings.stop_sms_text(tx, text.id, reason=reason)
    tx.emit(TemplateDrifted(channel="sms", template_id=str(text.id), title=text.name, change=reason, paused=paused))


def look_now(tx: Tx) -> None:
    """Compare now, when somebody asks for it."""
    tx.enqueue(LOOK, None)
