"""What a line of "Needs attention" has, and the words and limits that its makers share."""

from dataclasses import dataclass
from typing import Literal

from entrypoints.http.console.words import count
from entrypoints.operations.gauges import MOST

QUEUE_AGE_SECONDS = 900
PENDING_SECONDS = 30
SLOW_SECONDS = 8.0
"""The thresholds of the alarms; see docs/operations.md."""

CHECKS = ("/checks", "Run the checks")
"""The next step where a backend may be the reason."""

_COUNTED_TO_MOST = frozenset({"dead letter", "message", "unmatched message"})


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not as it should be: what and why, what to do, and what else is known.

    ``lead`` has no last stop; ``remedy`` and ``more`` are sentences.
    """

    kind: Literal["bad", "warn"]
    lead: str
    remedy: str
    link: str = ""
    link_text: str = ""
    command: str = ""
    more: str = ""


def number_of(number: float, noun: str) -> str:
    """``1 dead letter``, ``1,000 or more dead letters``."""
    if number == 1:
        return f"1 {noun}"
    more = " or more" if number == MOST and noun in _COUNTED_TO_MOST else ""
    return f"{count(number)}{more} {noun}s"


def waits(number: float, noun: str) -> str:
    """``1 webhook waits``."""
    return f"{number_of(number, noun)} {'waits' if number == 1 else 'wait'}"
