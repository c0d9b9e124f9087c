"""Conversation records."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.messages import ConversationKey, InboundMessage


def latest_activity_first(record: Conversation) -> tuple[bool, float, str, str]:
    """The order of ``list_conversations``, as a key to sort by."""
    at = record.last_activity_at
    return at is None, -at.timestamp() if at else 0, record.conversation_id, record.primary_channel


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
        are compared in their normal form (``normal_value``). Status, hand-off and times may have
        changed by the time of ``record_activity``, which decides. The messages in the records may
        be missing.
        """

    @abstractmethod
    def open_conversation(self, conversation: Conversation) -> tuple[Conversation, bool]:
        """Create the record unless its key exists: the one there is now, and whether it is new."""

    @abstractmethod
    def get_conversations(self, conversation_id: str) -> tuple[Conversation, ...]:
        """The records with this id, one per channel; empty if there is none."""

    def get_conversation(self, key: ConversationKey) -> Conversation | None:
        """The record with this key; ``None`` if there is none."""
        records = self.get_conversations(key.conversation_id)
        return next((record for record in records if record.key == key), None)

    @abstractmethod
    def list_conversations(self, limit: int) -> tuple[Conversation, ...]:
        """At most ``limit`` records, latest activity first; those without any come last."""

    @abstractmethod
    def record_activity(
        self, conversation: Conversation, message: InboundMessage
    ) -> Conversation | None:
        """Apply ``conversation.received(message)`` to the stored record, atomically.

        Only if the record is open, has the recipient of ``conversation`` or of ``message``, and
        saw no message as late as this one. Returns the record as it is afterwards, also when a
        later message came first; ``None`` when the record is gone, closed, or another
        recipient's. Every identity of the sender leads to the record from then on.
        """

    @abstractmethod
    def switch_hand_off(self, key: ConversationKey, *, on: bool) -> Conversation | None:
        """Set who answers. Returns the record as it is afterwards; ``None`` if there is none."""
