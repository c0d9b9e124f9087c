"""Conversation records in SQLite."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, fields
from itertools import chain
from typing import Any

from typing_extensions import override

from application.ports.conversation_store import ConversationStore, activity_place
from application.ports.pages import Page, read_cursor, write_cursor
from domain.addresses import normal_senders
from domain.channels import ChannelType
from domain.conversations import Conversation, ConversationState, Message, StateChange
from domain.messages import ConversationKey, InboundMessage
from domain.times import parse_rfc3339, rfc3339
from infrastructure.serialization.context_json import messages_from_json, messages_to_json
from infrastructure.sqlite.sqlite_schema import EVER, SqliteAdapter
from infrastructure.sqlite.statements import Statements

# The columns are the attributes, by the same names.
_NAMES = tuple(field.name for field in fields(Conversation) if field.name != "found_by")
_TIMES = ("last_user_message_at", "last_activity_at")
_HISTORY = ("last_message", "legacy_messages")
COLUMNS = ", ".join(_NAMES)
_HEAD = ", ".join(name for name in _NAMES if name not in _HISTORY)
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
_LIST = f"""
    SELECT {COLUMNS} FROM conversations
    WHERE coalesce(last_activity_at, '') <= :at
      AND (coalesce(last_activity_at, '') < :at
           OR (conversation_id, primary_channel) < (:conversation_id, :channel))
    ORDER BY coalesce(last_activity_at, '') DESC, conversation_id DESC, primary_channel DESC
    LIMIT :limit
"""
_KEYS_OF_SENDER = """
    SELECT conversation_id AS id, channel FROM participants
    WHERE channel = ? AND sender = ? AND (conversation_id, channel) > (?, ?)
"""
# The senders come first, whatever the planner thinks: there are few.
_LIST_OF_SENDERS = f"""
    SELECT {COLUMNS} FROM ({{keys}} ORDER BY id, channel LIMIT ?)
    CROSS JOIN conversations ON conversation_id = id AND primary_channel = channel
    ORDER BY id, channel
"""
_FIND = """
    SELECT {columns} FROM conversations
    WHERE primary_channel = ?1 AND (?2 OR conversation_status <> 'closed')
      AND conversation_id IN (
          SELECT conversation_id FROM participants WHERE channel = ?1 AND sender IN ({senders}))
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
_CHANGE_STATE = f"""
    UPDATE conversations
    SET conversation_status = coalesce(:status, conversation_status),
        hand_off_to_human = coalesce(:hand_off, hand_off_to_human)
    WHERE {THIS_ONE} AND (:any_state
        OR (conversation_status, hand_off_to_human) = (:seen_status, :seen_hand_off))
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
        rows = _find(self._database, channel, senders, columns=_HEAD, closed_too=False)
        found = (_conversation(row, None, ()) for row in rows)
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
    def list_conversations(
        self,
        limit: int,
        *,
        senders: Mapping[ChannelType, Sequence[str]] | None = None,
        after: str | None = None,
    ) -> Page[Conversation]:
        if senders is not None:
            return self._list_of_senders(limit, senders, after)
        place = read_cursor("conversations", after, 3) if after is not None else (EVER, "", "")
        values = dict(zip(("at", "conversation_id", "channel"), place, strict=True))
        rows = self._database.rows(_LIST, {**values, "limit": limit + 1})
        found = tuple(map(conversation_from_row, rows[:limit]))
        is_last = len(rows) <= limit
        cursor = None if is_last else write_cursor("conversations", *activity_place(found[-1]))
        return Page(found, cursor)

    def _list_of_senders(
        self, limit: int, senders: Mapping[ChannelType, Sequence[str]], after: str | None
    ) -> Page[Conversation]:
        list_name = "conversations of senders"
        place = read_cursor(list_name, after, 2) if after is not None else ("", "")
        wanted = [
            (channel.value, value)
            for channel, values in senders.items()
            for value in normal_senders(channel, values)
        ]
        statement = _LIST_OF_SENDERS.format(keys=" UNION ".join([_KEYS_OF_SENDER] * len(wanted)))
        values = (*chain.from_iterable((*sender, *place) for sender in wanted), limit + 1)
        rows = self._database.rows(statement, values) if wanted else []
        found = tuple(map(conversation_from_row, rows[:limit]))
        is_last = len(rows) <= limit
        cursor = None if is_last else write_cursor(list_name, *astuple(found[-1].key))
        return Page(found, cursor)

    @override
    def record_activity(
        self, conversation: Conversation, message: InboundMessage
    ) -> Conversation | None:
        """``Conversation.received`` as one guarded statement."""
        last = Message.preview_of(message)
        values = {
            "conversation_id": conversation.conversation_id,
            "primary_channel": conversation.primary_channel.value,
            "known_recipient": conversation.recipient_id,
            "recipient": message.recipient.address,
            "received_at": rfc3339(message.received_at),
            "last_message": messages_to_json([last]),
        }
        with self._database.write() as connection:
            if rows := connection.execute(_RECORD_ACTIVITY, values).fetchall():
                *head, _, legacy = rows[0]
                present = _conversation(head, last, messages_from_json(legacy))
            # A later message came first: then the record stays as it is.
            elif rows := connection.execute(_SELECT_JOINED, values).fetchall():
                present = conversation_from_row(rows[0])
            else:
                return None
            # The address that it was opened for leads to it already.
            new = [one.value for one in message.identities if one.value != present.sender_id]
            if new:
                _add_senders(connection, conversation.key, new)
        return present

    @override
    def change_state(
        self, key: ConversationKey, change: StateChange, *, seen: ConversationState | None = None
    ) -> tuple[Conversation | None, bool]:
        values = {
            **asdict(key),
            "status": change.conversation_status,
            "hand_off": change.hand_off_to_human,
            "any_state": seen is None,
            "seen_status": seen.conversation_status if seen else None,
            "seen_hand_off": seen.hand_off_to_human if seen else None,
        }
        with self._database.write() as connection:
            is_set = connection.execute(_CHANGE_STATE, values).rowcount == 1
            rows = connection.execute(_SELECT, asdict(key)).fetchall()
        return (conversation_from_row(rows[0]) if rows else None), is_set


def find_conversations(
    database: Statements, channel: ChannelType, senders: Sequence[str]
) -> tuple[Conversation, ...]:
    """The conversations of any of these senders, the closed ones too."""
    rows = _find(database, channel, senders, columns=COLUMNS, closed_too=True)
    return tuple(map(conversation_from_row, rows))


def _find(
    database: Statements,
    channel: ChannelType,
    senders: Sequence[str],
    *,
    columns: str,
    closed_too: bool,
) -> list[Any]:
    wanted = normal_senders(channel, senders)
    # A message has few senders: there are few such statements, and they stay compiled.
    statement = _FIND.format(columns=columns, senders=", ".join("?" * len(wanted)))
    return database.rows(statement, (channel.value, closed_too, *wanted))


def _add_senders(
    connection: sqlite3.Connection, key: ConversationKey, senders: Sequence[str | None]
) -> None:
    channel = key.primary_channel
    for sender in normal_senders(channel, senders):
        connection.execute(_ADD_SENDER, (channel.value, sender, key.conversation_id))


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
    *head, last, legacy = row
    return _conversation(
        head, next(iter(messages_from_json(last)), None), messages_from_json(legacy)
    )


def _conversation(
    head: Sequence[Any], last: Message | None, legacy: tuple[Message, ...]
) -> Conversation:
    """The conversation of a row of ``_HEAD``, with its messages."""
    conversation_id, channel, sender, recipient, status, hand_off, *rest = head
    thread, company, project, company_name, credentials, user_message_at, activity_at = rest
    return Conversation(
        conversation_id,
        ChannelType(channel),
        sender,
        recipient,
        status,
        bool(hand_off),
        thread,
        company,
        project,
        company_name,
        credentials,
        parse_rfc3339(user_message_at) if user_message_at else None,
        parse_rfc3339(activity_at) if activity_at else None,
        last,
        legacy,
    )
