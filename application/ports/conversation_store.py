"""Conversation records."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from domain.channels import ChannelType
from domain.conversation_key import ConversationKey
from domain.conversations import Conversation
from domain.messages import InboundMessage


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
