"""The stores in SQLite fulfil the contracts, and their records are durable."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from application.clock import utc_now
from application.ports.fallback_throttle import FallbackThrottle, ThrottleOutcome
from application.ports.pages import Page
from application.ports.stores import Stores
from domain.channels import ChannelType
from domain.conversations import Direction, Message
from domain.errors import StorageRefusedError, StorageUnavailableError
from domain.messages import MessageState
from infrastructure.memory.memory_metrics import MemoryMetrics
from infrastructure.sqlite.backend import SqliteBackend
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.sqlite_conversations import SqliteConversationStore
from infrastructure.sqlite.sqlite_fallback_throttle import SqliteFallbackThrottle
from infrastructure.sqlite.sqlite_messages import SqliteMessageStore, SqliteOutbox
from tests.builders import KEY, NOW, a_conversation, a_record, an_inbound_message
from tests.contracts.conversation_lists import ConversationOrderContract
from tests.contracts.conversation_store import ConversationStoreContract
from tests.contracts.fallback_throttle import LIMITS, FallbackThrottleContract
from tests.contracts.message_store import MessageStoreContract

SMS, WHATSAPP = ChannelType.SMS, ChannelType.WHATSAPP


class TestSqliteConversationStore(ConversationOrderContract, ConversationStoreContract):
    @pytest.fixture
    def stores(self, database: SqliteDatabase) -> Stores:
        return SqliteBackend(Path(), lambda: database, utc_now, MemoryMetrics()).stores


class TestSqliteMessageStore(MessageStoreContract):
    @pytest.fixture
    def stores(self, database: SqliteDatabase) -> Stores:
        return SqliteBackend(Path(), lambda: database, utc_now, MemoryMetrics()).stores


class TestSqliteFallbackThrottle(FallbackThrottleContract):
    @pytest.fixture
    def throttle(self, database: SqliteDatabase) -> FallbackThrottle:
        return SqliteFallbackThrottle(database)


class TestDurability:
    """Records are stored when the file is opened again."""

    @pytest.fixture
    def reopened(self, path: Path) -> Iterator[SqliteDatabase]:
        """The file after one database wrote to it and was closed."""
        written = SqliteDatabase(path)
        conversations = SqliteConversationStore(written)
        conversations.open_conversation(a_conversation())
        conversations.record_activity(a_conversation(), an_inbound_message())
        SqliteMessageStore(written).record(a_record())
        SqliteOutbox(written).mark_queued(a_record().request_id, NOW)
        SqliteFallbackThrottle(written).acquire("ana", NOW, LIMITS)
        written.close()
        database = SqliteDatabase(path)
        yield database
        database.close()

    def test_conversations_are_stored_when_the_file_is_opened_again(
        self, reopened: SqliteDatabase
    ) -> None:
        found = SqliteConversationStore(reopened).get_conversations("conversation-1")
        assert found == (a_conversation().received(an_inbound_message()),)

    def test_messages_are_stored_when_the_file_is_opened_again(
        self, reopened: SqliteDatabase
    ) -> None:
        queued = a_record(state=MessageState.QUEUED, queued_at=NOW)
        assert SqliteMessageStore(reopened).record(a_record()) == queued

    def test_sent_fallbacks_are_stored_when_the_file_is_opened_again(
        self, reopened: SqliteDatabase
    ) -> None:
        acquired = SqliteFallbackThrottle(reopened).acquire("ana", NOW, LIMITS)
        assert acquired is ThrottleOutcome.WITHIN_WINDOW

    def test_legacy_messages_of_a_record_are_stored(self, database: SqliteDatabase) -> None:
        legacy = Message("1", Direction.OUTBOUND, "Hello", NOW, ChannelType.SMS, {"agent": "Eve"})
        store = SqliteConversationStore(database)
        store.open_conversation(a_conversation(legacy_messages=(legacy,)))
        assert store.get_conversations("conversation-1")[0].legacy_messages == (legacy,)


class TestErrors:
    """Every error of SQLite is translated."""

    def test_every_store_of_a_closed_database_is_unavailable(
        self, database: SqliteDatabase
    ) -> None:
        conversations = SqliteConversationStore(database)
        messages = SqliteMessageStore(database)
        throttle = SqliteFallbackThrottle(database)
        database.close()
        with pytest.raises(StorageUnavailableError):
            conversations.find_open_conversations(ChannelType.SMS, ["+14155550123"])
        with pytest.raises(StorageUnavailableError):
            messages.record(a_record())
        with pytest.raises(StorageUnavailableError):
            throttle.acquire("ana", NOW, LIMITS)

    def test_message_that_breaks_a_constraint_is_not_stored(self, database: SqliteDatabase) -> None:
        store = SqliteMessageStore(database)
        store.record(a_record())
        without_content = a_record(an_inbound_message(message_id="another", body=None))
        with pytest.raises(StorageRefusedError):
            store.record(without_content)
        assert len(store.history(KEY)) == 1


class TestSchema:
    """An operator can query the tables, and every query has its index."""

    def test_message_can_be_queried_by_its_columns(
        self, database: SqliteDatabase, path: Path
    ) -> None:
        SqliteMessageStore(database).record(a_record())
        with closing(sqlite3.connect(path)) as connection:
            row = connection.execute(
                "SELECT message_id, direction, content, timestamp, channel_type FROM messages"
            ).fetchone()
        assert row == (
            "SM00000000000000000000000000000001",
            "INBOUND",
            "Is my order on its way?",
            "2026-03-04T12:00:00.250000Z",
            "sms",
        )

    @pytest.mark.parametrize(
        ("query", "index"),
        [
            ("FROM messages WHERE state = 'pending' ORDER BY due_at", "stuck_messages"),
            (
                "FROM messages WHERE state = 'unmatched' ORDER BY timestamp, request_id",
                "unmatched_",
            ),
            (
                "FROM messages WHERE state <> 'erased' AND timestamp < 'a'"
                " ORDER BY timestamp, request_id",
                "retained_messages",
            ),
            (
                "FROM messages WHERE conversation_id = 'a' AND primary_channel = 'b'"
                " ORDER BY timestamp DESC, rowid DESC",
                "messages_of_conversation",
            ),
        ],
    )
    def test_queries_neither_scan_nor_sort(
        self, database: SqliteDatabase, query: str, index: str
    ) -> None:
        SqliteMessageStore(database)
        with database.read() as connection:
            plan = str(connection.execute(f"EXPLAIN QUERY PLAN SELECT * {query}").fetchall())
        assert index in plan
        assert "TEMP B-TREE" not in plan


LISTS: dict[str, Callable[[Stores, str | None], Page[Any]]] = {
    "all": lambda stores, after: stores.conversations.list_conversations(2, after=after),
    "of an address": lambda stores, after: stores.conversations.list_conversations(
        2, senders={SMS: ["+14155550123"], WHATSAPP: ["+14155550123"]}, after=after
    ),
    "unmatched": lambda stores, after: stores.messages.list_unmatched(2, after=after),
    "messages": lambda stores, _: Page(stores.messages.list_entries(KEY, 2, before=NOW), None),
}


_BY_CONVERSATION = "(conversation_id=? AND primary_channel=? AND timestamp"
SEARCHED = {
    "all": {"conversations USING INDEX conversations_by_activity (<expr><?)"},
    "of an address": {
        "participants USING PRIMARY KEY (channel=? AND sender=? AND conversation_id>?)",
        "conversations USING INDEX sqlite_autoindex_conversations_1 "
        "(conversation_id=? AND primary_channel=?)",
    },
    "unmatched": {"messages USING INDEX unmatched_messages ((timestamp,request_id)>(?,?))"},
    "messages": {
        f"messages USING INDEX messages_of_conversation {_BY_CONVERSATION}>? AND timestamp<?)",
        f"messages USING COVERING INDEX messages_of_conversation {_BY_CONVERSATION}<?)",
        "imported_messages USING INDEX imported_messages_of_conversation "
        f"{_BY_CONVERSATION}>? AND timestamp<?)",
        "imported_messages USING COVERING INDEX imported_messages_of_conversation "
        f"{_BY_CONVERSATION}<?)",
    },
}
"""What each list may search. Beside that, it may sort the items of one page."""


@pytest.mark.parametrize("name", LISTS)
def test_list_searches_by_its_index_alone(path: Path, name: str) -> None:
    """With 1,000,000 messages a page has to take some milliseconds, like the first one."""
    statements: list[str] = []
    database = SqliteDatabase(path, on_statement=statements.append)
    stores = SqliteBackend(Path(), lambda: database, utc_now, MemoryMetrics()).stores
    for number in range(5):
        stores.conversations.open_conversation(a_conversation(conversation_id=str(number)))
        message = an_inbound_message(message_id=f"SM{number}")
        stores.messages.record(a_record(message, KEY if number < 2 else None))
    statements.clear()
    page = LISTS[name](stores, None)
    if page.cursor is not None:
        assert LISTS[name](stores, page.cursor).items
    database.close()
    with closing(sqlite3.connect(path)) as connection:
        plans = [connection.execute(f"EXPLAIN QUERY PLAN {s}").fetchall() for s in statements]
    steps = [detail for plan in plans for *_, detail in plan]
    assert len(plans) == 2
    assert {step.removeprefix("SEARCH ") for step in steps if "SEARCH" in step} == SEARCHED[name]
    assert [step for step in steps if re.match(r"SCAN (?!\(subquery)", step)] == []
    assert all("TEMP B-TREE" not in step for step in steps) or name == "of an address"


class TestCost:
    """The cost of one webhook in SQLite. These numbers must not grow."""

    @pytest.fixture
    def statements(self) -> list[str]:
        return []

    @pytest.fixture
    def database(self, path: Path, statements: list[str]) -> Iterator[SqliteDatabase]:
        database = SqliteDatabase(path, on_statement=statements.append)
        yield database
        database.close()

    @pytest.mark.parametrize(
        ("last_seen", "activity"),
        [
            (None, ["BEGIN", "UPDATE", "COMMIT"]),
            (NOW + timedelta(hours=1), ["BEGIN", "UPDATE", "SELECT", "COMMIT"]),
        ],
    )
    def test_webhook_takes_one_read_and_three_short_transactions(
        self,
        database: SqliteDatabase,
        statements: list[str],
        last_seen: datetime | None,
        activity: list[str],
    ) -> None:
        conversations, messages = SqliteConversationStore(database), SqliteMessageStore(database)
        outbox = SqliteOutbox(database)
        conversations.open_conversation(replace(a_conversation(), last_user_message_at=last_seen))
        statements.clear()
        message = an_inbound_message()
        (found,) = conversations.find_open_conversations(message.channel, message.look_up_values)
        messages.record(a_record(message))
        conversations.record_activity(found, message)
        outbox.mark_queued(message.request_id, NOW)
        assert [statement.split()[0] for statement in statements] == [
            "SELECT",
            *("BEGIN", "INSERT", "COMMIT"),
            *activity,
            *("BEGIN", "UPDATE", "COMMIT"),
        ]
