"""What every keeper of raw requests tells about an erasure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Erasure:
    """How many were erased, and how many could not be read and so were left as they are."""

    erased: int = 0
    unreadable: int = 0
