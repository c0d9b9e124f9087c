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
    SKIPPED = "skipped"
    """It cannot be checked from here. The text says why, and what knows it."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that a check found. ``text`` never holds a secret."""

    check: str
    status: CheckStatus
    text: str


class Unanswered(str):
    """A line about what did not answer: it may be in order, and may answer later."""

    __slots__ = ()


class Unreported(str):
    """A line about what an engine does not tell: it may be in order, so it is a warning."""

    __slots__ = ()


def check_results(
    check: str, in_order: str, find_problems: Callable[[], Sequence[str]]
) -> Iterator[CheckResult]:
    """An error for each problem, or the text ``in_order`` if there is none.

    A problem that is ``Unreported`` is a warning.
    """
    try:
        problems = find_problems()
    except WebhookHandlerError as error:
        problems = [str(error)]
    except Exception as error:
        # An engine may answer in any form. The other checks go on.
        problems = [f"could not be checked: {type(error).__name__}"]
    if not problems:
        yield CheckResult(check, CheckStatus.OK, in_order)
    for problem in problems:
        is_known = not isinstance(problem, Unreported)
        status = CheckStatus.ERROR if is_known else CheckStatus.WARNING
        yield CheckResult(check, status, str(problem))
