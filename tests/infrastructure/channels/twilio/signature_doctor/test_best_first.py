"""Combinations come in the order of their costs, every one, each once."""

from collections.abc import Iterator
from itertools import count, islice, pairwise, product

from hypothesis import given
from hypothesis import strategies as st

from application.ports.signature_doctor import Cause
from infrastructure.channels.twilio.signature_doctor.best_first import (
    Axis,
    Variation,
    best_first,
    ranked,
)

COSTS = st.lists(st.floats(0, 3), max_size=5).map(sorted)


@given(st.lists(COSTS, min_size=1, max_size=4))
def test_every_combination_comes_once_and_the_cheapest_first(costs: list[list[float]]) -> None:
    found = list(
        best_first(
            [Axis(Variation(number, cost) for number, cost in enumerate(axis)) for axis in costs]
        )
    )
    values = [tuple(one.value for one in combination) for combination in found]
    assert sorted(values) == sorted(product(*(range(len(axis)) for axis in costs)))
    totals = [sum(one.cost for one in combination) for combination in found]
    assert all(first <= second for first, second in pairwise(totals))


def test_combinations_are_made_as_they_are_asked_for() -> None:
    made: list[int] = []

    def numbers() -> Iterator[Variation[int]]:
        for number in count():
            made.append(number)
            yield Variation(number, float(number))

    assert len(list(islice(best_first([Axis(numbers()) for _ in range(6)]), 100))) == 100
    assert len(made) < 100


def test_a_value_keeps_its_lowest_cost() -> None:
    dear, cheap = Variation("x", 2.0, (Cause.PATH,)), Variation("x", 1.0, (Cause.HOST,))
    axis = ranked([dear, Variation("y"), cheap])
    assert [axis.at(0), axis.at(1), axis.at(2)] == [Variation("y"), cheap, None]
