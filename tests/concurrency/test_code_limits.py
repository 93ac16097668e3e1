"""Many requests for codes at once: every limit holds exactly. The first test is the control, without the guard."""

import asyncio
from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest

from huida.kernel.clock import ShiftedClock
from huida.kernel.db import Database
from huida.kernel.errors import AppError
from huida.modules.verification import limits, settings
from huida.modules.verification.proofs import Proof, challenge
from huida.modules.verification.rules import EACH_PHONE, MERCHANT_DAY, MERCHANT_HOUR
from tests import make
from tests.flows.verification_kit import solved

PHONE = "13800000001"
RUSH = 200


@pytest.fixture(autouse=True)
async def nothing_counted(db: Database, clock: ShiftedClock) -> None:
    """Counters are the platform's, over all merchants: each test begins at zero, and at noon."""
    now = clock.now()
    clock.advance(timedelta(days=1, hours=4 - now.hour, minutes=-now.minute))
    async with db.tx(0) as tx:
        await tx.execute("DELETE FROM verification_counts")


async def ask(
    db: Database,
    tenant: int,
    phone: str,
    *,
    address: str = "",
    device: str = "",
    agent: str = "",
    is_member: bool = False,
    proof: Proof | None = None,
) -> str:
    """As one request would; who gives no address or device has one that nobody else has."""
    asker = limits.Asker(address or str(uuid4()), device if device or address else uuid4().hex, agent)
    try:
        async with db.tx(tenant) as tx:
            await limits.take(tx, phone=phone, asker=asker, is_member=is_member, proof=proof)
    except AppError as refused:
        return f"{refused.code}/{refused.params.get('limit', '')}"
    return "counted"


async def rush(db: Database, tenant: int, count: int, phone: str = PHONE, **more: str) -> Counter[str]:
    return Counter(await asyncio.gather(*(ask(db, tenant, phone, **more) for _ in range(count))))


async def test_control_reading_then_counting_lets_all_through(db: Database, tenant: int) -> None:
    gate = asyncio.Barrier(4)

    async def naive() -> bool:
        async with db.tx(tenant) as tx:
            count = await tx.value("SELECT coalesce(max(count), 0) FROM verification_counts WHERE key = 'naive'")
            await gate.wait()
            if count >= 1:
                return False
            await tx.execute(
                "INSERT INTO verification_counts (key, count, ends_at) VALUES ('naive', 1, now()) "
                "ON CONFLICT (key) DO UPDATE SET count = verification_counts.count + 1"
            )
            return True

    assert await asyncio.gather(*(naive() for _ in range(4))) == [True] * 4


@pytest.mark.covers("X-13")
async def test_two_hundred_at_once_for_one_phone_one_passes(db: Database, tenant: int, clock: ShiftedClock) -> None:
    day = next(limit.most for limit in EACH_PHONE if limit.name == "phone_day")
    # when: a rush each minute
    passed: list[int] = []
    for number in range(day + 4):
        outcome = await rush(db, tenant, RUSH if not passed else 20)
        passed.append(outcome["counted"])
        clock.advance(timedelta(seconds=3300 if number == 5 else 61))
    # then: one a minute, five an hour, ten a day
    assert passed == [1] * 5 + [0] + [1] * 5 + [0] * 3
    assert await ask(db, tenant, PHONE) == "verification.too_many/phone_day"


async def test_a_refused_request_counts_nowhere(db: Database, tenant: int) -> None:
    # given: the device has asked once, for this phone
    assert await ask(db, tenant, PHONE, device="d1") == "counted"
    # when: it asks again at once, often
    assert await rush(db, tenant, 30, device="d1") == {"verification.pause/phone_pause": 30}
    # then: nineteen other phones are still free
    for number in range(19):
        assert await ask(db, tenant, f"139000000{number:02}", device="d1") == "counted"
    assert await ask(db, tenant, "13900000099", device="d1") == "verification.too_many/device_day"


async def test_an_address_is_counted_over_all_phones_at_once(db: Database, tenant: int) -> None:
    outcomes = await asyncio.gather(
        *(ask(db, tenant, f"1390000{number:04}", address="203.0.113.9", device=f"d{number}") for number in range(60))
    )
    assert Counter(outcomes) == {"counted": 20, "verification.too_many/address_hour": 40}
    # an IPv6 subscriber is a /64, a /56 or a /48
    outcomes = await asyncio.gather(
        *(
            ask(db, tenant, f"1370000{number:04}", address=f"2001:db8:1:2::{number + 1:x}", device=f"e{number}")
            for number in range(30)
        )
    )
    assert Counter(outcomes)["counted"] == 20


@pytest.mark.parametrize(
    ("network", "counted"),
    [
        ("2001:db8:7:{0:x}::1", 20),  # the /64 of one /56
        ("2001:db8:8:{0:x}00::1", 40),  # the /56 of one /48
        ("2001:db8:{0:x}::1", 60),
        ("198.51.100.{0}", 60),
    ],
)
async def test_all_networks_of_an_address_are_counted_together(
    db: Database, tenant: int, network: str, counted: int
) -> None:
    await usually(db, tenant, 1000)
    outcomes = await asyncio.gather(
        *(
            ask(db, tenant, f"1360000{n:04}", address=network.format(n), device=f"n{n}")
            for n in range(60 if counted == 60 else 100)
        )
    )
    assert Counter(outcomes)["counted"] == counted
    # what was refused in one of them counted in none
    async with db.tx(0) as tx:
        counts = await tx.fetch("SELECT count FROM verification_counts WHERE count > 1 ORDER BY count")
    assert {row["count"] for row in counts} <= {counted, 20}


async def test_a_phone_is_counted_over_all_merchants(db: Database, tenant: int, clock: ShiftedClock) -> None:
    others = [await make.merchant(db), await make.merchant(db)]
    # when: each asks as often as it may, until the phone has had twenty
    counted = Counter[int]()
    for number in range(10):
        for merchant in (tenant, *others):
            counted[merchant] += await ask(db, merchant, PHONE) == "counted"
        clock.advance(timedelta(seconds=3601 if number == 4 else 61))
    # then
    assert counted.total() == 20
    assert await ask(db, tenant, PHONE) == "verification.too_many/phone_platform"
    assert await ask(db, tenant, "13800000009") == "counted"


async def test_a_device_without_a_name_is_its_address_and_browser(
    db: Database, tenant: int, clock: ShiftedClock
) -> None:
    # given: one address, in two hours as often as a device may
    counted = Counter[str]()
    for number in range(40):
        counted[await ask(db, tenant, f"1390000{number:04}", address="203.0.113.9", agent="curl/8")] += 1
        if number == 19:
            clock.advance(timedelta(hours=1))
    # then
    assert counted == {"counted": 20, "verification.too_many/device_day": 20}
    # and another browser there is another device, as is the same one elsewhere, and one that names itself
    others = (
        {"address": "203.0.113.9", "agent": "Firefox"},
        {"address": "203.0.113.10", "agent": "curl/8"},
        {"address": "203.0.113.9", "agent": "curl/8", "device": "d1"},
    )
    for number, other in enumerate(others):
        assert await ask(db, tenant, f"1380000{number:04}", **other) == "counted"


async def set_limits(db: Database, tenant: int, hour: int, day: int) -> None:
    async with db.tx(tenant) as tx:
        await settings.save_limits(tx, hour=hour, day=day)


async def usually(db: Database, tenant: int, codes: int) -> None:
    """An hour of this merchant usually has so many."""
    async with db.tx(tenant) as tx:
        await tx.execute(
            "INSERT INTO verification_settings (tenant_id, hour_most, day_most, usual_hour) VALUES ($1, $2, $3, $4) "
            "ON CONFLICT (tenant_id) DO UPDATE SET usual_hour = excluded.usual_hour",
            *(tenant, MERCHANT_HOUR, MERCHANT_DAY, codes),
        )


async def sweep(db: Database, tenant: int, count: int, start: int = 0, *, is_member: bool = False) -> Counter[str]:
    """So many at once, each with a phone, an address and a device of its own."""
    asks = (ask(db, tenant, f"139{start + n:08}", is_member=is_member) for n in range(count))
    return Counter(await asyncio.gather(*asks))


async def test_two_hundred_phones_at_once_hold_the_merchants_limit(
    db: Database, tenant: int, clock: ShiftedClock
) -> None:
    # given
    other = await make.merchant(db)
    await set_limits(db, tenant, 50, 80)
    # when / then: forty strangers and ten members this hour, of the thirty left for today fourteen and sixteen
    assert await sweep(db, tenant, RUSH) == {"counted": 40, "verification.shop_limit/merchant_hour": 160}
    assert await sweep(db, tenant, 20, 500, is_member=True) == {
        "counted": 10,
        "verification.shop_limit/merchant_hour": 10,
    }
    clock.advance(timedelta(hours=1))
    assert await sweep(db, tenant, RUSH, 1000) == {"counted": 24, "verification.shop_limit/merchant_day": 176}
    assert await sweep(db, tenant, 20, 1500, is_member=True) == {
        "counted": 6,
        "verification.shop_limit/merchant_day": 14,
    }
    clock.advance(timedelta(hours=1))
    assert await sweep(db, tenant, 20, 2000, is_member=True) == {"verification.shop_limit/merchant_day": 20}
    # and another merchant has its own
    assert await sweep(db, other, 20, 3000) == {"counted": 20}
    clock.advance(timedelta(days=1))
    assert await sweep(db, tenant, 20, 4000) == {"counted": 20}


async def test_without_a_setting_the_usual_limits_hold(db: Database, tenant: int) -> None:
    assert (MERCHANT_HOUR, MERCHANT_DAY) == (500, 5000)
    # without a proof what is usual, with one all but what is kept for members
    assert await sweep(db, tenant, 100) == {"counted": 60, "verification.proof_needed/": 40}
    await usually(db, tenant, 1000)
    assert await sweep(db, tenant, 360, 1000) == {"counted": 340, "verification.shop_limit/merchant_hour": 20}
    assert await sweep(db, tenant, 110, 2000, is_member=True) == {
        "counted": 100,
        "verification.shop_limit/merchant_hour": 10,
    }


async def test_a_proof_is_used_once_however_many_bring_it(db: Database, tenant: int) -> None:
    # given: the hour is above its usual, and one proof is worked out for one phone
    await usually(db, tenant, 1)
    assert await ask(db, tenant, "13700000000") == "counted"
    async with db.read(tenant) as tx:
        given = challenge(tx.sealer, subject=f"{tenant}/{PHONE}", bits=16, now=tx.now)
    proof = Proof(given, solved(given))
    # when
    outcomes = Counter(await asyncio.gather(*(ask(db, tenant, PHONE, proof=proof) for _ in range(40))))
    # then: one is counted; the others met the pause of the phone, or the proof that was used
    assert outcomes["counted"] == 1
    assert outcomes.keys() <= {"counted", "verification.pause/phone_pause", "verification.proof_needed/"}


async def test_two_hundred_guesses_at_once_a_hundred_are_compared(
    db: Database, tenant: int, clock: ShiftedClock
) -> None:
    others = await make.merchant(db)

    async def guess(number: int) -> int:
        async with db.tx(others if number % 2 else tenant) as tx:
            return await limits.guess(tx, limits.Asker(f"2001:db8:1:2::{number + 1:x}"), known=False)

    # when
    waits = await asyncio.gather(*(guess(number) for number in range(RUSH)))
    # then
    assert Counter(wait_s == 0 for wait_s in waits) == {True: 100, False: 100}
    assert all(0 < wait_s <= 3600 for wait_s in waits if wait_s)
    # when: one was right
    async with db.tx(tenant) as tx:
        await limits.was_right(tx, limits.Asker("2001:db8:1:2::9"), known=False)
    # then: one more is heard
    assert Counter([await guess(number) == 0 for number in range(4)]) == {True: 1, False: 3}
    clock.advance(timedelta(hours=1))
    assert await guess(1) == 0


async def test_two_hundred_passwords_at_once_eight_are_compared(db: Database, tenant: int, clock: ShiftedClock) -> None:
    async def guess() -> int:
        async with db.tx(tenant) as tx:
            return await limits.try_password(tx, PHONE, limits.Asker("203.0.113.9"), known=False)

    waits = await asyncio.gather(*(guess() for _ in range(RUSH)))
    assert Counter(wait_s == 0 for wait_s in waits) == {True: 8, False: 192}
    clock.advance(timedelta(minutes=15))
    assert Counter([await guess() == 0 for _ in range(10)]) == {True: 8, False: 2}
