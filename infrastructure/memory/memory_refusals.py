"""Refusals in this process."""

from threading import Lock

from typing_extensions import override

from application.clock import Clock, utc_now
from application.ports.refusals import Refusal, Refusals
from domain.channels import ChannelType
from infrastructure.refusal_slots import RefusalKey, RefusalSlots


class MemoryRefusals(Refusals):
    """As many as a file holds. Another process does not see them."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._lock = Lock()
        self._slots = RefusalSlots()

    @override
    def add(self, channel: ChannelType | None, account: str, reason: str, tried_urls: str) -> None:
        key, now = RefusalKey.of(channel, account, reason, tried_urls), self._clock()
        with self._lock:
            self._slots.add(Refusal(*key, 1, now, now))

    @override
    def latest(self) -> tuple[Refusal, ...]:
        with self._lock:
            return self._slots.latest()

    @override
    def notice(self) -> str | None:
        return None
