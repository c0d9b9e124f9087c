"""Histories that older systems left inside conversation records."""

from abc import abstractmethod
from typing import Protocol

from application.ports.pages import Page
from domain.conversations import Conversation, Message
from domain.messages import ConversationKey


class HistoryImport(Protocol):
    """Moves the lists of older systems to entries of the history.

    Any method raises ``StorageUnavailableError`` when the store does not answer in time.
    """

    @abstractmethod
    def list_with_legacy_messages(
        self, limit: int, *, after: str | None = None
    ) -> Page[Conversation]:
        """At most ``limit`` records with ``legacy_messages``, in no order."""

    @abstractmethod
    def import_message(self, key: ConversationKey, message: Message) -> bool:
        """Add an entry of an older system to a history, once: ``False`` if it is there already.

        It is the same entry if direction, id and content are the same. An imported entry is no
        duplicate of a message. Durable when it returns.
        """

    @abstractmethod
    def delete_legacy_messages(self, seen: Conversation) -> bool:
        """Empty the list of an older system's messages in a record.

        Conditional on the list being the one that ``seen`` has: ``False`` when it is another
        one, for the other system may still write, or the record is gone.
        """
