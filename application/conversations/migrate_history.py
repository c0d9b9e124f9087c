"""Move the histories that older systems keep inside conversation records to the messages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby

from application.ports.conversation_store import ConversationStore
from application.ports.history_import import HistoryImport
from application.ports.pages import PAGE_SIZE, each_item
from domain.conversations import Conversation, Message
from domain.messages import ConversationKey

ATTEMPTS = 5
"""How often a list is moved again that another system writes to meanwhile."""


@dataclass(frozen=True, slots=True)
class MigratedHistory:
    """What became of one record: ``imported`` entries are new in the history.

    ``complete`` tells that its list is gone; else another system adds to it all the time.
    """

    key: ConversationKey
    imported: int
    complete: bool


@dataclass(frozen=True)
class MigrateHistory:
    """Safe to stop at any point, to run twice at once, and while messages come in.

    Entries are imported before their list is dropped, and it is dropped only as it was
    imported. Until then the history merges both by message id.
    """

    conversations: ConversationStore
    history_import: HistoryImport

    def __call__(self) -> Iterator[MigratedHistory]:
        """Yield each record that had a list of messages."""
        records = each_item(
            lambda cursor: self.history_import.list_with_legacy_messages(PAGE_SIZE, after=cursor)
        )
        for record in records:
            yield self._migrate(record)

    def _migrate(self, record: Conversation) -> MigratedHistory:
        imported = 0
        seen: Conversation | None = record
        for _ in range(ATTEMPTS):
            if seen is None or not seen.legacy_messages:
                return MigratedHistory(record.key, imported, complete=True)
            for message in in_lasting_order(seen.legacy_messages):
                imported += self.history_import.import_message(record.key, message)
            if self.history_import.delete_legacy_messages(seen):
                return MigratedHistory(record.key, imported, complete=True)
            seen = self.conversations.get_conversation(record.key)
        return MigratedHistory(record.key, imported, complete=False)


def in_lasting_order(messages: Sequence[Message]) -> tuple[Message, ...]:
    """``messages``, those of one moment a microsecond apart: a history sorts by time alone."""
    return tuple(
        replace(message, timestamp=moment + timedelta(microseconds=number))
        for moment, same in groupby(messages, key=lambda message: message.timestamp)
        for number, message in enumerate(same)
    )
