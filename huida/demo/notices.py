"""The sample mall tells its buyers and one of its staff, through the merchant's own doors."""

from typing import Any, Final

from huida.demo.doors import FAMILIES, SCENARIOS, Doors
from huida.demo.stage import Stage

PATH: Final = "/api/console/messaging"
LIVE: Final = (
    ("order_submitted", "template"),
    ("order_paid", "template"),
    ("order_paid", "subscribe"),
    ("order_shipped", "template"),
    ("order_refunded", "template"),
    ("buyer_recharge", "template"),
    ("coupon_given", "template"),
    ("seller_order_paid", "template"),
)
"""Notices and channels that are on, each with the system's default template."""

SHIPPED: Final[dict[str, Any]] = {
    "name": "发货提醒",
    "scenario": "order_shipped",
    "content": "您的订单${no}已由${carrier}发出，单号${tracking}。",
    "mapping": {"no": "order_no", "carrier": "carrier", "tracking": "tracking_no"},
    "codes": {"aliyun": "SMS_300000003"},
}
MANAGER: Final = "wangsiyuan"
"""Who of the simulator's persons is the shop's manager."""


def open_notices(stage: Stage) -> None:
    """Switch the mall's notices on; a second time changes nothing but what the simulator has forgotten."""
    for scenario, channel in LIVE:
        stage.admin.post(f"{PATH}/scenarios/{scenario}/channels/{channel}/default", {})
    _texts(stage)
    _bind_manager(stage.admin, stage.sim)


def _texts(stage: Stage) -> None:
    code = SHIPPED["codes"]["aliyun"]
    stage.sim.post(
        "/_sim/sms/templates", {"provider": "aliyun", "code": code, "content": SHIPPED["content"], "kind": 1}
    )
    known = {one["name"]: one["id"] for one in stage.admin.get(f"{PATH}/sms-templates")["items"]}
    template_id = known.get(str(SHIPPED["name"])) or stage.admin.post(f"{PATH}/sms-templates", SHIPPED)["id"]
    stage.admin.turn_on("order_shipped", "sms", template_id=template_id)
    # One message each: the official account's, and a text for who does not follow it.
    order = {"policy": "ordered", "order": ["template", "subscribe", "sms"]}
    stage.admin.replace(f"{SCENARIOS}/order_shipped/policy", order, shown=FAMILIES, at="items", code="order_shipped")


def _bind_manager(admin: Doors, sim: Doors) -> None:
    people: list[dict[str, Any]] = admin.get(f"{PATH}/recipients")["items"]
    if not people or any(one["bound"] for one in people):
        return
    made = admin.post(f"{PATH}/recipients/{people[0]['staff_id']}/invitation", {})
    sim.post("/_sim/scan", {"person": MANAGER, "content": made["content"]})
