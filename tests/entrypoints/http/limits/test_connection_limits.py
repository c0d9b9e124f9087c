"""The number of connections under the limits of the process."""

import resource
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from entrypoints.http.limits.connection_limits import (
    ACCEPTED_AT_ONCE,
    MAX_CONNECTIONS,
    ConnectionLimits,
    reserve_open_files,
)

PLACES = 32


def under(soft: int, hard: int) -> tuple[ConnectionLimits, int]:
    """The connection limits under these limits of open files, and the raised soft limit."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return reserve_open_files(PLACES), resource.getrlimit(resource.RLIMIT_NOFILE)[0]


@pytest.mark.parametrize(
    ("soft", "hard", "raised_to"), [(256, 4096, 1472), (1024, 4096, 1472), (2000, 4096, 2000)]
)
def test_open_file_limit_is_raised_as_far_as_needed(soft: int, hard: int, raised_to: int) -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        found = process.submit(under, soft, hard).result()
    assert found == (ConnectionLimits(MAX_CONNECTIONS, ACCEPTED_AT_ONCE), raised_to)


def test_connection_limit_is_lower_when_the_open_file_limit_cannot_be_raised() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        limits, limit = process.submit(under, 300, 512).result()
    assert limit == 512
    assert limits == ConnectionLimits(connections=240, accepted_at_once=80)


@pytest.mark.parametrize("files", [-100, 0, 64, 100, 1000, 1280, 10_000, float("inf")])
def test_connection_limits_are_positive_and_within_the_open_file_limit(files: float) -> None:
    limits = ConnectionLimits.within(files)
    assert 0 < limits.accepted_at_once <= ACCEPTED_AT_ONCE
    assert 48 <= limits.connections <= MAX_CONNECTIONS
    assert limits.connections + limits.accepted_at_once <= max(files, 64)
