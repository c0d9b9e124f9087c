"""List the messages of a conversation, page by page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from application.conversations.migrate_history import in_lasting_order
from application.ports.conversation_store import ConversationStore
from application.ports.message_store import MessageStore, latest_entries
from application.ports.pages import Page, read_cursor, write_cursor
from domain.conversations import Conversation, HistoryEntry
from domain.errors import ConversationNotFoundError, InvalidCursorError
from domain.messages import ConversationKey
from domain.times import parse_rfc3339, rfc3339

_LIST_NAME = "messages"


@dataclass(frozen=True)
class ListMessages:
    """The messages of a conversation with how far each has come, the latest first."""

    conversations: ConversationStore
    messages: MessageStore

    def __call__(
        self, key: ConversationKey, limit: int = 50, *, after: str | None = None
    ) -> Page[HistoryEntry]:
        """About ``limit`` entries: those of one moment stay on one page.

        Imported entries are among them, and those of a list that an older system left in the
        record: an entry of it with the id and direction of another one on its page is the same.
        Raises ``ConversationNotFoundError`` and ``InvalidCursorError``.
        """
        record = self.conversations.get_conversation(key)
        if record is None:
            raise ConversationNotFoundError("there is no conversation with this id on this channel")
        before = _moment(after) if after is not None else None
        stored = self.messages.list_entries(key, limit + 1, before=before)
        merged = (*stored, *_legacy_entries(record, before, stored))
        entries = latest_entries(merged, limit)
        is_last = len(entries) == len(merged) and len(stored) <= limit
        cursor = None if is_last else write_cursor(_LIST_NAME, rfc3339(entries[-1].timestamp))
        return Page(entries, cursor)


def _legacy_entries(
    record: Conversation, before: datetime | None, stored: Sequence[HistoryEntry]
) -> Iterator[HistoryEntry]:
    """Those that are not imported yet, with the times that they will have then."""
    known = {(entry.message.direction, entry.message.message_id) for entry in stored}
    for message in in_lasting_order(record.legacy_messages):
        is_new = (message.direction, message.message_id) not in known
        if is_new and (before is None or message.timestamp < before):
            yield HistoryEntry(message)


def _moment(cursor: str) -> datetime:
    (text,) = read_cursor(_LIST_NAME, cursor, 1)
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise InvalidCursorError("this cursor is not one of this list") from error
