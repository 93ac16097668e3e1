"""`admit`: which entries of a batch fit, first come, first served."""

from uuid import UUID

from huida.modules.ledger import Entry, Move, Short, admit

LIN, CHEN = UUID(int=1), UUID(int=2)


def entry(number: int, *moves: tuple[UUID, str, int]) -> Entry:
    return Entry("test", UUID(int=number), tuple(Move(who, unit, amount, "x", "test") for who, unit, amount in moves))


def test_what_fits_is_admitted_in_order() -> None:
    result = admit([entry(1, (LIN, "points", -30)), entry(2, (LIN, "points", -20))], {(LIN, "points"): 50})
    assert (result.admitted, result.refused) == ([0, 1], {})


def test_the_first_that_takes_too_much_is_refused_and_a_smaller_one_after_it_still_fits() -> None:
    batch = [entry(1, (LIN, "points", -30)), entry(2, (LIN, "points", -30)), entry(3, (LIN, "points", -20))]
    result = admit(batch, {(LIN, "points"): 50})
    assert result.admitted == [0, 2]
    assert result.refused == {1: Short("points", needed=30, available=20)}


def test_an_entry_is_refused_as_a_whole_and_none_of_its_moves_counts() -> None:
    batch = [
        entry(1, (LIN, "cny_gift", -40), (LIN, "cny_principal", -10)),
        entry(2, (LIN, "cny_gift", -40)),
    ]
    result = admit(batch, {(LIN, "cny_gift"): 40, (LIN, "cny_principal"): 9})
    assert result.admitted == [1]
    assert result.refused == {0: Short("cny_principal", needed=10, available=9)}


def test_what_an_entry_brings_may_be_spent_by_the_next_one_but_not_by_the_one_before() -> None:
    spend, earn = entry(1, (LIN, "points", -10)), entry(2, (LIN, "points", 10))
    assert admit([earn, spend], {}).admitted == [0, 1]
    before = admit([spend, earn], {})
    assert (before.admitted, before.refused) == ([1], {0: Short("points", needed=10, available=0)})


def test_accounts_and_units_are_apart() -> None:
    known = {(LIN, "points"): 10, (CHEN, "growth"): 10}
    result = admit(
        [entry(1, (CHEN, "points", -1)), entry(2, (LIN, "growth", -1)), entry(3, (LIN, "points", -10))], known
    )
    assert result.admitted == [2]


def test_exactly_what_there_is_fits_and_one_more_does_not() -> None:
    assert admit([entry(1, (LIN, "points", -10))], {(LIN, "points"): 10}).admitted == [0]
    assert admit([entry(1, (LIN, "points", -11))], {(LIN, "points"): 10}).admitted == []


def test_an_empty_batch_and_an_entry_without_moves_are_fine() -> None:
    assert admit([], {}).admitted == []
    assert admit([Entry("test", LIN, ())], {}).admitted == [0]
