"""Which samples are kept, and which make room: the same rules wherever they lie."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from application.ports.sample_history import INTERVAL, RETAINED_FOR, Sample

SLOTS: Final = RETAINED_FOR // INTERVAL

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def interval_of(moment: datetime) -> int:
    """The number of the interval in which ``moment`` lies."""
    return (moment - EPOCH) // INTERVAL


def place_of(moment: datetime) -> int:
    """The slot of ``moment``: a day later another sample takes it."""
    return interval_of(moment) % SLOTS


def takes_place_of(new: Sample, before: Sample | None) -> bool:
    """Whether ``new`` is kept where ``before`` is."""
    if before is None or interval_of(before.at) != interval_of(new.at):
        return True
    return before.started_at == new.started_at and before.at <= new.at


def sorted_samples(
    samples: Iterable[Sample], moment: datetime, now: datetime
) -> tuple[Sample, ...]:
    """Those from ``moment`` on, and of the last day, the oldest first."""
    # A clock that was wrong may have left samples of the future.
    first, last = max(moment, now - RETAINED_FOR), now + timedelta(seconds=1)
    return (*sorted((one for one in samples if first <= one.at <= last), key=lambda one: one.at),)


class SampleRing:
    """The samples of one process. Not safe to share among threads."""

    def __init__(self) -> None:
        self._samples: dict[int, Sample] = {}

    def keep(self, sample: Sample) -> None:
        """See ``SampleHistory``."""
        place = place_of(sample.at)
        if takes_place_of(sample, self._samples.get(place)):
            self._samples[place] = sample

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._samples.values())
