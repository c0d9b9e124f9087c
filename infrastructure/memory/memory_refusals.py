"""Refusals in this process."""

from datetime import datetime
from threading import Lock

from typing_extensions import override

from application.clock import Clock, utc_now
from application.ports.refusals import BriefDiagnosis, Diagnose, Refusal, Refusals
from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType
from infrastructure.background_diagnoses import BackgroundDiagnoses
from infrastructure.refusal_slots import RefusalKey, RefusalSlots


class MemoryRefusals(Refusals):
    """As many as a file holds. Another process does not see them."""

    def __init__(self, clock: Clock = utc_now, diagnose: Diagnose | None = None) -> None:
        self._clock = clock
        self._lock = Lock()
        self._slots = RefusalSlots()
        self._diagnoses = BackgroundDiagnoses(diagnose, self._keep, clock)

    @override
    def add(
        self,
        channel: ChannelType | None,
        account: str,
        reason: str,
        tried_urls: str,
        *,
        accepted_at: datetime | None = None,
        request: WebhookRequest | None = None,
    ) -> None:
        key, now = RefusalKey.of(channel, account, reason, tried_urls), self._clock()
        with self._lock:
            self._slots.add(Refusal(*key, 1, now, now, accepted_at))
        self._diagnoses.offer(key, now, request)

    @override
    def latest(self) -> tuple[Refusal, ...]:
        with self._lock:
            return self._slots.latest()

    @override
    def notice(self) -> str | None:
        return None

    def _keep(self, key: RefusalKey, at: datetime, diagnosis: BriefDiagnosis) -> None:
        with self._lock:
            self._slots.add(Refusal(*key, 0, at, at, diagnosis=diagnosis))
