"""What ``frontdesk doctor`` finds."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a check found."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found. ``text`` never holds a secret."""

    check: str
    verdict: Verdict
    text: str
