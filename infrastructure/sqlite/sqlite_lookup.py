"""Look-ups of single messages and customers in SQLite, each by an index."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from typing_extensions import override

from application.ports.message_lookup import MessageLookup
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.erasure import Tombstone
from domain.messages import ConversationKey, MessageRecord
from infrastructure.sqlite.sqlite_conversations import THIS_ONE, find_conversations
from infrastructure.sqlite.sqlite_messages import READ, record_from_row
from infrastructure.sqlite.sqlite_schema import SqliteAdapter
from infrastructure.sqlite.statements import Values

FIND = f"""
    SELECT request_id, content_marks, state = 'erased', {READ} FROM messages
    WHERE request_id IN (SELECT value FROM json_each(?))
"""
FIND_MAIL = f"""
    SELECT {READ} FROM messages WHERE channel_type = 'email' AND message_id <> ''
      AND message_id = ? ORDER BY timestamp DESC, request_id DESC LIMIT ?
"""
LATEST_OF = f"""
    SELECT {READ} FROM messages WHERE {THIS_ONE} ORDER BY timestamp DESC, rowid DESC LIMIT :limit
"""
LATEST_UNMATCHED = f"""
    SELECT {READ} FROM messages WHERE state = 'unmatched'
    ORDER BY timestamp DESC, request_id DESC LIMIT ?
"""


class SqliteMessageLookup(SqliteAdapter, MessageLookup):
    """Reads the rows of messages and conversations."""

    @override
    def find_records(self, request_ids: Sequence[str]) -> Mapping[str, MessageRecord | Tombstone]:
        found = self._database.rows(FIND, (json.dumps([*request_ids]),))
        return {
            request_id: Tombstone(request_id, marks) if is_erased else record_from_row(row)
            for request_id, marks, is_erased, *row in found
        }

    @override
    def find_mail(self, message_id: str, limit: int) -> tuple[MessageRecord, ...]:
        return self._records(FIND_MAIL, (message_id, limit))

    @override
    def latest_of(self, key: ConversationKey, limit: int) -> tuple[MessageRecord, ...]:
        return self._records(LATEST_OF, {**asdict(key), "limit": limit})

    @override
    def latest_unmatched(self, limit: int) -> tuple[MessageRecord, ...]:
        return self._records(LATEST_UNMATCHED, (limit,))

    @override
    def conversations_of(
        self, channel: ChannelType, senders: Sequence[str]
    ) -> tuple[Conversation, ...]:
        return find_conversations(self._database, channel, senders)

    def _records(self, statement: str, values: Values) -> tuple[MessageRecord, ...]:
        return tuple(map(record_from_row, self._database.rows(statement, values)))
