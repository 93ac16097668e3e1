"""The merchant's switches of code scenarios (S2-38..S2-45), and how many codes it lets out."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from huida.kernel import i18n
from huida.kernel.db import Tx
from huida.kernel.errors import Conflict, Invalid, NotFound
from huida.kernel.intake.versions import version_of
from huida.kernel.lists import Where, fetch
from huida.modules import messaging, sms
from huida.modules.verification import limits, rules, views
from huida.modules.verification.facts import CodeCapsSet, CodeLimitsSet
from huida.modules.verification.service import scenario_of, shown, values_of
from huida.providers.sms.parts import full_text, render

SAMPLE_CODE = "314159"


def purpose_of(name: str) -> rules.Purpose:
    """The scenario of this name. Raises NotFound."""
    for purpose in rules.SCENARIOS:
        if purpose == name:
            return purpose
    raise NotFound(code="verification.scenario_unknown", where="scenario", scenario=name)


async def entries(tx: Tx) -> views.CodeEntries:
    """Which scenarios are switched on."""
    saved = await messaging.chosen(tx, "sms")
    live = {purpose for purpose in rules.SCENARIOS if (one := saved.get(scenario_of(purpose))) is not None and one.live}
    return {
        "register": "register" in live,
        "recover": "recover" in live,
        "login": "login" in live,
        "bind": "bind" in live,
    }


async def save(tx: Tx, purpose: rules.Purpose, *, live: bool, template_id: UUID | None) -> None:
    """Switch a scenario on with a template, or off; the template chosen before is kept.

    Raises Invalid when switched on without an enabled template of this scenario, Conflict with the reason when SMS are not
    set up yet (S2-43). Without parts left it can be switched on: buying some is all that is missing.
    """
    scenario = scenario_of(purpose)
    if not live:
        known = (await messaging.chosen(tx, "sms")).get(scenario)
        if known is not None and known.live:
            await messaging.stop_channel(tx, scenario, "sms")
        return
    if template_id is None:
        raise Invalid(code="verification.template_missing", where="template_id")
    if all(text.id != template_id for text in await messaging.sms_templates(tx, scenario)):
        raise Invalid(code="verification.template_not_usable", where="template_id")
    reason = await sms.usable(tx)
    if reason in ("sms_not_set_up", "sms_no_signature"):
        raise Conflict(code=f"verification.{reason}")
    await messaging.save_channel(tx, scenario, "sms", template_id=str(template_id), mapping={})


async def save_limits(tx: Tx, *, hour: int, day: int) -> None:
    """Set how many codes the merchant lets out; it holds from the next request on. Raises Invalid."""
    if day < hour:
        raise Invalid(code="verification.bad_limits", where="day")
    if await tx.execute(
        "INSERT INTO verification_settings AS s (tenant_id, hour_most, day_most) VALUES ($1, $2, $3) "
        "ON CONFLICT (tenant_id) DO UPDATE SET hour_most = excluded.hour_most, day_most = excluded.day_most "
        "WHERE (s.hour_most, s.day_most) <> (excluded.hour_most, excluded.day_most)",
        *(tx.tenant_id, hour, day),
    ):
        tx.emit(CodeLimitsSet(hour=hour, day=day))


async def save_caps(tx: Tx, *, hour: int | None, day: int | None) -> None:
    """Set how many codes the merchant may let out at most, whatever it set itself; from the next request on. Raises Invalid."""
    if hour is not None and day is not None and day < hour:
        raise Invalid(code="verification.bad_limits", where="cap_day")
    before = await limits.shop_limits(tx)
    if (before.cap_hour, before.cap_day) == (hour, day):
        return
    if await tx.execute(
        "INSERT INTO verification_settings AS s (tenant_id, hour_most, day_most, cap_hour, cap_day) "
        "VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (tenant_id) DO UPDATE SET cap_hour = excluded.cap_hour, cap_day = excluded.cap_day "
        "WHERE (s.cap_hour, s.cap_day) IS DISTINCT FROM (excluded.cap_hour, excluded.cap_day)",
        *(tx.tenant_id, rules.MERCHANT_HOUR, rules.MERCHANT_DAY, hour, day),
    ):
        tx.emit(CodeCapsSet(hour=hour, day=day))


def shown_limits(now: limits.ShopLimits) -> views.ShopLimits:
    return {
        "hour": now.hour,
        "day": now.day,
        "cap_hour": now.cap_hour,
        "cap_day": now.cap_day,
        "version": version_of(now.hour, now.day),
        "cap_version": version_of(now.cap_hour, now.cap_day),
    }


async def limits_version(tx: Tx) -> str:
    """The version of the merchant's own limits."""
    return shown_limits(await limits.shop_limits(tx))["version"]


async def caps_version(tx: Tx) -> str:
    """The version of the operators' caps."""
    return shown_limits(await limits.shop_limits(tx))["cap_version"]


def _switch_version(saved: "messaging.Chosen | None") -> str:
    return version_of("off" if saved is None else [saved.live, saved.template_id])


async def switch_version(tx: Tx, purpose: rules.Purpose) -> str:
    """The version of a scenario's switch."""
    return _switch_version((await messaging.chosen(tx, "sms")).get(scenario_of(purpose)))


async def for_operator(tx: Tx) -> views.CodeCaps:
    """What the operators' page of a merchant shows."""
    sent = await sent_today(tx)
    return {**shown_limits(await limits.shop_limits(tx)), "sent_today": sum(sent.values())}


async def sent_today(tx: Tx) -> dict[str, int]:
    """How many codes were let out today, by scenario."""
    rows = await tx.fetch(
        "SELECT scenario, count(*)::int AS n FROM verification_codes WHERE tenant_id = $1 "
        "AND (created_at AT TIME ZONE 'Asia/Shanghai')::date = $2 GROUP BY 1",
        *(tx.tenant_id, tx.today),
    )
    return {row["scenario"]: row["n"] for row in rows}


async def overview(tx: Tx, language: str) -> views.CodeSettings:
    """Everything the page of codes shows."""
    saved = await messaging.chosen(tx, "sms")
    today = await sent_today(tx)
    reason = await sms.usable(tx)
    sign_name, _ = await sms.signature(tx)
    values = await values_of(tx, SAMPLE_CODE)
    return {
        "scenarios": [
            await _scenario(
                tx, purpose, saved.get(scenario_of(purpose)), reason, sign_name, values, today.get(purpose, 0), language
            )
            for purpose in rules.SCENARIOS
        ],
        "limits": [
            {
                "name": limit.name,
                "most": limit.most,
                "seconds": None if limit.window is None else int(limit.window.total_seconds()),
            }
            for limit in (
                *rules.EACH_PHONE,
                *rules.EACH_PHONE_ANYWHERE,
                *(limit for limits_of in rules.EACH_NETWORK.values() for limit in limits_of),
                *rules.EACH_DEVICE,
                *await limits.merchant_limits(tx),
            )
        ],
        "shop": shown_limits(await limits.shop_limits(tx)),
        "minutes": rules.MINUTES,
        "tries": rules.TRIES,
    }


async def _scenario(
    tx: Tx,
    purpose: rules.Purpose,
    saved: "messaging.Chosen | None",
    reason: str,
    sign_name: str,
    values: Mapping[str, str],
    sent_today: int,
    language: str,
) -> views.CodeScenario:
    offered: Sequence[messaging.StoreText] = await messaging.sms_templates(tx, scenario_of(purpose))
    trouble = f"verification.{reason}" if reason else None
    if trouble is None and not offered:
        trouble = "verification.template_missing"
    known = str(saved.template_id) if saved is not None else ""
    chosen = next((text.id for text in offered if str(text.id) == known), None)
    stopped = saved is not None and not saved.live and saved.paused_reason not in (None, "switched_off")
    if trouble is None and (stopped or (saved is not None and saved.live and chosen is None)):
        trouble = "verification.no_template"
    return {
        "scenario": purpose,
        "label": i18n.text(f"verification.scenario_{purpose}", language),
        "live": saved is not None and saved.live,
        "template_id": chosen,
        "templates": [
            {
                "id": text.id,
                "name": text.name,
                "content": text.content,
                "sample": full_text(sign_name, render(text.content, {p: values[v] for p, v in text.mapping.items()})),
            }
            for text in offered
        ],
        "trouble": None if trouble is None else i18n.text(trouble, language),
        "trouble_code": trouble,
        "sent_today": sent_today,
        "version": _switch_version(saved),
    }


async def records(tx: Tx, *, limit: int, before: UUID | None, scenario: str | None, state: str | None) -> list[Any]:
    """Codes asked for, newest first."""
    where = Where(tx.tenant_id)
    where.equal(scenario=None if scenario is None else purpose_of(scenario), state=state)
    if before is not None:
        where.add("id < {}", before)
    return await fetch(tx, "SELECT * FROM verification_codes", where, "id DESC", limit)


def show(row: Any) -> views.CodeRecord:
    return {
        "id": row["id"],
        "scenario": row["scenario"],
        "phone": shown(row),
        "state": row["state"],
        "reason": row["reason"],
        "parts": row["parts"],
        "cost_fen": row["cost_fen"],
        "created_at": row["created_at"],
        "used_at": row["used_at"],
        "tries": row["tries"] + row["others_tries"],
    }
