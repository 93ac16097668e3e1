"""A tea shop at work: what flow tests do and see. Tills, members with their phones, the console, the simulator."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from huida.kernel.secrets import Secret
from huida.main import System
from huida.modules import connections, ledger, members, sms, tenants
from huida.modules.messaging.catalogue import BY_CODE, MODULE
from tests import make
from tests.asgi import Client, Reply
from wesim import seed
from wesim.app import create_app
from wesim.sms.catalogue import ALIYUN_KEY_ID, ALIYUN_KEY_SECRET, ALIYUN_TEMPLATES

SCENARIO_TEXTS = {
    "consumption": "SMS_100000002",
    "recharge": "SMS_100000003",
    "points_change": "SMS_100000004",
    "balance_change": "SMS_100000005",
    "stored_value_consumption": "SMS_100000006",
    "coupon_claimed": "SMS_100000007",
    "coupon_unused": "SMS_100000008",
    "auto_sign_off": "SMS_100000013",
}
PARAMS = {"p1": "card_tail", "p2": "time", "code": "link_code"}
PERSONS = {"linxiaoman": "13800000001", "chenyiming": "13800000002", "wangsiyuan": "13800000003"}


@dataclass
class Shop:
    """One merchant, entitled, with one store, an API key, staff, both apps and the platform's SMS."""

    world: Any
    key: Client
    staff: Client
    sim: Client
    persons: dict[UUID, str] = field(default_factory=dict)

    @property
    def db(self) -> Any:
        return self.world.db

    @property
    def tenant(self) -> int:
        return int(self.world.tenant)

    async def settle(self) -> None:
        """Run everything that can run now, WeChat's and the carrier's pushes included."""
        for _ in range(4):
            await self.world.settle()
            await self.sim.post("/_sim/sms/settle")
        await self.world.settle()

    async def later(self, **delta: float) -> None:
        """Move both clocks and run what became due."""
        await self.sim.post("/_sim/clock", {"advance": timedelta(**delta).total_seconds()})
        await self.world.later(timedelta(**delta))
        await self.settle()

    # ------------------------------------------------------------------ people
    async def member(
        self, person: str = "linxiaoman", *, phone: bool = True, wechat: bool = True, follows: bool = False
    ) -> UUID:
        """One of the simulator's persons as a member: with their number, their mini program account, following or not."""
        name = self.world.sim.persons[person].name
        member_id = await make.member(self.db, self.tenant, name=name, phone=PERSONS[person] if phone else None)
        self.persons[member_id] = person
        if wechat:
            await self.centre(member_id)
            openid = self.openid(member_id)
            async with self.db.tx(self.tenant) as tx:
                await members.link_identity(tx, member_id, app_id=seed.MINI_APPID, openid=openid)
        if follows:
            await self.follow(member_id)
        return member_id

    async def follow(self, member_id: UUID) -> None:
        await self.sim.post("/_sim/follow", {"person": self.persons[member_id], "app": seed.OA_APPID})
        await self.settle()

    async def unfollow(self, member_id: UUID) -> None:
        await self.sim.post("/_sim/unfollow", {"person": self.persons[member_id], "app": seed.OA_APPID})
        await self.settle()

    def openid(self, member_id: UUID, app_id: str = seed.MINI_APPID) -> str:
        return str(self.world.sim.openid(self.world.sim.apps[app_id], self.persons[member_id]))

    async def centre(self, member_id: UUID) -> Client:
        """The member centre's session of a member, opened with a code of the mini program."""
        opened = await self.sim.post("/_sim/open", {"person": self.persons[member_id], "app": seed.MINI_APPID})
        login = await Client(self.world.app).post(
            "/api/member/login", {"app_id": seed.MINI_APPID, "code": opened.json()["code"]}
        )
        assert login.status == 200, login.text
        return Client(self.world.app, headers={"authorization": f"Bearer {login.json()['token']}"})

    async def card_no(self, member_id: UUID) -> str:
        async with self.db.read(self.tenant) as tx:
            return str((await members.get(tx, member_id))["card_no"])

    async def balances(self, member_id: UUID) -> dict[str, int]:
        async with self.db.read(self.tenant) as tx:
            return dict((await ledger.balances(tx, [member_id]))[member_id])

    # ------------------------------------------------------------------- tills
    async def buy(self, member_id: UUID, till_no: str, total_fen: int = 2500, **more: Any) -> Reply:
        row = {"store": "S01", "till_no": till_no, "card_no": await self.card_no(member_id), "total_fen": total_fen}
        return await self.key.post("/api/v1/purchases", row | more)

    async def recharge(self, member_id: UUID, till_no: str, paid_fen: int = 10000) -> Reply:
        row = {"store": "S01", "till_no": till_no, "card_no": await self.card_no(member_id), "paid_fen": paid_fen}
        return await self.key.post("/api/v1/recharges", row)

    async def refund(self, till_no: str, purchase_till_no: str, amount_fen: int) -> Reply:
        row = {"store": "S01", "till_no": till_no, "purchase_till_no": purchase_till_no, "amount_fen": amount_fen}
        return await self.key.post("/api/v1/refunds", row)

    # ----------------------------------------------------------------- console
    async def add_template(self, title: str, keywords: list[str], scene: str = "会员通知") -> str:
        """Search the public library and add a template, keywords in this order."""
        library = "/api/console/messaging/library"
        found = (await self.staff.get(library, keyword=title)).json()["items"]
        tid = next(item["tid"] for item in found if item["title"] == title)
        offered = (await self.staff.get(f"{library}/{tid}/keywords")).json()["items"]
        ids = [next(k["kid"] for k in offered if k["name"] == name) for name in keywords]
        body = {"tid": tid, "keyword_ids": ids, "scene": scene}
        added = await self.staff.post("/api/console/messaging/templates", body)
        assert added.status == 201, added.text
        return str(added.json()["template_id"])

    async def save(
        self, scenario: str, channel: str, template_id: str = "", mapping: dict[str, str] | None = None
    ) -> Reply:
        """Save a channel of a scenario; without a mapping the suggested one is taken."""
        path = f"/api/console/messaging/scenarios/{scenario}/channels/{channel}"
        if mapping is None and channel != "sms":
            checked = await self.staff.post(f"{path}/check", {"template_id": template_id, "mapping": {}})
            mapping = checked.json()["suggested"]
        return await self.staff.put(path, {"template_id": template_id, "mapping": mapping or {}})

    async def enable(self, scenario: str, channel: str = "subscribe") -> str:
        """Make a channel live the way the console does; returns the template's id."""
        template_id = ""
        if channel == "subscribe":
            default = BY_CODE[scenario].default
            template_id = await self.add_template(default.title, list(default.keywords))
        if channel == "template":
            done = await self.staff.post("/api/console/messaging/defaults", {"scenarios": [scenario]})
            assert done.json() == {"outcome": {scenario: "enabled"}}, done.text
            mine = (await self.staff.get("/api/console/messaging/templates", channel="template")).json()["items"]
            return str(next(t["template_id"] for t in mine if scenario in t["used_by"]))
        saved = await self.save(scenario, channel, template_id)
        assert saved.status == 200, saved.text
        return template_id

    async def live(self) -> dict[str, str]:
        """The live channel by scenario, as the console shows it."""
        shown = (await self.staff.get("/api/console/messaging/scenarios")).json()["items"]
        return {s["code"]: c["channel"] for s in shown for c in s["channels"] if c["live"]}

    async def deliveries(self, **filters: Any) -> list[dict[str, Any]]:
        """Newest first."""
        return list((await self.staff.get("/api/console/messaging/deliveries", limit=100, **filters)).json()["items"])

    async def outcomes(self) -> list[tuple[str, str, str]]:
        """(channel, state, reason) oldest first."""
        return [(d["channel"], d["state"], d["reason"]) for d in reversed(await self.deliveries())]

    async def invariants(self) -> dict[str, int]:
        """The invariants that are broken for anyone, with how many rows (empty: all hold)."""
        from huida.main import INVARIANTS

        broken = {}
        async with self.db.read(self.tenant) as tx:
            for name, query in INVARIANTS.items():
                rows = await tx.fetch(query)
                if rows:
                    broken[name] = len(rows)
        return broken

    # ------------------------------------------------------------------- phone
    async def answer(self, member_id: UUID, *template_ids: str, choice: str = "accept", report: bool = True) -> Any:
        """The member taps and answers; WeChat pushes its event, and the member centre reports what it was told."""
        person = self.persons[member_id]
        asked = {"person": person, "app": seed.MINI_APPID, "templates": list(template_ids), "choices": choice}
        answered = await self.sim.post("/_sim/subscribe", asked)
        assert answered.status == 200, answered.text
        answers = {k: v for k, v in answered.json().items() if k in template_ids}
        if report:
            body = {"report_id": str(uuid4()), "answers": answers}
            told = await (await self.centre(member_id)).post("/api/member/subscriptions/results", body)
            assert told.status == 200, told.text
        await self.settle()
        return answers

    async def phone(self, member_id: UUID) -> Any:
        return (await self.sim.get(f"/_sim/phones/{self.persons[member_id]}")).json()

    async def notices(self, member_id: UUID) -> list[Any]:
        """Messages in 服务通知, oldest first."""
        return [m for c in (await self.phone(member_id))["chats"] if c["kind"] == "services" for m in c["messages"]]

    async def account_messages(self, member_id: UUID) -> list[Any]:
        """Messages of the official account's own conversation, oldest first."""
        chats = (await self.phone(member_id))["chats"]
        return [m for c in chats if c["kind"] == "official_account" for m in c["messages"]]

    async def texts(self, member_id: UUID) -> list[Any]:
        """SMS, oldest first."""
        return [m for sender in (await self.phone(member_id))["sms"] for m in sender["messages"]]

    async def fault(self, kind: str, **more: Any) -> None:
        made = await self.sim.post("/_sim/faults", {"kind": kind} | more)
        assert made.status == 200, made.text

    async def no_faults(self) -> None:
        await self.sim.delete("/_sim/faults")


def whole_rules(**decided: Any) -> dict[str, Any]:
    """A merchant's rules as the page sends them: all of them, the usual where nothing was decided."""
    usual = {"growth": 0, "rate_bp": 10_000}
    gift = {"gift_fen": 0, "gift_points": 0}
    rules = {
        "points_per_100_yuan": 100,
        "store_rate_bp": {},
        "earn_on_balance": True,
        "levels": [{"code": "normal", "name": "普通会员"}],
        "gift_tiers": [],
        "points_expire_months": 0,
        "points_ripen_days": 0,
        "expiry_notice_days": 0,
    } | decided
    rules["levels"] = [usual | level for level in rules["levels"]]
    rules["gift_tiers"] = [gift | tier for tier in rules["gift_tiers"]]
    return rules


async def set_up_sms(system: System, sim: Client) -> None:
    """The platform's SMS account and texts, and where the simulated carrier reports to."""
    contents = {code: content for code, _, _, content in ALIYUN_TEMPLATES}
    texts = [sms.SmsText(scenario, code, contents[code], PARAMS) for scenario, code in SCENARIO_TEXTS.items()]
    async with system.db.tx(0) as tx:
        account = sms.Account("aliyun", ALIYUN_KEY_ID, Secret(ALIYUN_KEY_SECRET))
        keys = await sms.seed_platform(tx, accounts=[account], texts={"aliyun": texts})
    report_url = f"{system.settings.public_url}/callbacks/sms/aliyun/{keys['aliyun']}"
    told = await sim.post("/_sim/sms/account", {"provider": "aliyun", "report_url": report_url})
    assert told.status == 200, told.text


async def open_shop(world: Any, *, entitled: bool = True) -> Shop:
    """Set a merchant up as its owner would have done."""
    sim = Client(create_app(world.sim))
    await set_up_sms(world.system, sim)
    await make.store(world.db, world.tenant, name="南门店")
    async with world.db.tx(world.tenant) as tx:
        if entitled:
            await tenants.entitle(tx, MODULE)
        await connections.open_subscribe(tx, seed.MINI_APPID)
    staff = await make.logged_in(Client(world.app), await make.staff(world.db, world.tenant))
    key = Client(world.app, headers={"authorization": f"Bearer {await make.key(world.db, world.tenant)}"})
    return Shop(world, key, staff, sim)
