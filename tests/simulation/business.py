"""A seeded random day at a tea shop: what people do, what goes wrong, and a model of what must come of it."""

import asyncio
import random
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from huida.kernel.errors import AppError
from huida.kernel.facts import SHARDS
from huida.kernel.worker import LEASE_S, Worker
from huida.main import INVARIANTS
from huida.modules import coupons, loyalty, members
from huida.modules.coupons import Terms
from tests import make
from tests.asgi import Client, Reply
from tests.shop import Shop, whole_rules
from tests.simulation.papers import Purchase, Wallet
from wesim import seed

PEOPLE = 24
STOCK = 150
SEND_FAULTS = ("busy", "drop", "process_then_drop", "status", "delay", "fail_delivery")
CALLBACK_FAULTS = ("duplicate_callback", "late_callback")
SENDS = ("/cgi-bin/message/subscribe/send", "/cgi-bin/message/template/send")


@dataclass
class Day:
    """The shop, its people, the model and the dice."""

    shop: Shop
    owner_url: str
    dice: random.Random
    people: list[UUID] = field(default_factory=list)
    cards: dict[UUID, str] = field(default_factory=dict)
    wallets: dict[UUID, Wallet] = field(default_factory=dict)
    purchases: dict[str, Purchase] = field(default_factory=dict)
    recharges: dict[str, tuple[UUID, int]] = field(default_factory=dict)
    coupons: dict[str, bool] = field(default_factory=dict)
    coupons_given: int = 0
    coupon_template: UUID | None = None
    subscribe_template: dict[str, str] = field(default_factory=dict)
    centres: dict[UUID, Client] = field(default_factory=dict)
    seen: dict[UUID, list[Any]] = field(default_factory=dict)
    fail_faults: int = 0
    deaths: int = 0
    step: int = 0
    done: Counter[str] = field(default_factory=Counter)
    story: deque[str] = field(default_factory=lambda: deque(maxlen=40))
    worker: Worker = field(init=False)
    boss: make.Person = field(init=False)

    def __post_init__(self) -> None:
        self.worker = self.shop.world.system.worker()

    # -------------------------------------------------------------------- opening
    async def open(self) -> None:
        shop = self.shop
        self.boss = await make.staff(shop.db, shop.tenant)
        for number in range(PEOPLE):
            person, phone = f"guest{number}", f"1391000{number:04d}"
            await shop.sim.post("/_sim/persons", {"id": person, "name": "客人", "phone": phone})
            member = await make.member(shop.db, shop.tenant, name="客人", phone=phone)
            shop.persons[member] = person
            self.centres[member] = await shop.centre(member)
            async with shop.db.tx(shop.tenant) as tx:
                await members.link_identity(tx, member, app_id=seed.MINI_APPID, openid=shop.openid(member))
            self.people.append(member)
            self.cards[member] = await shop.card_no(member)
            self.wallets[member] = Wallet()
            self.seen[member] = []
        # Levels that earn alike: what they are is compared with growth at the end, beside refunds and deaths.
        rungs = [("normal", 0), ("silver", 200), ("gold", 20_000)]
        levels = [{"code": code, "name": code, "growth": growth} for code, growth in rungs]
        saved = await shop.staff.put("/api/console/loyalty/rules", whole_rules(levels=levels))
        assert saved.status == 200, saved.text
        for scenario in ("consumption", "recharge", "coupon_claimed"):
            self.subscribe_template[scenario] = await shop.enable(scenario)
        async with shop.db.tx(shop.tenant) as tx:
            self.coupon_template = await coupons.create_template(
                tx, Terms(name="第二杯半价", kind="gift", total=STOCK, per_member=50, valid_days=365)
            )
            await coupons.put_on(tx, self.coupon_template)

    def tell(self, what: str) -> None:
        self.story.append(f"{self.step}: {what}")

    def one(self) -> UUID:
        return self.dice.choice(self.people)

    # ----------------------------------------------------------------------- acts
    async def till(self, call: Callable[[], Awaitable[Reply]]) -> Reply:
        """Tills lose their line at the worst moment and then send again what they had sent."""
        while self.dice.random() < 0.06:
            lost = asyncio.ensure_future(call())
            for _ in range(self.dice.randint(0, 120)):
                await asyncio.sleep(0)
            lost.cancel()
            await asyncio.gather(lost, return_exceptions=True)
            self.tell("the till lost its line and repeats")
        return await call()

    async def buy(self) -> None:
        member, till_no = self.one(), f"T-{self.step}"
        total = 1000 + self.step * 2 + 1  # no two purchases cost the same: a message tells which one it is about
        wallet = self.wallets[member]
        balance = self.dice.choice((0, 0, 0, total, min(total, max(wallet.balance, 1)), total // 2))
        row = {
            "store": "S01",
            "till_no": till_no,
            "card_no": self.cards[member],
            "total_fen": total,
            "balance_fen": balance,
        }
        self.tell(
            f"{self.shop.persons[member]} buys {till_no} for {total}, {balance} of it from {wallet.balance} stored"
        )
        reply = await self.till(lambda: self.shop.key.post("/api/v1/purchases", row))
        if balance > wallet.balance:
            assert reply.refusal == (409, "ledger.insufficient_balance"), reply.text
            self.done["refused"] += 1
            return
        assert reply.status in (200, 201), reply.text
        wallet.points += total // 100
        wallet.balance -= balance
        assert reply.json()["points"] == total // 100
        self.purchases[till_no] = Purchase(member, total, balance)

    async def buy_again(self) -> None:
        if not self.purchases:
            return
        till_no, bought = self.dice.choice(list(self.purchases.items()))
        row = {"store": "S01", "till_no": till_no, "card_no": self.cards[bought.member], "total_fen": bought.total,
               "balance_fen": bought.balance}  # fmt: skip
        self.tell(f"the till repeats {till_no}")
        reply = await self.shop.key.post("/api/v1/purchases", row)
        assert (reply.status, reply.json()["status"]) == (200, "repeated"), reply.text

    async def buy_many(self) -> None:
        rows, expected = [], []
        for place in range(self.dice.randint(2, 12)):
            member, total = self.one(), 1_000_000 + self.step * 40 + place * 2
            till_no = f"B-{self.step}-{place}"
            rows.append({"store": "S01", "till_no": till_no, "card_no": self.cards[member], "total_fen": total})
            expected.append((till_no, member, total))
        self.tell(f"an offline till sends {len(rows)} purchases")
        reply = await self.till(lambda: self.shop.key.post("/api/v1/purchases/batch", {"purchases": rows}))
        assert {r["status"] for r in reply.json()["results"]} <= {"recorded", "repeated"}, reply.text
        for till_no, member, total in expected:
            self.wallets[member].points += total // 100
            self.purchases[till_no] = Purchase(member, total, 0)

    async def recharge(self) -> None:
        member, paid, till_no = self.one(), self.dice.choice((5000, 10000, 20000)), f"R-{self.step}"
        self.tell(f"{self.shop.persons[member]} recharges {paid}")
        row = {"store": "S01", "till_no": till_no, "card_no": self.cards[member], "paid_fen": paid}
        reply = await self.till(lambda: self.shop.key.post("/api/v1/recharges", row))
        assert reply.status in (200, 201), reply.text
        self.wallets[member].balance += paid
        self.recharges[till_no] = (member, paid)

    async def refund(self) -> None:
        if not self.purchases:
            return
        till_no, bought = self.dice.choice(list(self.purchases.items())[-200:])
        amount = self.dice.choice((1, 500, bought.total - bought.refunded, bought.total))
        if amount <= 0:
            return
        self.tell(f"{till_no} is refunded {amount} of {bought.total - bought.refunded}")
        reply = await self.till(lambda: self.shop.refund(f"F-{self.step}", till_no, amount))
        if bought.refunded + amount > bought.total:
            assert reply.refusal == (409, "orders.refund_too_large"), reply.text
            return
        assert reply.status in (200, 201), reply.text
        wallet = self.wallets[bought.member]

        def share(part: int) -> int:
            return part * (bought.refunded + amount) // bought.total - part * bought.refunded // bought.total

        wallet.balance += share(bought.balance)
        wallet.points -= min(share(bought.total // 100), wallet.points)
        bought.refunded += amount

    async def reverse(self) -> None:
        if not self.recharges:
            return
        till_no, (member, paid) = self.dice.choice(list(self.recharges.items())[-50:])
        self.tell(f"{till_no} was typed wrongly")
        row = {"store": "S01", "till_no": f"V-{self.step}", "recharge_till_no": till_no, "reason": "金额输错"}
        reply = await self.till(lambda: self.shop.key.post("/api/v1/recharges/reversals", row))
        if reply.status == 409:
            assert reply.json()["code"] in ("ledger.insufficient_balance", "orders.recharge_reversed"), reply.text
            return
        assert reply.status in (200, 201), reply.text
        self.wallets[member].balance -= paid
        self.recharges[till_no] = (member, 0)
        self.done["reversed"] += 1

    async def adjust(self) -> None:
        member, points, balance = self.one(), self.dice.randint(-30, 30), self.dice.choice((0, 100, -100))
        if not points and not balance:
            return
        wallet, key = self.wallets[member], uuid4()
        self.tell(f"{self.shop.persons[member]} is adjusted by {points} points and {balance} fen")
        fits = wallet.points + points >= 0 and wallet.balance + balance >= 0
        for _ in range(self.dice.choice((1, 1, 2))):
            try:
                async with self.shop.db.tx(self.shop.tenant) as tx:
                    await loyalty.adjust(tx, member, points=points, balance_fen=balance, note="", key=key)
                assert fits
            except AppError as refused:
                assert (refused.code, fits) == ("ledger.insufficient_balance", False)
        if fits:
            wallet.points += points
            wallet.balance += balance

    async def give_coupon(self) -> None:
        assert self.coupon_template is not None
        member = self.one()
        self.tell(f"{self.shop.persons[member]} claims a coupon")
        try:
            async with self.shop.db.tx(self.shop.tenant) as tx:
                coupon = await coupons.issue(
                    tx, self.coupon_template, member_id=member, source="sim", source_key=str(self.step)
                )
        except AppError as refused:
            assert refused.code == "coupon.sold_out", refused.code
            assert self.coupons_given == STOCK
            return
        self.coupons_given += 1
        self.coupons[coupon.code] = False

    async def use_coupon(self) -> None:
        if not self.coupons:
            return
        code = self.dice.choice(list(self.coupons))
        self.tell(f"coupon {code} is shown at the till")
        try:
            async with self.shop.db.tx(self.shop.tenant) as tx:
                await coupons.redeem(
                    tx, code, may_use=partial(members.require_active, tx), store_code="S01", order_ref=f"O-{self.step}"
                )
        except AppError as refused:
            assert (refused.code, self.coupons[code]) == ("coupon.already_used", True), refused.code
            return
        assert not self.coupons[code]
        self.coupons[code] = True

    async def subscribe(self) -> None:
        member, scenario = (
            self.one(),
            self.dice.choice(("consumption", "consumption", "consumption", "recharge", "coupon_claimed")),
        )
        template = self.subscribe_template[scenario]
        choice = self.dice.choice(("accept",) * 6 + ("reject",))
        self.tell(f"{self.shop.persons[member]} answers {choice} for {scenario}")
        asked = {
            "person": self.shop.persons[member],
            "app": seed.MINI_APPID,
            "templates": [template],
            "choices": choice,
        }
        answered = await self.shop.sim.post("/_sim/subscribe", asked)
        answers = {k: v for k, v in answered.json().items() if k == template}
        if not answers or self.dice.random() < 0.15:
            return  # the mini program was closed before it could report
        body = {"report_id": str(uuid4()), "answers": answers}
        for _ in range(self.dice.choice((1, 1, 1, 2))):
            told = await self.centres[member].post("/api/member/subscriptions/results", body)
            if told.status == 401:
                self.centres[member] = await self.shop.centre(member)

    async def follow(self) -> None:
        member, act = self.one(), self.dice.choice(("follow", "follow", "unfollow"))
        self.tell(f"{self.shop.persons[member]}: {act}")
        await self.shop.sim.post(f"/_sim/{act}", {"person": self.shop.persons[member], "app": seed.OA_APPID})

    async def at_the_console(self) -> None:
        """The owner logs in (the session of an hour ago is over) at a moment when WeChat works."""
        await self.shop.no_faults()
        self.shop.staff = await make.logged_in(Client(self.shop.world.app), self.boss)

    async def switch_channel(self) -> None:
        scenario, channel = (
            self.dice.choice(("consumption", "recharge")),
            self.dice.choice(("sms", "template", "subscribe")),
        )
        self.tell(f"{scenario} goes to {channel}")
        await self.at_the_console()
        if channel == "template":
            await self.shop.staff.post("/api/console/messaging/defaults", {"scenarios": [scenario]})
        else:
            template = self.subscribe_template[scenario] if channel == "subscribe" else ""
            saved = await self.shop.save(scenario, channel, template)
            assert saved.status == 200, saved.text

    async def template_deleted_at_wechat(self) -> None:
        scenario = self.dice.choice(("consumption", "recharge"))
        self.tell(f"somebody deletes the template of {scenario} in WeChat's console")
        await self.at_the_console()
        apps = self.shop.world.sim.apps
        apps[seed.MINI_APPID].templates.pop(self.subscribe_template[scenario], None)
        await self.work()
        synced = await self.shop.staff.post("/api/console/messaging/templates/sync")
        assert synced.status == 200, synced.text
        self.subscribe_template[scenario] = await self.shop.enable(scenario)

    async def fault(self) -> None:
        kind = self.dice.choice(SEND_FAULTS + CALLBACK_FAULTS)
        order: dict[str, Any] = {"kind": kind, "count": self.dice.randint(1, 4), "delay_s": 0.02}
        if kind in SEND_FAULTS:
            order["path"] = self.dice.choice(SENDS)
        if kind == "fail_delivery":
            self.fail_faults += int(order["count"])
            order["status"] = "failed:user block"
        self.tell(f"fault: {kind} × {order['count']}")
        made = await self.shop.sim.post("/_sim/faults", order)
        assert made.status == 200, made.text

    async def time_passes(self) -> None:
        seconds = self.dice.choice((1, 5, 30, 60, 300, 1800))
        self.tell(f"{seconds} s pass")
        await self.pass_time(seconds)

    async def pass_time(self, seconds: float) -> None:
        await self.shop.sim.post("/_sim/clock", {"advance": seconds})
        self.shop.world.clock.advance(timedelta(seconds=seconds))
        await self.worker.ripen()
        await self.worker.run_due_schedules()

    # ----------------------------------------------------------------------- work
    async def work(self) -> None:
        await self.shop.world.sim.settle()
        await self.worker.turn(range(SHARDS))

    async def die(self) -> None:
        """A worker is gone in the middle of whatever it does; another one takes its shards after the lease."""
        self.tell("the worker dies")
        doomed = asyncio.ensure_future(self.worker.turn(range(SHARDS)))
        for _ in range(self.dice.choice((0, 3, 10, 30, 60, 100, 150, 250, 400))):
            if doomed.done():
                break
            await asyncio.sleep(0)
        doomed.cancel()
        await asyncio.gather(doomed, return_exceptions=True)
        self.worker = self.shop.world.system.worker()
        self.deaths += 1
        await self.pass_time(LEASE_S)

    async def collect(self) -> None:
        """Take the messages off the phones, whose memory is short."""
        for member, person in self.shop.persons.items():
            inbox = self.shop.world.sim.persons[person].inbox
            self.seen[member].extend(inbox)
            inbox.clear()

    def acts(self) -> dict[Callable[[], Awaitable[None]], float]:
        """What may happen next, and how often."""
        return {
            self.buy: 40, self.buy_again: 5, self.buy_many: 2, self.recharge: 10, self.refund: 8, self.reverse: 3, self.adjust: 4,
            self.give_coupon: 4, self.use_coupon: 4, self.subscribe: 45, self.follow: 6, self.switch_channel: 1,
            self.template_deleted_at_wechat: 0.3, self.fault: 4, self.time_passes: 8, self.work: 25, self.die: 5,
        }  # fmt: skip

    async def live(self, steps: int) -> None:
        acts = self.acts()
        for self.step in range(1, steps + 1):
            [act] = self.dice.choices(list(acts), list(acts.values()))
            self.done[act.__name__] += 1
            await act()
            if self.step % 100 == 0:
                await self.collect()

    async def close(self) -> None:
        """No more faults; everything that waits gets its time."""
        await self.shop.no_faults()
        for _ in range(60):
            for _ in range(200):
                await self.shop.world.sim.settle()
                await self.shop.sim.post("/_sim/sms/settle")
                if not await self.worker.turn(range(SHARDS)):
                    break
            if not await self.waiting():
                break
            await self.pass_time(3600)
        await self.collect()

    async def waiting(self) -> int:
        async with self.shop.db.raw() as (_, sql):
            return int(await sql.fetchval("SELECT (SELECT count(*) FROM jobs) + (SELECT count(*) FROM jobs_later)"))

    # ----------------------------------------------------------------- the reckoning
    async def owner(self, query: str, *args: Any) -> list[Any]:
        """Ask as the owner, who sees every merchant."""
        connection = await asyncpg.connect(self.owner_url)
        try:
            return list(await connection.fetch(query, *args))
        finally:
            await connection.close()

    async def check(self) -> None:
        connection = await asyncpg.connect(self.owner_url)
        try:
            broken = {name: rows for name, query in INVARIANTS.items() if (rows := await connection.fetch(query))}
        finally:
            await connection.close()
        assert broken == {}, {name: rows[:3] for name, rows in broken.items()}
        assert await self.waiting() == 0
        assert await self.owner("SELECT kind, last_error FROM jobs_dead") == []
        await self._check_money()
        await self._check_coupons()
        await self._check_messages()

    async def _check_money(self) -> None:
        for member in self.people:
            found = await self.shop.balances(member)
            wallet = self.wallets[member]
            assert found.get("points", 0) == wallet.points
            assert found.get("cny_principal", 0) + found.get("cny_gift", 0) == wallet.balance
        tills = await self.owner("SELECT till_no FROM purchases WHERE tenant_id = $1", self.shop.tenant)
        assert sorted(row["till_no"] for row in tills) == sorted(self.purchases)
        told = await self.owner(
            "SELECT payload->>'till_no' AS till_no FROM facts WHERE tenant_id = $1 AND kind = 'order.purchase_recorded'",
            self.shop.tenant,
        )
        assert sorted(row["till_no"] for row in told) == sorted(self.purchases)

    async def _check_coupons(self) -> None:
        rows = await self.owner("SELECT code, state FROM coupons WHERE tenant_id = $1", self.shop.tenant)
        assert {row["code"]: row["state"] == "used" for row in rows} == self.coupons

    async def _check_messages(self) -> None:
        """Each delivery against the phone: accepted ones arrived once, refused ones never, unknown ones at most once."""
        rows = await self.owner(
            "SELECT d.*, f.payload FROM deliveries d JOIN facts f ON f.tenant_id = d.tenant_id AND f.id = d.fact_id "
            "WHERE d.tenant_id = $1 AND d.scenario = 'consumption'",
            self.shop.tenant,
        )
        arrived = {member: Counter(_marks(messages)) for member, messages in self.seen.items()}
        missing = 0
        for row in rows:
            number = arrived[row["member_id"]][_mark(row)]
            where = (row["channel"], row["state"], row["reason"], number, _mark(row))
            if row["state"] == "delivered":
                assert number == 1, where
            elif row["state"] == "accepted":
                assert number <= 1, where
                missing += 1 - number
            elif row["state"] == "unknown":
                assert number <= 1, where
            elif row["state"] == "failed" and row["channel"] == "sms":
                assert number <= 1, where  # handed to the carrier, refused by the handset
            else:
                assert row["state"] in ("failed", "dead", "not_attempted") and number == 0, where
        known = {_mark(row) for row in rows}
        for messages in self.seen.values():
            strangers = [m for m in messages if m.kind == "sms" and "消费" in m.title and not set(_marks([m])) & known]
            assert strangers == []
        assert missing <= self.fail_faults
        states = Counter((row["channel"], row["state"]) for row in rows)
        self.done.update({f"{channel}:{state}": number for (channel, state), number in states.items()})
        unknown = sum(number for (_, state), number in states.items() if state == "unknown")
        # Unknown is what was under way when a worker died or an answer was lost: a few for each.
        assert unknown <= self.interruptions() * 16 + self.done["fault"] * 4

    def interruptions(self) -> int:
        """How often something cut off what was under way."""
        return self.deaths


def _mark(row: Any) -> str:
    """What only the message of this delivery shows: its amount, or in an SMS its link."""
    if row["channel"] == "sms":
        return (
            str(msgspec.json.decode(row["body"])["params"].get("code", "")) if row["body"] else f"none {row['fact_id']}"
        )
    payload = msgspec.json.decode(row["payload"])
    return f"{payload['total_fen'] // 100}.{payload['total_fen'] % 100:02d}元"


def _marks(messages: list[Any]) -> list[str]:
    found = []
    for message in messages:
        if message.kind == "sms":
            found += {part.strip("。，, ") for part in message.text.replace("/", " ").split() if part}
        else:
            found += {value for _, value in message.fields}
    return found
