"""Samples: what a server had counted, and what waited, at moments of the last day."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

INTERVAL: Final = timedelta(seconds=30)
"""Of each such interval one sample is kept."""

RETAINED_FOR: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Sample:
    """The numbers of one moment.

    ``started_at`` is when the server that counted was started: its counters began with zero
    there, so samples with another ``started_at`` say nothing about their growth. Which number
    stands where is agreed by those who keep and read; NaN stands for what is not known.
    """

    at: datetime
    started_at: datetime
    numbers: Sequence[float]


class SampleHistory(Protocol):
    """The samples of the last 24 hours. They are lost with the place where they lie."""

    @abstractmethod
    def keep(self, sample: Sample) -> None:
        """Keep ``sample`` in place of one of the same server and interval.

        Another server's sample of this interval stays, and the new one is dropped. Never raises.
        """

    @abstractmethod
    def since(self, moment: datetime) -> tuple[Sample, ...]:
        """The samples from ``moment`` on that can be seen from here, the oldest first.

        Never raises.
        """

    @abstractmethod
    def notice(self) -> str | None:
        """Why samples are lost with this process, in a sentence; ``None`` if they are not."""
