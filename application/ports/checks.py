"""What ``frontdesk doctor`` finds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import WebhookHandlerError


class CheckStatus(StrEnum):
    """What a check found."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that a check found. ``text`` never holds a secret."""

    check: str
    status: CheckStatus
    text: str


def check_results(
    check: str, in_order: str, find_problems: Callable[[], Sequence[str]]
) -> Iterator[CheckResult]:
    """An error for each problem, or the text ``in_order`` if there is none."""
    try:
        problems = find_problems()
    except WebhookHandlerError as error:
        problems = [str(error)]
    if not problems:
        yield CheckResult(check, CheckStatus.OK, in_order)
    for problem in problems:
        yield CheckResult(check, CheckStatus.ERROR, problem)
