"""Three months of business of 山月茶事, told day by day through the same verbs that tills use, with a fixed seed.

Nothing of it is announced: the merchant buys the notice module only afterwards (`stage.py`), and the jobs that the facts
left are run to their end before.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Final
from uuid import UUID

from huida.demo.people import Person, people
from huida.kernel.clock import SHOP_ZONE, ShiftedClock
from huida.kernel.db import Tx
from huida.kernel.queue import SHARDS
from huida.main import System, build
from huida.modules import coupons, loyalty, members, orders, tenants
from huida.settings import Settings

SEED: Final = 20261121
DAYS: Final = 92
MEMBERS: Final = 500
STORES: Final = (
    ("S01", "西湖龙井路店", "杭州市西湖区龙井路 18 号"),
    ("S02", "南门老街店", "杭州市上城区南门街 6 号"),
    ("S03", "滨江星光店", "杭州市滨江区江南大道 228 号"),
)
MENU: Final = (
    ("龙井清茶", 2800), ("茉莉雪芽", 2600), ("桂花乌龙拿铁", 3200), ("手打柠檬茶", 2400), ("陈皮普洱", 3600),
    ("山楂洛神", 2200), ("抹茶巴斯克", 3800), ("绿豆糕礼盒", 6800), ("明前龙井 50g", 16800),
)  # fmt: skip
RULES: Final = loyalty.Rules(
    points_per_100_yuan=100,
    store_rate_bp={"S03": 12_000},
    levels=(
        loyalty.Level(code="normal", name="新茶会员"),
        loyalty.Level(code="silver", name="银叶会员", growth=300, rate_bp=12_000),
        loyalty.Level(code="gold", name="金叶会员", growth=800, rate_bp=15_000),
    ),
    gift_tiers=(
        loyalty.GiftTier(from_fen=10_000, gift_fen=1_000),
        loyalty.GiftTier(from_fen=30_000, gift_fen=4_500, gift_points=100),
        loyalty.GiftTier(from_fen=100_000, gift_fen=20_000, gift_points=500),
    ),
    points_expire_months=12,
)
MERCHANT: Final = "杭州山月茶事餐饮管理有限公司"
SHORT_NAME: Final = "山月茶事"
OPERATOR: Final = "operator"
ADMIN: Final = "shanyue"


@dataclass
class Story:
    """What the teller must remember from one day to the next."""

    random: Random
    joining: dict[int, list[Person]] = field(default_factory=lambda: defaultdict(list))
    customers: list[Person] = field(default_factory=list)
    ids: dict[str, UUID] = field(default_factory=dict)
    wallet: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    coupons: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    receipts: int = 0
    welcome: UUID | None = None


async def tell(settings: Settings, *, passwords: dict[str, str], told: Callable[[int], None]) -> int:
    """Load the platform's operator, the merchant and its history; returns the tenant id. `told` hears each finished day."""
    clock = ShiftedClock()
    system = build(settings, clock=clock)
    try:
        await tenants.bootstrap(
            system.db, login=OPERATOR, password_hash=await tenants.hashed(passwords[OPERATOR], login=OPERATOR)
        )
        _set_clock(clock, DAYS)
        tenant_id, _ = await tenants.open_merchant(
            system.db,
            operator="system:demo",
            name=MERCHANT,
            short_name=SHORT_NAME,
            login=ADMIN,
            admin_name="沈掌柜",
            password_hash=await tenants.hashed(passwords[ADMIN], login=ADMIN),
        )
        story = _story()
        async with system.db.tx(tenant_id, actor="system:demo") as tx:
            await _open_shop(tx, story)
        for day in range(DAYS):
            _set_clock(clock, DAYS - day)
            async with system.db.tx(tenant_id, actor="system:demo") as tx:
                await _live(tx, story, day)
            told(1)
        clock.offset = timedelta()
        await settle(system)
    finally:
        await system.close()
    return tenant_id


async def settle(system: System) -> None:
    """Run every job that is waiting, here and now."""
    worker = system.worker()
    worker.rows_per_turn = 200
    while await worker.turn(range(SHARDS)):
        pass


def _set_clock(clock: ShiftedClock, days_ago: int) -> None:
    """Closing time of the shop, so many days ago."""
    clock.offset = timedelta()
    now = clock.now()
    closing = (
        (now - timedelta(days=days_ago)).astimezone(SHOP_ZONE).replace(hour=22, minute=30, second=0, microsecond=0)
    )
    clock.advance(closing - now)


def _story() -> Story:
    story = Story(Random(SEED))  # noqa: S311 - a fixed story, not a secret
    everybody = people(MEMBERS, story.random)
    for place, person in enumerate(everybody):
        # The simulator's persons are there from the first day; most others join in the first weeks.
        day = 0 if place < 3 else min(int(story.random.expovariate(1 / 20)), DAYS - 1)
        story.joining[day].append(person)
    return story


async def _open_shop(tx: Tx, story: Story) -> None:
    for code, name, address in STORES:
        await tenants.create_store(tx, code=code, name=name, address=address)
    await loyalty.save_rules(tx, RULES)
    welcome = coupons.Terms(
        name="入会满30减5元券", kind="cash", total=5_000, amount_fen=500, threshold_fen=3_000, valid_days=60
    )
    story.welcome = await coupons.create_template(tx, welcome)
    await coupons.put_on(tx, story.welcome)
    birthday = coupons.Terms(name="生日赠饮券", kind="gift", total=2_000, valid_days=30, note="任意一杯清茶")
    await coupons.put_on(tx, await coupons.create_template(tx, birthday))
    half = coupons.Terms(
        name="老友8.5折券", kind="discount", total=1_000, discount_bp=8_500, amount_fen=3_000, valid_days=45
    )
    await coupons.put_on(tx, await coupons.create_template(tx, half))


async def _live(tx: Tx, story: Story, day: int) -> None:
    """One day of the shop: people join, recharge, buy, and sometimes bring something back."""
    await _join(tx, story, day)
    if not story.customers:
        return
    await _recharge(tx, story, day)
    sold = await _buy(tx, story, day)
    if sold and story.random.random() < 0.25:
        row = story.random.choice(sold)
        refund = orders.RefundIn(
            store=row.store, till_no=f"R{row.till_no}", purchase_till_no=row.till_no, amount_fen=row.total_fen
        )
        await orders.record_refund(tx, refund)
        if row.balance_fen and row.card_no:
            story.wallet[row.card_no] += row.balance_fen


async def _join(tx: Tx, story: Story, day: int) -> None:
    stores = await tenants.stores_by_code(tx)
    fresh = story.joining[day]
    for person in fresh:
        store = stores[story.random.choice(STORES)[0]]
        story.ids[person.card_no] = await members.join(
            tx,
            card_no=person.card_no,
            name=person.name,
            phone=person.phone,
            channel="store",
            store_id=store.id,
            birthday=person.birthday,
        )
    story.customers += fresh
    if fresh and story.welcome is not None:
        gifts = [coupons.Gift(story.ids[person.card_no], f"welcome:{person.card_no}") for person in fresh]
        for person, given in zip(fresh, await coupons.issue_many(tx, story.welcome, gifts, source="join"), strict=True):
            if given.coupon is not None:
                story.coupons[person.card_no].append(given.coupon.code)


async def _recharge(tx: Tx, story: Story, day: int) -> None:
    known = [person for person in story.customers if person.card_no in {"6088000001", "6088000002", "6088000003"}]
    rechargers = story.random.sample(story.customers, k=min(len(story.customers), story.random.randint(1, 5)))
    for number, person in enumerate(known if day == 3 else rechargers):
        row = orders.RechargeIn(
            store=story.random.choice(STORES)[0],
            till_no=f"C{day:03d}{number:03d}",
            card_no=person.card_no,
            paid_fen=story.random.choice((10_000, 20_000, 30_000, 50_000, 100_000)),
            occurred_at=_moment(tx, story),
        )
        outcome = await orders.record_recharge(tx, row)
        story.wallet[person.card_no] = outcome.balance_after_fen or 0


async def _buy(tx: Tx, story: Story, day: int) -> list[orders.PurchaseIn]:
    weekend = tx.today.weekday() >= 5
    busy = 0.06 if weekend else 0.035
    count = max(8, int(len(story.customers) * busy * story.random.uniform(2.0, 3.0)))
    rows = []
    for _ in range(count):
        # A fifth of the members buys most of the tea.
        place = int(len(story.customers) * story.random.random() ** 2)
        person = story.customers[place]
        story.receipts += 1
        rows.append(_receipt(tx, story, person, f"{day:03d}{story.receipts:05d}"))
    outcomes = await orders.record_purchases(tx, rows)
    refused = [outcome for outcome in outcomes if outcome.status != "recorded"]
    assert not refused, f"the story contradicts itself: {refused[0]}"
    for row in rows:
        codes = story.coupons.get(row.card_no or "", [])
        if codes and row.total_fen >= 3_000 and story.random.random() < 0.3:
            code = codes.pop()
            try:
                await coupons.redeem(
                    tx,
                    code,
                    may_use=partial(members.require_active, tx),
                    store_code=row.store,
                    order_ref=row.till_no,
                    order_fen=row.total_fen,
                )
            except coupons.CouponNotUsable:
                continue  # too old by now: the customer keeps it as a bookmark
    return rows


def _receipt(tx: Tx, story: Story, person: Person, till_no: str) -> orders.PurchaseIn:
    items = [
        {"name": name, "price_fen": price, "count": story.random.choice((1, 1, 1, 2))}
        for name, price in story.random.sample(MENU, k=story.random.choice((1, 1, 2, 2, 3)))
    ]
    total = sum(int(str(item["price_fen"])) * int(str(item["count"])) for item in items)
    has = story.wallet[person.card_no]
    balance = total if has >= total else 0
    story.wallet[person.card_no] -= balance
    return orders.PurchaseIn(
        store=story.random.choice(STORES)[0],
        till_no=till_no,
        card_no=person.card_no,
        total_fen=total,
        balance_fen=balance,
        occurred_at=_moment(tx, story),
        items=items,
    )


def _moment(tx: Tx, story: Story) -> datetime:
    """Some time between opening and closing of the day."""
    opening = tx.now.astimezone(SHOP_ZONE).replace(hour=9, minute=30)
    return opening + timedelta(seconds=story.random.randrange(12 * 3600))
