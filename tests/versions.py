"""Where the pages read what a PUT replaces: its door, the door that shows it, and its version there."""

import re
from collections.abc import Callable, Iterator
from typing import Any

Find = Callable[[Any, dict[str, str]], Any]


def itself(answer: Any, _: dict[str, str]) -> Any:
    return answer["version"]


def item(place: str, **keys: str) -> Find:
    """The version of the item of a list whose fields equal the path's; null when the list has none."""

    def find(answer: Any, named: dict[str, str]) -> Any:
        for part in place.split("."):
            answer = answer[part]
        found = [one for one in answer if all(str(one[field]) == named[name] for field, name in keys.items())]
        return found[0]["version"] if found else None

    return find


def inside(*names: str) -> Find:
    def find(answer: Any, _: dict[str, str]) -> Any:
        for name in names:
            answer = answer[name]
        return answer

    return find


SCENARIOS = "/api/console/messaging/scenarios?family=member&family=buyer&family=marketing&family=seller"
SHOWN: dict[str, tuple[str, Find]] = {
    "/api/console/loyalty/rules": ("/api/console/loyalty/rules", itself),
    "/api/console/coupons/settings": ("/api/console/coupons/settings", itself),
    "/api/console/coupons/reminders": ("/api/console/coupons/reminders", itself),
    "/api/console/mall/settings": ("/api/console/mall", inside("settings", "version")),
    "/api/console/mall/products/{product_id}": ("/api/console/mall/products/{product_id}", itself),
    "/api/console/payments/account": ("/api/console/payments/account", itself),
    "/api/console/sms/limits": ("/api/console/sms/parts", inside("limits", "version")),
    "/api/console/verification/limits": ("/api/console/verification", inside("shop", "version")),
    "/api/console/verification/{scenario}": ("/api/console/verification", item("scenarios", scenario="scenario")),
    "/api/console/messaging/scenarios/{scenario}/channels/{channel}": (SCENARIOS, item("items", code="scenario")),
    "/api/console/messaging/scenarios/{scenario}/options": (SCENARIOS, item("items", code="scenario")),
    "/api/console/messaging/scenarios/{scenario}/policy": (SCENARIOS, item("items", code="scenario")),
    "/api/console/messaging/sms-templates/{template_id}": (
        "/api/console/messaging/sms-templates",
        item("items", id="template_id"),
    ),
    "/api/console/messaging/recipients/{staff_id}": (
        "/api/console/messaging/recipients",
        item("items", staff_id="staff_id"),
    ),
    "/api/operator/merchants/{merchant_id}/entitlements/{module}": (
        "/api/operator/merchants/{merchant_id}",
        item("entitlements", module="module"),
    ),
    "/api/operator/merchants/{merchant_id}/code-limits": (
        "/api/operator/merchants/{merchant_id}/code-limits",
        inside("cap_version"),
    ),
    "/api/operator/notice-rules": ("/api/operator/notice-rules", itself),
    "/api/operator/pay-account": ("/api/operator/pay-account", itself),
    "/api/operator/sms/settings": ("/api/operator/sms", itself),
    "/api/operator/sms/accounts/{provider}": ("/api/operator/sms", item("accounts", provider="provider")),
    "/api/operator/sms/texts/{provider}/{scenario}": (
        "/api/operator/sms",
        item("texts", provider="provider", scenario="scenario"),
    ),
    "/api/operator/sms/packages/{package_id}": ("/api/operator/sms/packages", item("items", id="package_id")),
    "/api/operator/sms/accounts/{provider}/routing": (
        "/api/operator/sms/providers",
        item("items", provider="provider"),
    ),
    "/api/operator/sms/merchants/{merchant_id}/plan": (
        "/api/operator/sms/merchants/{merchant_id}",
        inside("caps", "version"),
    ),
    "/api/operator/sms/signatures/{merchant_id}/{signature_id}/providers": (
        "/api/operator/sms/reviews/{merchant_id}/{signature_id}",
        itself,
    ),
}
"""Every PUT that replaces something a person saw."""

ABSOLUTE: dict[str, str] = {
    "/api/v1/mall/skus/{code}/stock": "the shop's own system counts the goods: its word holds, whatever stood here",
    "/api/console/messaging/sms-templates/{template_id}/state": "one word, on or off: nothing that was seen gets lost",
}
"""PUTs without a version, and why."""


def door_of(path: str) -> tuple[str, dict[str, str]] | None:
    """Which PUT an address is, and what it names."""
    for door in SHOWN:
        places = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", door)
        named = re.fullmatch(places, path)
        if named is not None and not ("{scenario}" in door and named["scenario"] == "limits"):
            return door, named.groupdict()
    return None


def page_of(path: str) -> tuple[str, Callable[[Any], Any]] | None:
    """The door that shows what this PUT replaces, and how its version is found in the answer; None when it has none."""
    known = door_of(path)
    if known is None:
        return None
    door, named = known
    shown, find = SHOWN[door]
    return shown.format(**named), lambda answer: find(answer, named)


async def seen(client: Any, path: str) -> dict[str, Any]:
    """`{"version": …}` as the page has it that shows what is replaced; null when that page cannot be read."""
    page = page_of(path)
    if page is None:
        return {}
    reply = await client.request("GET", page[0])
    return {"version": page[1](reply.json()) if reply.status == 200 else None}


def doors() -> Iterator[str]:
    yield from SHOWN
    yield from ABSOLUTE
