"""The transactional outbox: recorded messages on their way to a queue."""

from abc import abstractmethod
from datetime import datetime
from typing import Protocol

from domain.messages import MessageRecord
from domain.queues import QueueName
from domain.trail import FailedAttempt, Trail


class Outbox(Protocol):
    """What is pending, and who works on it.

    Any method raises ``StorageUnavailableError`` when the store does not answer in time.
    """

    @abstractmethod
    def list_stuck(self, limit: int, now: datetime) -> tuple[MessageRecord, ...]:
        """At most ``limit`` messages that are stuck at ``now``, by ``due_at``.

        Where a backend's index lags behind, the latest may be missing.
        """

    @abstractmethod
    def take_lease(self, record: MessageRecord, now: datetime) -> bool:
        """Reserve a pending message for republishing: it becomes ``record.leased(now)``.

        Conditional on its being pending and on the lease that ``record`` saw: ``False`` when
        another process was faster.
        """

    @abstractmethod
    def add_failure(self, record: MessageRecord, failure: FailedAttempt) -> None:
        """Add to the trail of a pending message why it is not on its queue.

        It takes the place of an earlier one. Conditional on its being pending with the lease
        that ``record`` has: else another process works on it, or it needs no reason any more,
        and nothing changes.
        """

    @abstractmethod
    def mark_queued(
        self,
        request_id: str,
        queued_at: datetime,
        publication: int = 1,
        trail: Trail | None = None,
    ) -> bool:
        """Clear the pending marker, and store ``trail`` with it, if given.

        Harmless when repeated: the first time stays. Changes nothing if the message has
        another ``publication`` by now: that one is pending. ``False`` if the message was
        erased meanwhile: its publisher has to take it back.
        """

    @abstractmethod
    def move(self, record: MessageRecord, queue: QueueName, now: datetime) -> bool:
        """Make its next publication pending: it becomes ``record.moved_to(queue, now)``.

        Conditional on the publication that ``record`` has, not on its state: ``False`` when
        another process moved or erased the message before, or there is none.
        """

    @abstractmethod
    def give_up(self, record: MessageRecord) -> bool:
        """Make a pending message undeliverable: no process takes it any more.

        Conditional as ``take_lease`` is.
        """

    @abstractmethod
    def retry(self, request_id: str) -> bool:
        """Make an undeliverable message pending again, as if it had never been tried.

        ``False`` if it is not undeliverable.
        """
