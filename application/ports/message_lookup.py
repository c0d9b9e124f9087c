"""Look-ups for those who follow one message or one customer. No webhook needs them."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.erasure import Tombstone
from domain.messages import ConversationKey, MessageRecord


class MessageLookup(Protocol):
    """Finds records by what an operator has in hand.

    None reads a whole table. What an index finds may be a moment old. Any method raises
    ``StorageUnavailableError`` when the store does not answer in time.
    """

    @abstractmethod
    def find_records(self, request_ids: Sequence[str]) -> Mapping[str, MessageRecord | Tombstone]:
        """The records and tombstones that there are of these keys."""

    @abstractmethod
    def find_mail(self, message_id: str, limit: int) -> tuple[MessageRecord, ...]:
        """At most ``limit`` records of mail with exactly this message id, the latest first.

        One for each recipient, and for each mail that had the id. Erased ones are not found.
        """

    @abstractmethod
    def latest_of(self, key: ConversationKey, limit: int) -> tuple[MessageRecord, ...]:
        """The latest ``limit`` inbound messages of a conversation, the latest first."""

    @abstractmethod
    def latest_unmatched(self, limit: int) -> tuple[MessageRecord, ...]:
        """The latest ``limit`` unmatched messages, the latest first."""

    @abstractmethod
    def conversations_of(
        self, channel: ChannelType, senders: Sequence[str]
    ) -> tuple[Conversation, ...]:
        """The conversations of any of these senders, open or closed.

        One that is closed may be missing where ``senders`` are not its ``sender_id``.
        """
