"""Conversation records in SQLite."""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from typing_extensions import override

from application.ports.conversation_store import ConversationStore
from domain.addresses import normal_senders
from domain.channels import ChannelType
from domain.conversations import Conversation, Message
from domain.messages import ConversationKey, InboundMessage
from domain.times import parse_rfc3339, rfc3339
from infrastructure.serialization.context_json import messages_from_json, messages_to_json
from infrastructure.sqlite.sqlite_schema import SqliteAdapter
from infrastructure.sqlite.statements import Statements

# The columns are the attributes, by the same names.
_NAMES = tuple(field.name for field in fields(Conversation) if field.name != "found_by")
_TIMES = ("last_user_message_at", "last_activity_at")
COLUMNS = ", ".join(_NAMES)
THIS_ONE = "conversation_id = :conversation_id AND primary_channel = :primary_channel"

# Closed since, or of another recipient: then a message does not join it any more.
_JOINED = f"""
    {THIS_ONE} AND conversation_status <> 'closed'
    AND (recipient_id IS :known_recipient OR recipient_id = :recipient)
"""

_INSERT = f"""
    INSERT INTO conversations ({COLUMNS}) VALUES ({", ".join(f":{name}" for name in _NAMES)})
    ON CONFLICT (conversation_id, primary_channel) DO NOTHING
"""
_SELECT = f"SELECT {COLUMNS} FROM conversations WHERE {THIS_ONE}"
_SELECT_ID = (
    f"SELECT {COLUMNS} FROM conversations WHERE conversation_id = ? ORDER BY primary_channel"
)
# Nothing compares less than NULL, so what was never active comes last.
_LIST = f"""
    SELECT {COLUMNS} FROM conversations
    ORDER BY last_activity_at DESC, conversation_id, primary_channel LIMIT ?
"""
_FIND = f"""
    SELECT {COLUMNS} FROM conversations
    WHERE primary_channel = :channel AND (:closed_too OR conversation_status <> 'closed')
      AND conversation_id IN (
          SELECT conversation_id FROM participants
          WHERE channel = :channel AND sender IN (SELECT value FROM json_each(:senders)))
    ORDER BY conversation_id
"""
_RECORD_ACTIVITY = f"""
    UPDATE conversations
    SET recipient_id = coalesce(nullif(recipient_id, ''), :recipient),
        conversation_status = 'user_reply_received',
        last_user_message_at = :received_at,
        last_activity_at = :received_at,
        last_message = :last_message
    WHERE {_JOINED} AND (last_user_message_at IS NULL OR last_user_message_at < :received_at)
    RETURNING {COLUMNS}
"""
_SELECT_JOINED = f"SELECT {COLUMNS} FROM conversations WHERE {_JOINED}"
_SWITCH_HAND_OFF = f"""
    UPDATE conversations SET hand_off_to_human = :on WHERE {THIS_ONE} RETURNING {COLUMNS}
"""
_ADD_SENDER = """
    INSERT INTO participants (channel, sender, conversation_id) VALUES (?, ?, ?)
    ON CONFLICT (channel, sender, conversation_id) DO NOTHING
"""


class SqliteConversationStore(SqliteAdapter, ConversationStore):
    """Conversations as rows, found through the table of their participants."""

    @override
    def find_open_conversations(
        self, channel: ChannelType, senders: Sequence[str], recipients: Sequence[str] = ()
    ) -> tuple[Conversation, ...]:
        found = find_conversations(self._database, channel, senders)
        return tuple(conversation for conversation in found if conversation.is_for(recipients))

    @override
    def open_conversation(self, conversation: Conversation) -> tuple[Conversation, bool]:
        with self._database.write() as connection:
            created = connection.execute(_INSERT, _to_row(conversation)).rowcount == 1
            if created:
                _add_senders(connection, conversation.key, [conversation.sender_id])
            (present,) = connection.execute(_SELECT, asdict(conversation.key)).fetchall()
        return conversation_from_row(present), created

    @override
    def get_conversations(self, conversation_id: str) -> tuple[Conversation, ...]:
        rows = self._database.rows(_SELECT_ID, (conversation_id,))
        return tuple(map(conversation_from_row, rows))

    @override
    def list_conversations(self, limit: int) -> tuple[Conversation, ...]:
        return tuple(map(conversation_from_row, self._database.rows(_LIST, (limit,))))

    @override
    def record_activity(
        self, conversation: Conversation, message: InboundMessage
    ) -> Conversation | None:
        """``Conversation.received`` as one guarded statement."""
        values = {
            "conversation_id": conversation.conversation_id,
            "primary_channel": conversation.primary_channel,
            "known_recipient": conversation.recipient_id,
            "recipient": message.recipient.address,
            "received_at": rfc3339(message.received_at),
            "last_message": messages_to_json([Message.of(message).preview()]),
        }
        with self._database.write() as connection:
            rows = connection.execute(_RECORD_ACTIVITY, values).fetchall()
            # A later message came first: then the record stays as it is.
            rows = rows or connection.execute(_SELECT_JOINED, values).fetchall()
            if not rows:
                return None
            identities = [identity.value for identity in message.identities]
            _add_senders(connection, conversation.key, identities)
        return conversation_from_row(rows[0])

    @override
    def switch_hand_off(self, key: ConversationKey, *, on: bool) -> Conversation | None:
        with self._database.write() as connection:
            rows = connection.execute(_SWITCH_HAND_OFF, {**asdict(key), "on": on}).fetchall()
        return conversation_from_row(rows[0]) if rows else None


def find_conversations(
    database: Statements,
    channel: ChannelType,
    senders: Sequence[str],
    *,
    closed_too: bool = False,
) -> tuple[Conversation, ...]:
    """The conversations of any of these senders."""
    wanted = json.dumps([*normal_senders(channel, senders)])
    values = {"channel": channel, "senders": wanted, "closed_too": closed_too}
    return tuple(map(conversation_from_row, database.rows(_FIND, values)))


def _add_senders(
    connection: sqlite3.Connection, key: ConversationKey, senders: Sequence[str | None]
) -> None:
    channel = key.primary_channel
    for sender in normal_senders(channel, senders):
        connection.execute(_ADD_SENDER, (channel, sender, key.conversation_id))


def _to_row(conversation: Conversation) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(conversation, name) for name in _NAMES}
    for name in _TIMES:
        row[name] = rfc3339(row[name]) if row[name] else None
    last = conversation.last_message
    row["last_message"] = messages_to_json([last] if last else [])
    row["legacy_messages"] = messages_to_json(conversation.legacy_messages)
    return row


def conversation_from_row(row: Sequence[Any]) -> Conversation:
    """The conversation of a row of ``COLUMNS``."""
    values: dict[str, Any] = dict(zip(_NAMES, row, strict=True))
    for name in _TIMES:
        values[name] = parse_rfc3339(values[name]) if values[name] else None
    values["primary_channel"] = ChannelType(values["primary_channel"])
    values["hand_off_to_human"] = bool(values["hand_off_to_human"])
    values["last_message"] = next(iter(messages_from_json(values["last_message"])), None)
    values["legacy_messages"] = messages_from_json(values["legacy_messages"])
    return Conversation(**values)
