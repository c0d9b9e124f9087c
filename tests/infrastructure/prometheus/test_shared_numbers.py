"""Numbers in memory that several processes share."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.prometheus.shared_numbers import (
    REGION_BYTES,
    SharedNumbers,
    create_shared_memory,
)

ROOT = Path(__file__).parents[3]

COUNT_FOR_EVER = """
import sys
from infrastructure.prometheus.shared_numbers import SharedNumbers
shared = SharedNumbers.inherited(int(sys.argv[1]), int(sys.argv[2]))
number = 0
while True:
    number += 1
    for series in range(3):
        shared.numbers[shared.place(f"series {series}", 2)] += 1
    shared.place(f"new {number}", 1)
    if number == 50:
        print("counting", flush=True)
"""


@pytest.fixture
def descriptor() -> Iterator[int]:
    """Memory for three processes."""
    descriptor = create_shared_memory(3)
    yield descriptor
    os.close(descriptor)


def test_totals_are_those_of_all_writers(descriptor: int) -> None:
    first, second = (SharedNumbers.inherited(descriptor, number) for number in (0, 2))
    first.numbers[first.place("a", 1)] += 1
    second.numbers[second.place("b", 2) + 1] += 5
    second.numbers[second.place("a", 1)] += 2
    assert first.totals() == second.totals() == {"a": [3], "b": [0, 5]}


def test_place_of_a_series_stays_the_same(descriptor: int) -> None:
    shared = SharedNumbers.inherited(descriptor, 1)
    places = [shared.place("é" * length, 3) for length in (1, 2, 3)]
    assert [shared.place("é" * length, 3) for length in (1, 2, 3)] == places
    assert len({*places}) == 3


def test_next_process_with_the_number_goes_on_counting(descriptor: int) -> None:
    before = SharedNumbers.inherited(descriptor, 1)
    before.numbers[before.place("a", 1)] += 4
    after = SharedNumbers.inherited(descriptor, 1)
    after.numbers[after.place("a", 1)] += 1
    assert after.totals() == {"a": [5]}


def test_series_without_space_is_not_counted_and_spoils_nothing(descriptor: int) -> None:
    shared, neighbour = (SharedNumbers.inherited(descriptor, number) for number in (0, 1))
    neighbour.numbers[neighbour.place("a", 1)] += 7
    shared.numbers[shared.place("a", 1)] += 1
    places = [shared.place(f"series {number}", 20) for number in range(REGION_BYTES // 160)]
    assert places[-1] == shared.spare != places[0]
    for place in {*places}:
        for number in range(20):
            shared.numbers[place + number] += 1
    totals = shared.totals()
    assert totals["a"] == [8]
    assert {tuple(numbers) for key, numbers in totals.items() if key != "a"} == {(1,) * 20}


def test_series_begins_with_zero_where_a_killed_process_had_begun_another(descriptor: int) -> None:
    shared = SharedNumbers.inherited(descriptor, 0)
    place = shared.place("a", 1)
    for number in range(place + 1, place + 50):
        shared.numbers[number] = -1.5
    shared.place("b", 20)
    assert shared.totals() == {"a": [0], "b": [0] * 20}


def test_process_that_is_killed_leaves_what_it_counted(descriptor: int) -> None:
    command = [sys.executable, "-c", COUNT_FOR_EVER, str(descriptor), "1"]
    reader = SharedNumbers.inherited(descriptor, 0)
    for kills in range(1, 6):
        with subprocess.Popen(
            command, pass_fds=[descriptor], stdout=subprocess.PIPE, cwd=ROOT
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        totals = reader.totals()
        counted = [totals[f"series {number}"][0] for number in range(3)]
        assert 50 * kills <= counted[2] <= counted[1] <= counted[0] <= counted[2] + kills
