"""Several look at the checks, and one run of them is made."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Event

from application.clock import utc_now
from application.ports.checks import CheckResult, CheckStatus
from entrypoints.operations.check_runs import CheckRuns

FINE = CheckResult("clock", CheckStatus.OK, "it is right")
LONG_AGO = timedelta(hours=1)


def test_many_at_once_see_one_run_and_what_it_has_found_by_now() -> None:
    may_end, begun = Event(), []

    def checks() -> Iterator[CheckResult]:
        begun.append(1)
        yield FINE
        may_end.wait(10)
        yield FINE

    runs = CheckRuns(checks, utc_now)
    with ThreadPoolExecutor(8) as pool:
        found = [*pool.map(lambda _: runs.started_after(utc_now()), range(16))]
    (run,) = set(found)
    assert run.results != (FINE, FINE)
    may_end.set()
    run.wait(10)
    assert run.results == (FINE, FINE)
    assert run.ended_at is not None
    assert begun == [1]


def test_run_that_is_over_is_shown_until_a_newer_one_is_wanted() -> None:
    runs = CheckRuns(lambda: [FINE], utc_now)
    first = runs.started_after(utc_now())
    first.wait(10)
    assert runs.started_after(first.started_at - LONG_AGO) is first
    second = runs.started_after(first.started_at)
    assert second is not first
    second.wait(10)
    assert runs.started_after(first.started_at) is second


def test_checks_that_break_are_an_error_and_not_silence() -> None:
    def checks() -> Iterator[CheckResult]:
        yield FINE
        raise ZeroDivisionError

    run = CheckRuns(checks, utc_now).started_after(utc_now())
    run.wait(10)
    assert [result.status for result in run.results] == [CheckStatus.OK, CheckStatus.ERROR]
    assert "ZeroDivisionError" in run.results[-1].text
