"""What a check makes of the problems that it finds."""

from collections.abc import Sequence

import pytest

from application.ports.checks import CheckResult, CheckStatus, Unanswered, Unreported, check_results
from domain.errors import StorageUnavailableError

OK, WARNING, ERROR = CheckStatus.OK, CheckStatus.WARNING, CheckStatus.ERROR


@pytest.mark.parametrize(
    ("problems", "found"),
    [
        ([], [(OK, "in order")]),
        (["it is missing"], [(ERROR, "it is missing")]),
        ([Unreported("the engine does not tell")], [(WARNING, "the engine does not tell")]),
        ([Unanswered("no answer"), "a"], [(ERROR, "no answer"), (ERROR, "a")]),
    ],
)
def test_each_problem_is_a_result(
    problems: Sequence[str], found: list[tuple[CheckStatus, str]]
) -> None:
    results = check_results("queues", "in order", lambda: problems)
    assert list(results) == [CheckResult("queues", *one) for one in found]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (StorageUnavailableError("the store does not answer"), "the store does not answer"),
        (RuntimeError("secret"), "could not be checked: RuntimeError"),
    ],
)
def test_check_that_fails_is_an_error_without_its_inside(error: Exception, text: str) -> None:
    def fail() -> Sequence[str]:
        raise error

    assert list(check_results("database", "in order", fail)) == [
        CheckResult("database", ERROR, text)
    ]
