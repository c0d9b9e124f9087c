"""The shares of several processes in one limit."""

import pytest

from entrypoints.http.limits.connection_limits import ConnectionLimits
from entrypoints.http.limits.share import THE_WHOLE, Share


@pytest.mark.parametrize("processes", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("total", [7, 32, 1024])
def test_shares_are_nearly_equal_and_together_the_whole(processes: int, total: int) -> None:
    parts = [Share(number, processes).of(total) for number in range(processes)]
    assert sum(parts) == total
    assert max(parts) - min(parts) <= 1


def test_every_process_has_at_least_one() -> None:
    assert [Share(number, 3).of(2) for number in range(3)] == [1, 1, 1]


def test_connections_are_shared_and_only_the_first_process_does_what_one_has_to() -> None:
    limits = ConnectionLimits(connections=1000)
    assert limits.divided(Share(1, 2)).connections == 500
    assert limits.divided(THE_WHOLE) == limits
    assert [Share(number, 3).is_first for number in range(3)] == [True, False, False]
