"""What is remembered: conversations, messages, and who was answered automatically."""

from abc import abstractmethod
from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from application.ports.retention import RetainedPage
from domain.conversation_key import ConversationKey
from domain.erasure import RetainedMessage, Tombstone
from domain.history import Message
from domain.outbox import MessageRecord


class MessageStore(Protocol):
    """Inbound messages under their request id, which are never deleted.

    Any method raises ``StorageUnavailableError`` when the store does not answer in time.
    """

    @abstractmethod
    def record(self, record: MessageRecord) -> MessageRecord | Tombstone | None:
        """Create the record unless its request id exists: the commit point of a webhook.

        Returns ``None`` if it was created, else the record that was there before, or what is
        left of it. Durable when it returns. Of any number of simultaneous calls with one key,
        one creates. The mail traits of a message are not kept: they only decide on its
        automatic answer.
        """

    @abstractmethod
    def assign(self, record: MessageRecord, conversation: ConversationKey | None) -> bool:
        """Move a message that is not queued to ``conversation``, pending; or to unmatched.

        Conditional on the conversation that ``record`` names being the stored one: ``False``
        when somebody else moved or queued the message before.
        """

    @abstractmethod
    def take_lease(self, record: MessageRecord, now: datetime) -> bool:
        """Reserve a pending message for republishing: it becomes ``record.leased(now)``.

        Conditional on its being pending and on the lease that ``record`` saw: ``False`` when
        somebody else was faster.
        """

    @abstractmethod
    def give_up(self, record: MessageRecord) -> bool:
        """Make a pending message undeliverable: nobody takes it any more.

        Conditional as ``take_lease`` is.
        """

    @abstractmethod
    def retry(self, request_id: str) -> bool:
        """Make an undeliverable message pending again, as if it had never been tried.

        ``False`` if it is not undeliverable.
        """

    @abstractmethod
    def mark_queued(self, request_id: str, queued_at: datetime) -> bool:
        """Clear the pending marker. Harmless when repeated: the first time stays.

        ``False`` if the message was erased meanwhile: whoever published it has to take it back.
        """

    @abstractmethod
    def history(
        self, key: ConversationKey, *, after: datetime | None = None, limit: int = 100
    ) -> tuple[Message, ...]:
        """The latest ``limit`` messages of a conversation, those after ``after``, oldest first.

        Those that came in and those that were imported.
        """

    @abstractmethod
    def import_message(self, key: ConversationKey, message: Message) -> bool:
        """Add an entry of an older system to a history, once: ``False`` if it is there already.

        It is the same entry if direction, id and content are the same. The gate knows nothing of
        imported entries. Durable when it returns.
        """

    @abstractmethod
    def list_stuck(self, limit: int, now: datetime) -> tuple[MessageRecord, ...]:
        """At most ``limit`` messages that are stuck at ``now``, by ``due_at``.

        Where a backend's index lags behind, the latest may be missing.
        """

    @abstractmethod
    def list_unmatched(self, limit: int, *, after: str | None = None) -> tuple[MessageRecord, ...]:
        """At most ``limit`` unmatched messages in order of receipt.

        ``after`` is the request id of the last record of the page before.
        """

    @abstractmethod
    def list_retained(
        self, limit: int, *, after: str | None = None, before: datetime | None = None
    ) -> RetainedPage:
        """At most ``limit`` messages and imported entries that are not erased, in any order.

        With ``before`` only those that are older. A page may be empty and not the last.
        ``after`` is the ``last`` of the page before, even if that was long ago.
        """

    @abstractmethod
    def list_retained_in(self, key: ConversationKey) -> Iterator[RetainedMessage]:
        """What is not erased of a conversation, read page by page. An index may lag behind."""

    @abstractmethod
    def erase(self, retained: RetainedMessage) -> bool:
        """Remove everything that a message says, and whose it was, but not its request id.

        It is in no list and no history afterwards, and nothing brings it back. An imported
        entry has no gate: it is deleted. ``False`` if it was erased before. What its
        ``blob_folders`` hold is the caller's to delete, before this.
        """

    @abstractmethod
    def is_erased(self, request_id: str) -> bool:
        """Whether the message with this key was recorded, and erased since."""
