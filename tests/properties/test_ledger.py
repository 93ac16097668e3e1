"""The ledger against a model in Python: whatever is posted, held, reversed or expires, in whatever order, the database
says exactly what the model says after every step, and every invariant holds."""

import asyncio
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run

from huida.kernel.db import Database
from huida.kernel.embedded import EmbeddedPostgres
from huida.kernel.errors import AppError
from huida.kernel.secrets import Sealer
from huida.modules import ledger
from huida.modules.ledger import Entry, Move, Posted, Short
from tests.ledger import State, broken, state_of

T = TypeVar("T")
Key = tuple[UUID, str]
OWNERS = [UUID(int=1), UUID(int=2)]
UNITS = ["points", "cny_gift"]
START = datetime(2026, 3, 1, tzinfo=UTC)
TENANTS = count(77_000_000)

amounts = st.integers(1, 60)
keys = st.tuples(st.sampled_from(OWNERS), st.sampled_from(UNITS))
moves = st.tuples(keys, amounts, st.booleans(), st.sampled_from([None, 1, 2, 30]))
numbers = st.integers(1, 25)
"""Business keys; so few that they are often repeated."""


class StandingClock:
    """A clock that moves only when told."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing sleeps here")


class Model:
    """A ledger as one would write it for a single cash desk: plain, slow, obviously right."""

    def __init__(self) -> None:
        self.balance: dict[Key, int] = {}
        self.held: dict[Key, int] = {}
        self.seq: dict[Key, int] = {}
        self.transfers: list[tuple[Any, ...]] = []
        self.lots: dict[tuple[UUID, str, datetime], int] = {}
        self.holds: dict[UUID, tuple[int, str]] = {}
        self.done: dict[tuple[str, UUID], Posted] = {}
        self.reversed: set[tuple[Key, int]] = set()

    def available(self, key: Key) -> int:
        return self.balance.get(key, 0) - self.held.get(key, 0)

    def post(self, entries: list[Entry]) -> list[Posted | Short]:
        """First come, first served. What a call brings is in its lots before what it takes eats from them."""
        results: list[Posted | Short] = []
        answers: dict[tuple[str, UUID], Posted | Short] = {}
        debits: dict[Key, int] = {}
        for entry in entries:
            name = (entry.source_type, entry.source_id)
            known = answers.get(name) or self.done.get(name)
            if known is not None:
                results.append(Posted(known.balances, repeated=True) if isinstance(known, Posted) else known)
                continue
            answers[name] = result = self._fits(entry)
            results.append(result)
            if isinstance(result, Posted):
                self.done[name] = result
                for step in entry.moves:
                    self._apply(entry, step)
                    if step.amount < 0:
                        key = (step.owner_id, step.unit)
                        debits[key] = debits.get(key, 0) - step.amount
        for key, amount in debits.items():
            self._eat(key, amount)
        return results

    def _fits(self, entry: Entry) -> Posted | Short:
        left = {(m.owner_id, m.unit): self.available((m.owner_id, m.unit)) for m in entry.moves}
        for step in entry.moves:
            key = (step.owner_id, step.unit)
            if left[key] + step.amount < 0:
                return Short(step.unit, needed=-step.amount, available=left[key])
            left[key] += step.amount
        return Posted({key: left[key] + self.held.get(key, 0) for key in left})

    def _apply(self, entry: Entry, step: Move) -> None:
        key = (step.owner_id, step.unit)
        self.balance[key] = self.balance.get(key, 0) + step.amount
        self.seq[key] = self.seq.get(key, 0) + 1
        self.transfers.append((*key, self.seq[key], step.amount, self.balance[key], entry.source_id, step.reverses))
        if step.reverses is not None:
            self.reversed.add((key, step.reverses))
        if step.expires_at is not None and step.amount > 0:
            lot = (*key, step.expires_at)
            self.lots[lot] = self.lots.get(lot, 0) + step.amount

    def _eat(self, key: Key, amount: int) -> None:
        for lot in sorted((lot for lot in self.lots if lot[:2] == key), key=lambda lot: lot[2]):
            taken = min(amount, self.lots[lot])
            self.lots[lot] -= taken
            amount -= taken

    def state(self) -> State:
        return State(
            {key: (balance, self.held.get(key, 0), self.seq[key]) for key, balance in self.balance.items()},
            sorted(self.transfers, key=lambda t: t[:3]),
            {lot: left for lot, left in self.lots.items() if left},
            self.holds,
        )


class LedgerMachine(RuleBasedStateMachine):
    db: Database
    runner: asyncio.Runner
    open_holds: Bundle[Any] = Bundle("open_holds")
    posted: Bundle[Any] = Bundle("posted")

    @initialize()
    def begin(self) -> None:
        self.tenant = next(TENANTS)
        self.model = Model()
        self.clock.moment = START
        self.hold_of: dict[UUID, tuple[Key, int, datetime]] = {}

    @property
    def clock(self) -> StandingClock:
        assert isinstance(self.db.clock, StandingClock)
        return self.db.clock

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def refused(self, work: Coroutine[Any, Any, Any], code: str) -> None:
        with pytest.raises(AppError) as refusal:
            self.do(work)
        assert refusal.value.code == code

    async def in_tx(self, verb: Any, *args: Any, **kwargs: Any) -> Any:
        async with self.db.tx(self.tenant) as tx:
            return await verb(tx, *args, **kwargs)

    def entry(self, number: int, raw: list[tuple[Key, int, bool, int | None]]) -> Entry:
        """Made from drawn values; one account moves once per entry and reason, as business entries do."""
        steps = {}
        for (owner, unit), amount, debit, days in raw:
            until = START + timedelta(days=days) if days and not debit else None
            steps[owner, unit] = Move(owner, unit, -amount if debit else amount, "contra", "test", until)
        return Entry("test", UUID(int=number), tuple(steps.values()))

    @rule(
        target=posted,
        drawn=st.lists(st.tuples(numbers, st.lists(moves, min_size=1, max_size=3)), min_size=1, max_size=6),
    )
    def post(self, drawn: list[tuple[int, Any]]) -> Any:
        entries = [self.entry(number, raw) for number, raw in drawn]
        seen: dict[UUID, Entry] = {}
        entries = [seen.setdefault(entry.source_id, entry) for entry in entries]
        entries = [self._as_before(entry) for entry in entries]
        assert self.do(self.in_tx(ledger.post, entries)) == self.model.post(entries)
        return multiple(*(entry.source_id for entry in entries if ("test", entry.source_id) in self.model.done))

    def _as_before(self, entry: Entry) -> Entry:
        """A repeated business fact has the moves that it had: the key names the fact."""
        known = [t for t in self.model.transfers if t[5] == entry.source_id and t[6] is None]
        if not known or ("test", entry.source_id) not in self.model.done:
            return entry
        return Entry("test", entry.source_id, tuple(Move(t[0], t[1], t[3], "contra", "test") for t in known))

    @rule(key=keys, amount=amounts)
    def move_too_much(self, key: Key, amount: int) -> None:
        step = Move(*key, -(self.model.available(key) + amount), "contra", "test")
        self.refused(self.in_tx(ledger.move, Entry("much", uuid4(), (step,))), "ledger.insufficient_balance")

    @rule(target=open_holds, key=keys, amount=amounts, days=st.integers(1, 20))
    def hold(self, key: Key, amount: int, days: int) -> Any:
        source, until = uuid4(), self.clock.moment + timedelta(days=days)
        work = self.in_tx(
            ledger.hold, key[0], unit=key[1], amount=amount, source_type="order", source_id=source, expires_at=until
        )
        if self.model.available(key) < amount:
            self.refused(work, "ledger.insufficient_balance")
            return multiple()
        hold_id = self.do(work)
        self.model.held[key] = self.model.held.get(key, 0) + amount
        self.model.holds[hold_id] = (amount, "open")
        self.hold_of[hold_id] = (key, amount, until)
        return hold_id

    def _close(self, hold_id: UUID, state: str) -> Key:
        key, amount, _ = self.hold_of[hold_id]
        self.model.held[key] -= amount
        self.model.holds[hold_id] = (amount, state)
        return key

    @rule(hold_id=open_holds, share=st.integers(1, 100))
    def capture(self, hold_id: UUID, share: int) -> None:
        key, amount, _ = self.hold_of[hold_id]
        taken = max(1, amount * share // 100)
        work = self.in_tx(ledger.capture, hold_id, contra="sales", reason="order", amount=taken)
        if self.model.holds[hold_id][1] != "open":
            self.refused(work, "ledger.hold_not_open")
            return
        self._close(hold_id, "captured")
        [expected] = self.model.post([Entry("hold", hold_id, (Move(*key, -taken, "sales", "order"),))])
        assert self.do(work) == expected

    @rule(hold_id=consumes(open_holds))
    def release(self, hold_id: UUID) -> None:
        work = self.in_tx(ledger.release, hold_id)
        if self.model.holds[hold_id][1] != "open":
            self.refused(work, "ledger.hold_not_open")
            return
        self.do(work)
        self._close(hold_id, "released")

    @rule(source=posted)
    def reverse(self, source: UUID) -> None:
        was = [t for t in self.model.transfers if t[5] == source and t[6] is None]
        work = self.in_tx(ledger.reverse, source_type="test", source_id=source, by_type="undo", by_id=source)
        if ("undo", source) in self.model.done:
            assert self.do(work).repeated
            return
        steps = sorted(
            (Move(t[0], t[1], -t[3], "contra", "reversal", reverses=t[2]) for t in was),
            key=lambda m: (m.owner_id, m.unit),
        )
        [expected] = self.model.post([Entry("undo", source, tuple(steps))])
        if isinstance(expected, Short):
            self.refused(work, "ledger.insufficient_balance")
        else:
            assert self.do(work) == expected

    @rule(days=st.integers(1, 9))
    def time_passes(self, days: int) -> None:
        self.clock.moment += timedelta(days=days)

    @rule()
    def holds_expire(self) -> None:
        due = [
            h
            for h, (_, state) in self.model.holds.items()
            if state == "open" and self.hold_of[h][2] <= self.clock.moment
        ]
        assert self.do(self.in_tx(ledger.expire_holds)) == len(due)
        for hold_id in due:
            self._close(hold_id, "expired")

    @rule()
    def lots_expire(self) -> None:
        expected = []
        for key in sorted(self.model.balance):
            gone = sum(left for lot, left in self.model.lots.items() if lot[:2] == key and lot[2] <= self.clock.moment)
            amount = min(gone, self.model.available(key))
            if amount:
                self.model.post([Entry("expiry", uuid4(), (Move(*key, -amount, "x", "expired"),))])
                expected.append((*key, amount, self.model.balance[key]))
        told = self.do(self.in_tx(ledger.expire_lots))
        assert [one[:4] for one in told] == expected
        self.same_but_for_expiry_keys()

    def same_but_for_expiry_keys(self) -> None:
        """The keys of expiry are the ledger's own: take them over."""
        real = self.do(self.in_tx(state_of)).transfers
        mine = sorted(self.model.transfers, key=lambda t: t[:3])
        self.model.transfers = [(*m[:5], r[5], m[6]) for m, r in zip(mine, real, strict=True)]

    @invariant()
    def database_and_model_say_the_same(self) -> None:
        async def both(tx: Any) -> tuple[State, dict[str, Any]]:
            return await state_of(tx), await broken(tx)

        state, wrong = self.do(self.in_tx(both))
        assert state == self.model.state()
        assert wrong == {}


@pytest.fixture
def machine(postgres: EmbeddedPostgres) -> Iterator[type[LedgerMachine]]:
    with asyncio.Runner() as runner:
        db = Database(postgres.url_for("huida_app"), clock=StandingClock(), sealer=Sealer(b"1" * 32), pool_size=2)
        yield type("Machine", (LedgerMachine,), {"db": db, "runner": runner})
        runner.run(db.close())


def test_the_ledger_does_what_the_model_does(machine: type[LedgerMachine]) -> None:
    run(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
