"""What ``frontdesk doctor`` finds."""

from dataclasses import dataclass
from enum import StrEnum


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
