"""The readiness check runs at most once per period; its result is cached meanwhile."""

import pytest

from domain.errors import StorageUnavailableError
from entrypoints.http.limits.readiness import MAX_AGE_SECONDS, Readiness
from tests.contracts.concurrency import at_once


class Check:
    """Counts its calls, and raises ``failure`` if it is set."""

    def __init__(self) -> None:
        self.asked = 0
        self.seconds = 100.0
        self.failure: Exception | None = None
        self.readiness = Readiness(self, lambda: self.seconds)

    def __call__(self) -> None:
        self.asked += 1
        if self.failure:
            raise self.failure


@pytest.fixture
def check() -> Check:
    return Check()


def test_concurrent_readiness_requests_run_the_check_once(check: Check) -> None:
    at_once([check.readiness] * 16)
    assert check.asked == 1


def test_readiness_check_runs_again_after_its_maximum_age(check: Check) -> None:
    check.readiness()
    check.seconds += MAX_AGE_SECONDS
    check.readiness()
    assert check.asked == 2


def test_failed_readiness_is_reported_until_the_check_runs_again(check: Check) -> None:
    check.failure = StorageUnavailableError("down")
    for _ in range(2):
        with pytest.raises(StorageUnavailableError):
            check.readiness()
    assert check.asked == 1
    check.failure = None
    check.seconds += MAX_AGE_SECONDS
    check.readiness()


def test_bug_in_the_readiness_check_is_not_cached(check: Check) -> None:
    check.failure = ZeroDivisionError()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            check.readiness()
    assert check.asked == 2
