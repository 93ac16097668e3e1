"""What happens on the phone: wx.requestSubscribeMessage and the notice settings (reference §3.3, §3.6)."""

from __future__ import annotations

from typing import Any

from wesim.mini.subscribe import push_event
from wesim.state import App, AppUser, PrivateTemplate
from wesim.world import World

CHOICES = ("accept", "reject", "always_accept", "always_reject")
POPUP_SCENE = 0  # inside a mini-program page


def request_subscribe(
    world: World, app: App, user: AppUser, *, templates: list[str], choices: dict[str, str]
) -> dict[str, Any]:
    """The object that the client code of the mini program receives. A template without a choice is accepted."""
    refusal = _refusal(world, app, user, templates)
    if refusal is not None:
        return refusal
    results: dict[str, Any] = {"errMsg": "requestSubscribeMessage:ok"}
    titles: set[str] = set()
    shown: list[dict[str, Any]] = []
    for template in (app.templates[t] for t in templates):
        result = _decide(user, template, choices.get(template.id, "accept"), titles)
        results[template.id] = result
        if result in ("accept", "reject"):
            _book(world, user, template, result, silent=template.id in user.remembered)
            _remember(user, template, choices.get(template.id, ""))
            shown.append({"TemplateId": template.id, "SubscribeStatusString": result, "PopupScene": POPUP_SCENE})
    if shown:
        push_event(world, app, user, "popup", shown)
    return results


def _refusal(world: World, app: App, user: AppUser, templates: list[str]) -> dict[str, Any] | None:
    if not templates:
        return _fail(10001, "TmplIds can't be empty")
    if not user.main_switch:
        return _fail(20004, "The main switch is switched off")
    if app.subscribe_banned:
        return _fail(20005, "This mini program was banned from subscribing messages")
    if len(templates) > world.settings.popup_templates_max:
        return _fail(20003, "Templates count out of max bounds")
    known = [app.templates.get(t) for t in templates]
    if any(t is None for t in known):
        return _fail(20001, "No template data return, verify the template id exist")
    if len({t.kind for t in known if t is not None}) > 1:
        return _fail(20002, "Templates type must be same")
    return None


def _fail(code: int, text: str) -> dict[str, Any]:
    return {"errMsg": f"requestSubscribeMessage:fail {text}", "errCode": code}


def _decide(user: AppUser, template: PrivateTemplate, choice: str, titles: set[str]) -> str:
    """accept | reject | ban | filter. A remembered answer is given silently."""
    if template.state == "banned" or choice == "ban":
        return "ban"
    if template.title in titles:
        return "filter"
    titles.add(template.title)
    return user.remembered.get(template.id) or choice.removeprefix("always_")


def _book(world: World, user: AppUser, template: PrivateTemplate, result: str, *, silent: bool) -> None:
    if result == "reject":
        if world.settings.reject_clears_credits:
            user.credits.pop(template.id, None)
        return
    if template.kind == "long_term":
        user.long_term.add(template.id)
    elif not silent or world.settings.silent_accept_adds_credit:
        user.credits[template.id] = user.credits.get(template.id, 0) + 1


def _remember(user: AppUser, template: PrivateTemplate, choice: str) -> None:
    if choice.startswith("always_"):
        user.remembered[template.id] = choice.removeprefix("always_")


def change_setting(world: World, app: App, user: AppUser, *, template: str, status: str) -> None:
    """The person changes one template in the notice settings; only `reject` is pushed (reference §3.7)."""
    user.remembered[template] = status
    if status == "accept":
        user.switched_off.discard(template)
        return
    user.switched_off.add(template)
    push_event(world, app, user, "change", [{"TemplateId": template, "SubscribeStatusString": "reject"}])


def settings_of(user: AppUser) -> dict[str, Any]:
    """wx.getSetting({withSubscriptions: true}).subscriptionsSetting."""
    return {"mainSwitch": user.main_switch, "itemSettings": dict(user.remembered)}
