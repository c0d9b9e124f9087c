"""What is retained of messages and conversations: to list it, and to erase it."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from application.ports.pages import Page
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.erasure import RetainedMessage
from domain.messages import ConversationKey


class Retention(Protocol):
    """Lists and erases, for the rights of persons and for retention times.

    Any method raises ``StorageUnavailableError`` when the store does not answer in time.
    """

    @abstractmethod
    def list_retained(
        self, limit: int, *, after: str | None = None, before: datetime | None = None
    ) -> Page[RetainedMessage]:
        """At most ``limit`` messages and imported entries that are not erased, in any order.

        With ``before`` only those that are older. ``after`` is the cursor of the page before,
        even if that was long ago. Raises ``InvalidCursorError``.
        """

    @abstractmethod
    def list_retained_of(
        self, key: ConversationKey, limit: int, *, after: str | None = None
    ) -> Page[RetainedMessage]:
        """The same of one conversation. An index may lag behind."""

    @abstractmethod
    def erase(self, retained: RetainedMessage) -> bool:
        """Remove everything that a message says, and whose it was, but not its request id.

        It is in no list and no history afterwards, and nothing brings it back. An imported
        entry is deleted. ``False`` if it was erased before. What its ``blob_folders`` hold is
        the caller's to delete, before this.
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

        Yields how many after each part of the work: a caller that stops asking stops it.
        """
