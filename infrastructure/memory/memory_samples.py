"""Samples in this process."""

from datetime import datetime
from threading import Lock

from typing_extensions import override

from application.clock import Clock, utc_now
from application.ports.sample_history import Sample, SampleHistory
from infrastructure.sample_ring import SampleRing, sorted_samples


class MemorySampleHistory(SampleHistory):
    """As many as a file holds. Another process does not see them."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._lock = Lock()
        self._ring = SampleRing()

    @override
    def keep(self, sample: Sample) -> None:
        with self._lock:
            self._ring.keep(sample)

    @override
    def since(self, moment: datetime) -> tuple[Sample, ...]:
        with self._lock:
            return sorted_samples(self._ring, moment, self._clock())

    @override
    def notice(self) -> str | None:
        return "they are in the memory of this server"
