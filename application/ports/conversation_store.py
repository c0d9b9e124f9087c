"""Conversation records."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

from application.ports.pages import Page
from domain.channels import ChannelType
from domain.conversations import Conversation, ConversationState, StateChange
from domain.messages import ConversationKey, InboundMessage
from domain.times import rfc3339


def activity_place(record: Conversation) -> tuple[str, str, str]:
    """The place of a record in a list by activity; the latest has the greatest."""
    at = record.last_activity_at
    return rfc3339(at) if at else "", record.conversation_id, record.primary_channel.value


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
    def list_conversations(
        self,
        limit: int,
        *,
        senders: Mapping[ChannelType, Sequence[str]] | None = None,
        after: str | None = None,
    ) -> Page[Conversation]:
        """At most ``limit`` records, open or closed, and no more are looked at.

        Latest activity first, those without any last, where the backend has that order. With
        ``senders``, the values by channel under which a sender may be filed: only their records,
        by any identity, in the order of their ids. A look-up index may lag behind. Raises
        ``InvalidCursorError``.
        """

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
    def change_state(
        self, key: ConversationKey, change: StateChange, *, seen: ConversationState | None = None
    ) -> tuple[Conversation | None, bool]:
        """Set the status, who answers, or both; nothing else changes.

        With ``seen`` only if the record still has that state, compared in the same write. Returns
        the record as it is afterwards, ``None`` if there is none, and whether it was set.
        """
