"""What the checks share: asking many things at once, and what an error says about an answer."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from application.ports.checks import Unanswered, Unreported
from infrastructure.aws.clients import UNFIT, error_code

Thing = TypeVar("Thing")
Answer = TypeVar("Answer")

_UNKNOWN_ACTIONS = frozenset(
    {
        "InvalidAction",
        "NotImplemented",
        "UnknownOperation",
        "UnknownOperationException",
        "UnsupportedOperation",
        "AWS.SimpleQueueService.UnsupportedOperation",
        "501",
    }
)
"""What emulators answer to an action that they lack."""


def at_once(ask: Callable[[Thing], Answer], things: Iterable[Thing]) -> list[Answer]:
    """What ``ask`` returns for each of ``things``, all asked at the same time.

    So a service that does not answer is waited for only once.
    """
    with ThreadPoolExecutor() as pool:
        return [*pool.map(ask, things)]


def no_answer(line: str, error: ClientError | BotoCoreError) -> str:
    """``line`` about what ``error`` leaves unknown, as its kind.

    A plain text says what is wrong. ``Unanswered`` is what may heal, and ``Unreported`` what
    the engine cannot tell.
    """
    code = error_code(error)
    if code in _UNKNOWN_ACTIONS or _status(error) == _NOT_IMPLEMENTED:
        return Unreported(line)
    return line if code in UNFIT else Unanswered(line)


def time_of(answer: Mapping[str, Any]) -> datetime | None:
    """When the service gave ``answer``, as it says itself."""
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        return parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None


_NOT_IMPLEMENTED = 501


def _status(error: ClientError | BotoCoreError) -> int | None:
    if isinstance(error, BotoCoreError):
        return None
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
