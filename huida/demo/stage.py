"""Connecting the sample merchant with the simulated WeChat, through the same doors that a merchant and members use.

The simulator forgets everything when it stops, our database does not. So this runs at every start, and every part of it
may find its work done already.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from huida.demo.codes import open_codes
from huida.demo.doors import Closed, Doors

OA, MINI = "wx5e1f00000000a001", "wx5e1f00000000b001"
APPS: Final = (
    {
        "app_id": OA,
        "kind": "oa",
        "name": "会达小店",
        "secret": "5ec0e7a0000000000000000000000001",
        "original_id": "gh_wesim00000a",
        "token": "wesimOaToken1",
        "aes_key": "wesimOaAesKey0123456789abcdefghijklmnopqrsA",
        "callback_mode": "safe",
    },
    {
        "app_id": MINI,
        "kind": "mini",
        "name": "会达小店会员中心",
        "secret": "5ec0e7b0000000000000000000000001",
        "original_id": "gh_wesim00000b",
        "token": "wesimMiniToken1",
        "aes_key": "wesimMiniAesKey123456789abcdefghijklmnopqrA",
        "callback_mode": "safe",
    },
)
"""The simulator's documented accounts (wesim/README.md)."""

PERSONS: Final = ("linxiaoman", "chenyiming", "wangsiyuan")
SMS_HOST: Final = "hd.example"
SMS_SCENARIOS: Final = {
    "consumption": "SMS_100000014",
    "recharge": "SMS_100000015",
    "points_change": "SMS_100000016",
    "balance_change": "SMS_100000017",
    "stored_value_consumption": "SMS_100000018",
    "coupon_claimed": "SMS_100000019",
    "coupon_unused": "SMS_100000020",
    "auto_sign_off": "SMS_100000021",
}
SMS: Final = "/api/operator/sms"
SMS_ACCOUNT: Final = {"key_id": "wesimAliyunKeyId01", "secret": "wesimAliyunKeySecret0000000001"}
SMS_PARAMS: Final = {"p1": "card_tail", "p2": "time", "code": "link_code"}
SMS_AMOUNTS: Final = {
    "consumption": "amount",
    "recharge": "amount",
    "stored_value_consumption": "amount",
    "balance_change": "balance_delta",
    "points_change": "points_delta",
}
"""What `p3` says where a scenario is about money or points."""
NOTICE: Final = {"tid": 1102, "title": "会员消费通知", "scene": "消费后告知积分余额"}
MODULE: Final = "member_notices"
CREDITS: Final = 5
SCOPES: Final = ("purchases.write", "purchases.read", "members.read", "balances.read", "messages.read")


@dataclass(frozen=True)
class Stage:
    """The doors of the product and of the simulator."""

    base_url: str
    operator: Doors
    admin: Doors
    sim: Doors


def set_up(stage: Stage, tenant_id: int) -> None:
    """Connect both sides: accounts, callbacks, SMS, scenarios. Raises Closed when a door says no."""
    stage.operator.grant(tenant_id, MODULE)
    _connect_apps(stage)
    _connect_sms(stage)
    _choose_channels(stage)
    open_codes(stage.admin)


def show_pages(stage: Stage, tenant_id: int) -> None:
    """Let the simulated phones show the member centre as the mini program."""
    stage.sim.post(f"/_sim/apps/{MINI}", {"h5": f"{stage.base_url}/h5/?m={tenant_id}"})


def set_up_till(stage: Stage, api_key: str) -> None:
    """Give the till beside the phones the shop's API: customers by phone number or spend code, sales and recharges."""
    sale = {"store": "S01", "till_no": "{number}", "card_no": "{card}"}
    purchase = "/api/v1/purchases"
    acts = (
        ("消费", "Sale", purchase, {**sale, "total_fen": "{fen}"}),
        ("储值消费", "Sale from balance", purchase, {**sale, "total_fen": "{fen}", "balance_fen": "{fen}"}),
        ("充值", "Recharge", "/api/v1/recharges", {**sale, "paid_fen": "{fen}"}),
    )
    till = {
        "url": stage.base_url,
        "headers": {"Authorization": f"Bearer {api_key}"},
        "find": {"method": "GET", "path": "/api/v1/members?phone={phone}", "take": "items.0.card_no"},
        "scan": {
            "path": "/api/v1/spend-codes/{code}/use",
            "body": {"store": "S01", "till_no": "{number}"},
            "take": "card_no",
        },
        "acts": [
            {"name": name, "name_en": name_en, "call": {"path": path, "body": body}}
            for name, name_en, path, body in acts
        ],
    }
    stage.sim.post("/_sim/till", till)


def _connect_apps(stage: Stage) -> None:
    connected = {app["app_id"]: app for app in stage.admin.get("/api/console/connections")["items"]}
    for app in APPS:
        known = connected.get(str(app["app_id"]))
        if known is None or known["state"] != "connected":
            known = stage.admin.post("/api/console/connections", app)
        stage.sim.post(
            f"/_sim/apps/{app['app_id']}/callback",
            {"url": known["callback_url"], "mode": "safe", "format": "xml", "verify": True},
        )
    stage.admin.post(f"/api/console/connections/{MINI}/open-subscribe")


def _connect_sms(stage: Stage) -> None:
    accounts = {account["provider"]: account for account in stage.sim.get("/_sim/sms")["accounts"]}
    contents = {one["code"]: one["content"] for one in accounts["aliyun"]["templates"]}
    account = {**SMS_ACCOUNT, "sdk_app_id": "", "weight": 100}
    stage.operator.replace(f"{SMS}/accounts/aliyun", account, shown=SMS, at="accounts", provider="aliyun")
    if not stage.operator.get("/api/operator/sms/prices")["items"]:
        stage.operator.post("/api/operator/sms/prices", {"part_fen": 10})
    for scenario, code in SMS_SCENARIOS.items():
        content = contents[code]
        spoken = SMS_PARAMS | ({"p3": SMS_AMOUNTS[scenario]} if scenario in SMS_AMOUNTS else {})
        params = {name: variable for name, variable in spoken.items() if f"${{{name}}}" in content}
        body = {"template_code": code, "content": content, "params": params}
        path = f"{SMS}/texts/aliyun/{scenario}"
        stage.operator.replace(path, body, shown=SMS, at="texts", provider="aliyun", scenario=scenario)
    platform = stage.operator.get("/api/operator/sms")
    report_url = next(one["report_url"] for one in platform["accounts"] if one["provider"] == "aliyun")
    stage.sim.post("/_sim/sms/account", {"provider": "aliyun", "report_url": report_url})
    stage.sim.post("/_sim/sms/settings", {"dns": {SMS_HOST: stage.base_url}})


def _choose_channels(stage: Stage) -> None:
    """Each channel once: a purchase by subscribe message, a recharge by SMS, points by template message."""
    console = "/api/console/messaging"
    template_id = _notice(stage)
    mine = stage.admin.get(f"{console}/templates?channel=subscribe")["items"]
    fields = next(one["fields"] for one in mine if one["template_id"] == template_id)
    draft = {"template_id": template_id, "mapping": {field["key"]: "" for field in fields}}
    suggested = stage.admin.post(f"{console}/scenarios/consumption/channels/subscribe/check", draft)["suggested"]
    stage.admin.turn_on("consumption", "subscribe", template_id=template_id, mapping=suggested)
    stage.admin.turn_on("recharge", "sms")
    outcome = stage.admin.post(f"{console}/defaults", {"scenarios": ["points_change"]})["outcome"]
    if outcome.get("points_change") != "enabled":
        raise Closed(f"points_change: {outcome}")


def _notice(stage: Stage) -> str:
    """The id of the subscribe template 会员消费通知, added from the public library where it is not there."""
    console = "/api/console/messaging"
    stage.admin.post(f"{console}/templates/sync?channel=subscribe")
    mine = stage.admin.get(f"{console}/templates?channel=subscribe")["items"]
    known = next((one["template_id"] for one in mine if one["title"] == NOTICE["title"]), None)
    if known is not None:
        return str(known)
    keywords = stage.admin.get(f"{console}/library/{NOTICE['tid']}/keywords")["items"]
    chosen = [keyword["kid"] for keyword in keywords][:5]
    body = {"tid": NOTICE["tid"], "keyword_ids": chosen, "scene": NOTICE["scene"]}
    return str(stage.admin.post(f"{console}/templates", body)["template_id"])


def welcome(stage: Stage, person: str) -> None:
    """The person follows the account, opens the member centre, gives the phone and allows a few messages."""
    stage.sim.post("/_sim/follow", {"person": person, "app": OA})
    code = stage.sim.post("/_sim/open", {"person": person, "app": MINI})["code"]
    member = Doors(stage.base_url)
    try:
        opened = member.post("/api/member/login", {"app_id": MINI, "code": code})
        member.headers["authorization"] = f"Bearer {opened['token']}"
        phone_code = stage.sim.post("/_sim/phone-code", {"person": person, "app": MINI})["code"]
        member.post("/api/member/phone", {"code": phone_code})
        offered = [item["template_id"] for item in member.get("/api/member/subscriptions")["items"]]
        for _ in range(CREDITS):
            told = stage.sim.post("/_sim/subscribe", {"person": person, "app": MINI, "templates": offered})
            answers = {template_id: told[template_id] for template_id in offered if template_id in told}
            member.post("/api/member/subscriptions/results", {"report_id": str(uuid4()), "answers": answers})
    finally:
        member.close()


def new_key(stage: Stage) -> str:
    """A key for the shop's till program; shown once."""
    made = stage.admin.post("/api/console/keys", {"name": "收银台（演示）", "scopes": list(SCOPES)})
    return str(made["secret"] if "secret" in made else made["key"])


def till_no() -> str:
    """A receipt number that no earlier demo has used."""
    return f"D{datetime.now(UTC):%y%m%d%H%M%S%f}"[:20]


def messages(stage: Stage, person: str) -> list[dict[str, Any]]:
    """What the person's phone shows, newest last."""
    phone = stage.sim.get(f"/_sim/phones/{person}?limit=100")
    threads = [*phone["chats"], *phone["sms"]]
    return sorted((message for thread in threads for message in thread["messages"]), key=lambda one: int(one["id"]))
