"""What is remembered: conversations, messages, and who was answered automatically."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from domain.addresses import ChannelType
from domain.conversations import Conversation
from domain.erasure import RetainedMessage, Tombstone
from domain.messages import ConversationKey, InboundMessage, Message, MessageRecord


class ConversationStore(Protocol):
    """Conversation records. Every read sees every write that was finished before it.

    Any method raises ``StorageUnavailableError`` when the store does not answer in time.
    """

    @abstractmethod
    def find_open_conversations(
        self, channel: ChannelType, senders: Sequence[str], recipients: Sequence[str] = ()
    ) -> tuple[Conversation, ...]:
        """The conversations on ``channel`` that are not closed, of any of these sender values.

        With ``recipients``, only those of one of them and those without a recipient. Addresses
        are compared in their normal form (``normal_value``), however a record writes them. What
        changes in a conversation (its status, who answers, its times) may have
        changed by the time of ``record_activity``, which has the last word.
        """

    @abstractmethod
    def open_conversation(self, conversation: Conversation) -> tuple[Conversation, bool]:
        """Create the record unless its key exists: the one there is now, and whether it is new."""

    @abstractmethod
    def get_conversations(self, conversation_id: str) -> tuple[Conversation, ...]:
        """The records with this id, one per channel; empty if there is none."""

    @abstractmethod
    def list_conversations(self, limit: int) -> tuple[Conversation, ...]:
        """At most ``limit`` records, latest activity first; those without any come last."""

    @abstractmethod
    def record_activity(
        self, conversation: Conversation, message: InboundMessage
    ) -> Conversation | None:
        """Apply ``conversation.received(message)`` to the stored record, atomically.

        Happens only if the record still exists, is open, still has the recipient that
        ``conversation`` has (or has got this message's), and saw no message as late as this
        one. Returns the record as it is afterwards, also when a later message had come
        first; ``None`` when the record is gone, closed, or another recipient's.
        Every identity of the sender leads to the record from then on.
        """

    @abstractmethod
    def switch_hand_off(self, key: ConversationKey, *, on: bool) -> Conversation | None:
        """Set who answers. Returns the record as it is afterwards; ``None`` if there is none."""

    @abstractmethod
    def with_legacy_messages(self) -> Iterator[Conversation]:
        """Every record with ``legacy_messages``, in no order, read page by page."""

    @abstractmethod
    def drop_legacy_messages(self, seen: Conversation) -> bool:
        """Empty the list of an older system's messages in a record.

        Conditional on the list being the one that ``seen`` has: ``False`` when it is another
        one, for the other system may still write, or the record is gone.
        """

    @abstractmethod
    def find_all_conversations(
        self, channel: ChannelType, senders: Sequence[str]
    ) -> tuple[Conversation, ...]:
        """The conversations of any of these senders, also those that are closed.

        One that is closed may be missing where ``senders`` are not its ``sender_id``.
        """

    @abstractmethod
    def erase_conversation(self, key: ConversationKey) -> bool:
        """Delete the record and all that leads to it; ``False`` if there was none."""

    @abstractmethod
    def erase_last_messages(self, before: datetime) -> Iterator[int]:
        """Remove every record's copy of its last message that is older than ``before``.

        Yields how many after each part of the work: whoever stops asking stops it.
        """


@dataclass(frozen=True, slots=True)
class RetainedPage:
    """Some of what is kept; ``last`` continues after it, ``None`` at the end."""

    messages: tuple[RetainedMessage, ...]
    last: str | None


class MessageStore(Protocol):
    """Inbound messages under their gate keys, which are never deleted.

    Any method raises ``StorageUnavailableError`` when the store does not answer in time.
    """

    @abstractmethod
    def record(self, record: MessageRecord) -> MessageRecord | Tombstone | None:
        """Create the record unless its gate key exists: the commit point of a webhook.

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
    def retry(self, gate_key: str) -> bool:
        """Make an undeliverable message pending again, as if it had never been tried.

        ``False`` if it is not undeliverable.
        """

    @abstractmethod
    def mark_queued(self, gate_key: str, queued_at: datetime) -> bool:
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

        ``after`` is the gate key of the last record of the page before.
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
        """Remove everything that a message says, and whose it was, but not its gate key.

        It is in no list and no history afterwards, and nothing brings it back. An imported
        entry has no gate: it is deleted. ``False`` if it was erased before. What its
        ``blob_folders`` hold is the caller's to delete, before this.
        """

    @abstractmethod
    def is_erased(self, gate_key: str) -> bool:
        """Whether the message with this key was recorded, and erased since."""


class ThrottleOutcome(StrEnum):
    """What became of the wish to answer a sender automatically."""

    GRANTED = "granted"
    WITHIN_WINDOW = "within_window"
    OVER_HOURLY_LIMIT = "over_hourly_limit"


@dataclass(frozen=True, slots=True)
class ThrottleLimits:
    """One answer per sender in ``window``, and ``max_per_hour`` for everybody together.

    A window holds the moment of its claim and ends just before that moment plus ``window``.
    """

    window: timedelta
    max_per_hour: int


class FallbackThrottle(Protocol):
    """Who was answered automatically, and when: the brake on automatic answers."""

    @abstractmethod
    def acquire(self, sender: str, now: datetime, limits: ThrottleLimits) -> ThrottleOutcome:
        """Claim the right to answer ``sender``: atomic, durable before it returns.

        Of any number of simultaneous claims for one sender, one is granted. The hour is a
        clock hour of ``now``. Raises ``StorageUnavailableError`` (then nothing is sent).
        """

    @abstractmethod
    def release(self, sender: str) -> None:
        """Undo a granted claim: nothing was sent. The hour's count stays."""

    @abstractmethod
    def delete_older(self, moment: datetime) -> int:
        """Forget the claims and hours before ``moment``; how many, if the backend tells.

        Where the backend does so by itself, this does nothing.
        """
