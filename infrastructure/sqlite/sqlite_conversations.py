"""Conversation records in SQLite."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from typing_extensions import override

from application.ports.conversation_store import ConversationStore
from domain.channels import ChannelType
from domain.conversation_key import ConversationKey
from domain.conversations import CLOSED, USER_REPLY_RECEIVED, Conversation
from domain.messages import InboundMessage
from domain.times import parse_rfc3339, rfc3339
from infrastructure.serialization.address_matching import is_for, normal_senders
from infrastructure.serialization.message_json import messages_from_json, messages_to_json
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.sqlite_schema import MIGRATIONS

_PAGE_SIZE = 100

# The columns are the attributes, by the same names.
_NAMES = tuple(field.name for field in fields(Conversation))
_COLUMNS = ", ".join(_NAMES)
_THIS = "conversation_id = :conversation_id AND primary_channel = :primary_channel"

_INSERT = f"""
    INSERT INTO conversations ({_COLUMNS}) VALUES ({", ".join(f":{name}" for name in _NAMES)})
    ON CONFLICT (conversation_id, primary_channel) DO NOTHING
"""  # noqa: S608 - the names of our own attributes
_SELECT = f"SELECT {_COLUMNS} FROM conversations WHERE {_THIS}"  # noqa: S608
_SELECT_ID = f"""
    SELECT {_COLUMNS} FROM conversations WHERE conversation_id = ? ORDER BY primary_channel
"""  # noqa: S608
# Nothing compares less than NULL, so whoever was never active comes last.
_LIST = f"""
    SELECT {_COLUMNS} FROM conversations
    ORDER BY last_activity_at DESC, conversation_id, primary_channel LIMIT ?
"""  # noqa: S608
_FIND = f"""
    SELECT {_COLUMNS} FROM conversations
    WHERE primary_channel = :channel AND conversation_status <> '{CLOSED}'
      AND conversation_id IN (
          SELECT conversation_id FROM participants
          WHERE channel = :channel AND sender IN ({{senders}}))
    ORDER BY conversation_id
"""  # noqa: S608
_RECORD_ACTIVITY = f"""
    UPDATE conversations
    SET recipient_id = coalesce(nullif(recipient_id, ''), :recipient),
        conversation_status = '{USER_REPLY_RECEIVED}',
        last_user_message_at = :received_at,
        last_activity_at = :received_at,
        last_message = :last_message
    WHERE {_THIS} AND conversation_status <> '{CLOSED}'
      AND (recipient_id IS :known_recipient OR recipient_id = :recipient)
      AND (last_user_message_at IS NULL OR last_user_message_at < :received_at)
    RETURNING {_COLUMNS}
"""  # noqa: S608
_SWITCH_HAND_OFF = f"""
    UPDATE conversations SET hand_off_to_human = :on WHERE {_THIS} RETURNING {_COLUMNS}
"""  # noqa: S608
_WITH_LEGACY_MESSAGES = f"""
    SELECT {_COLUMNS} FROM conversations
    WHERE legacy_messages <> '[]' AND (conversation_id, primary_channel) > (:id, :channel)
    ORDER BY conversation_id, primary_channel LIMIT {_PAGE_SIZE}
"""  # noqa: S608
_DROP_LEGACY_MESSAGES = f"""
    UPDATE conversations SET legacy_messages = '[]'
    WHERE {_THIS} AND legacy_messages = :legacy_messages
"""  # noqa: S608
_FIND_ALL = f"""
    SELECT {_COLUMNS} FROM conversations
    WHERE primary_channel = :channel AND conversation_id IN (
        SELECT conversation_id FROM participants
        WHERE channel = :channel AND sender IN ({{senders}}))
    ORDER BY conversation_id
"""  # noqa: S608
# With it go its participants.
_ERASE = f"DELETE FROM conversations WHERE {_THIS}"  # noqa: S608
_ERASE_LAST_MESSAGES = """
    UPDATE conversations SET last_message = '[]' WHERE rowid IN (
        SELECT rowid FROM conversations
        WHERE last_message <> '[]' AND json_extract(last_message, '$[0].timestamp') < ? LIMIT ?)
"""
_ADD_SENDER = """
    INSERT INTO participants (channel, sender, conversation_id) VALUES (?, ?, ?)
    ON CONFLICT (channel, sender, conversation_id) DO NOTHING
"""


class SqliteConversationStore(ConversationStore):
    """Conversations as rows, found through the table of their participants."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        database.migrate(MIGRATIONS)

    @override
    def find_open_conversations(
        self, channel: ChannelType, senders: Sequence[str], recipients: Sequence[str] = ()
    ) -> tuple[Conversation, ...]:
        found = self._find(_FIND, channel, senders)
        return tuple(conversation for conversation in found if is_for(conversation, recipients))

    @override
    def open_conversation(self, conversation: Conversation) -> tuple[Conversation, bool]:
        with self._database.write() as connection:
            created = connection.execute(_INSERT, _to_row(conversation)).rowcount == 1
            if created:
                _add_senders(connection, conversation.key, [conversation.sender_id])
            (present,) = connection.execute(_SELECT, _to_key(conversation.key)).fetchall()
        return _from_row(present), created

    @override
    def get_conversations(self, conversation_id: str) -> tuple[Conversation, ...]:
        with self._database.read() as connection:
            rows = connection.execute(_SELECT_ID, (conversation_id,)).fetchall()
        return tuple(map(_from_row, rows))

    @override
    def list_conversations(self, limit: int) -> tuple[Conversation, ...]:
        with self._database.read() as connection:
            rows = connection.execute(_LIST, (limit,)).fetchall()
        return tuple(map(_from_row, rows))

    def record_activity(
        self, conversation: Conversation, message: InboundMessage
    ) -> Conversation | None:
        """See ``ConversationStore``: ``Conversation.received`` as one guarded statement."""
        values = {
            **_to_key(conversation.key),
            "known_recipient": conversation.recipient_id,
            "recipient": message.recipient.address,
            "received_at": rfc3339(message.received_at),
            "last_message": messages_to_json([message.in_history().preview()]),
        }
        with self._database.write() as connection:
            rows = connection.execute(_RECORD_ACTIVITY, values).fetchall()
            current = _from_row(rows[0]) if rows else None
            if current is None:
                current = _present_if_it_takes(connection, conversation, message)
            if current is not None:
                identities = [identity.value for identity in message.identities]
                _add_senders(connection, conversation.key, identities)
        return current

    @override
    def switch_hand_off(self, key: ConversationKey, *, on: bool) -> Conversation | None:
        with self._database.write() as connection:
            rows = connection.execute(_SWITCH_HAND_OFF, {**_to_key(key), "on": on}).fetchall()
        return _from_row(rows[0]) if rows else None

    @override
    def with_legacy_messages(self) -> Iterator[Conversation]:
        last = {"id": "", "channel": ""}
        while True:
            with self._database.read() as connection:
                rows = connection.execute(_WITH_LEGACY_MESSAGES, last).fetchall()
            for record in map(_from_row, rows):
                yield record
                last = {"id": record.conversation_id, "channel": record.primary_channel}
            if len(rows) < _PAGE_SIZE:
                return

    @override
    def drop_legacy_messages(self, seen: Conversation) -> bool:
        values = {**_to_key(seen.key), "legacy_messages": messages_to_json(seen.legacy_messages)}
        with self._database.write() as connection:
            return connection.execute(_DROP_LEGACY_MESSAGES, values).rowcount == 1

    @override
    def find_all_conversations(
        self, channel: ChannelType, senders: Sequence[str]
    ) -> tuple[Conversation, ...]:
        return self._find(_FIND_ALL, channel, senders)

    @override
    def erase_conversation(self, key: ConversationKey) -> bool:
        with self._database.write() as connection:
            return connection.execute(_ERASE, _to_key(key)).rowcount == 1

    @override
    def erase_last_messages(self, before: datetime) -> Iterator[int]:
        erased = _PAGE_SIZE
        while erased == _PAGE_SIZE:
            with self._database.write() as connection:
                values = (rfc3339(before), _PAGE_SIZE)
                erased = connection.execute(_ERASE_LAST_MESSAGES, values).rowcount
            yield erased

    def _find(
        self, statement: str, channel: ChannelType, senders: Sequence[str]
    ) -> tuple[Conversation, ...]:
        values = {f"sender{n}": s for n, s in enumerate(normal_senders(channel, senders))}
        statement = statement.format(senders=", ".join(f":{name}" for name in values))
        with self._database.read() as connection:
            rows = connection.execute(statement, {"channel": channel, **values}).fetchall()
        return tuple(map(_from_row, rows))


def _present_if_it_takes(
    connection: sqlite3.Connection, conversation: Conversation, message: InboundMessage
) -> Conversation | None:
    """Why the update lost: a later message came first, or the record is not the one it was."""
    rows = connection.execute(_SELECT, _to_key(conversation.key)).fetchall()
    present = _from_row(rows[0]) if rows else None
    if present is None or not present.is_open:
        return None
    recipients = (conversation.recipient_id, message.recipient.address)
    return present if present.recipient_id in recipients else None


def _add_senders(
    connection: sqlite3.Connection, key: ConversationKey, senders: Sequence[str | None]
) -> None:
    channel = key.primary_channel
    for sender in normal_senders(channel, senders):
        connection.execute(_ADD_SENDER, (channel, sender, key.conversation_id))


def _to_key(key: ConversationKey) -> dict[str, object]:
    return {"conversation_id": key.conversation_id, "primary_channel": key.primary_channel}


def _to_row(conversation: Conversation) -> dict[str, object]:
    row: dict[str, object] = {name: getattr(conversation, name) for name in _NAMES}
    seen, active = conversation.last_user_message_at, conversation.last_activity_at
    last = conversation.last_message
    return {
        **row,
        "last_user_message_at": rfc3339(seen) if seen else None,
        "last_activity_at": rfc3339(active) if active else None,
        "last_message": messages_to_json([last] if last else []),
        "legacy_messages": messages_to_json(conversation.legacy_messages),
    }


def _from_row(row: Sequence[Any]) -> Conversation:
    values: dict[str, Any] = dict(zip(_NAMES, row, strict=True))
    for name in ("last_user_message_at", "last_activity_at"):
        values[name] = parse_rfc3339(values[name]) if values[name] else None
    last_message = messages_from_json(values["last_message"])
    return Conversation(
        **{
            **values,
            "primary_channel": ChannelType(values["primary_channel"]),
            "hand_off_to_human": bool(values["hand_off_to_human"]),
            "last_message": last_message[0] if last_message else None,
            "legacy_messages": messages_from_json(values["legacy_messages"]),
        }
    )
