"""Recorded messages: the idempotency check, conversations and histories."""

from abc import abstractmethod
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from application.ports.pages import Page
from domain.conversations import HistoryEntry, Message
from domain.erasure import Tombstone
from domain.messages import ConversationKey, MessageRecord
from domain.trail import FallbackOutcome


def latest_entries(entries: Iterable[HistoryEntry], limit: int) -> tuple[HistoryEntry, ...]:
    """The latest ``limit`` entries and all others of the last one's moment, latest first."""
    in_order = sorted(entries, key=lambda entry: entry.timestamp, reverse=True)
    if len(in_order) <= limit:
        return tuple(in_order)
    last_moment = in_order[limit - 1].timestamp
    return tuple(entry for entry in in_order if entry.timestamp >= last_moment)


class MessageStore(Protocol):
    """Inbound messages under their request ids, which are never deleted.

    Any method raises ``StorageUnavailableError`` when the store does not answer in time.
    """

    @abstractmethod
    def record(self, record: MessageRecord) -> MessageRecord | Tombstone | None:
        """Create the record unless its request id exists: the commit point of a webhook.

        Returns ``None`` if it was created, else the record that was there before, or its
        tombstone. Durable when it returns. Of any number of simultaneous calls with one key,
        one creates. The notable headers of a mail are not stored: only its fallback needs them.
        """

    @abstractmethod
    def find_record(self, request_id: str) -> MessageRecord | Tombstone | None:
        """The record of this key, or its tombstone; ``None`` if there is neither."""

    @abstractmethod
    def assign(self, record: MessageRecord, conversation: ConversationKey | None) -> bool:
        """Move a message that is not queued to ``conversation``, pending; or to unmatched.

        Conditional on the conversation that ``record`` names being the stored one: ``False``
        when another process moved or queued the message before.
        """

    @abstractmethod
    def add_fallback(self, record: MessageRecord, fallback: FallbackOutcome) -> None:
        """Add to the trail of an unmatched message what became of its fallback.

        Changes nothing if it is not unmatched any more.
        """

    @abstractmethod
    def history(
        self, key: ConversationKey, *, after: datetime | None = None, limit: int = 100
    ) -> tuple[Message, ...]:
        """The latest ``limit`` messages of a conversation, those after ``after``, oldest first.

        Those that came in and those that were imported.
        """

    @abstractmethod
    def list_entries(
        self, key: ConversationKey, limit: int, *, before: datetime | None = None
    ) -> tuple[HistoryEntry, ...]:
        """The latest entries of a conversation, those before ``before``, latest first.

        At least ``limit`` if there are so many: those of one moment come together. An index may
        lag behind; the records do not.
        """

    @abstractmethod
    def list_unmatched(self, limit: int, *, after: str | None = None) -> Page[MessageRecord]:
        """At most ``limit`` unmatched messages in order of receipt.

        ``after`` is the cursor of the page before. It stays valid when messages of that page
        are matched or erased meanwhile. Raises ``InvalidCursorError``.
        """
