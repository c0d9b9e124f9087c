"""Each look-up of SQLite is led by an index, however many messages there are."""

import json
from collections.abc import Mapping

import pytest

from domain.channels import ChannelType
from domain.erasure import RetainedMessage
from domain.trail import MatchRule, Trail
from infrastructure.sqlite import sqlite_lookup
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.sqlite_lookup import SqliteMessageLookup
from infrastructure.sqlite.sqlite_messages import SqliteMessageStore
from infrastructure.sqlite.sqlite_queue import ACKNOWLEDGED, LOCATE
from infrastructure.sqlite.sqlite_retention import SqliteRetention
from infrastructure.sqlite.statements import Values
from tests.builders import a_record, an_inbound_message

LATEST: Mapping[str, object] = {"conversation_id": "a", "primary_channel": "sms", "limit": 10}


@pytest.mark.parametrize(
    ("statement", "values", "index"),
    [
        (sqlite_lookup.FIND, (json.dumps(["a", "b"]),), "sqlite_autoindex_messages_1"),
        (sqlite_lookup.FIND_MAIL, ("<1@example.com>", 10), "mail_by_message_id"),
        (sqlite_lookup.LATEST_OF, LATEST, "messages_of_conversation"),
        (sqlite_lookup.LATEST_UNMATCHED, (1000,), "unmatched_messages"),
        (LOCATE, ("a",), "sqlite_autoindex_contexts_1"),
        (ACKNOWLEDGED, ("a",), "sqlite_autoindex_contexts_1"),
    ],
    ids=["by id", "mail", "conversation", "unmatched", "waiting", "acknowledged"],
)
def test_look_up_is_led_by_an_index(
    database: SqliteDatabase, statement: str, values: Values, index: str
) -> None:
    SqliteMessageLookup(database)  # it brings the schema up to date
    rows = database.rows(f"EXPLAIN QUERY PLAN {statement}", values)
    steps = [detail for *_, detail in rows if "json_each" not in detail]
    assert any(index in step for step in steps), steps
    assert not [step for step in steps if step.startswith("SCAN") and "USING INDEX" not in step]


def test_erased_mail_leaves_neither_its_trail_nor_an_entry_in_the_index(
    database: SqliteDatabase,
) -> None:
    message = an_inbound_message(ChannelType.EMAIL, message_id="<1@example.com>")
    record = a_record(message, trail=Trail(MatchRule.THREAD))
    SqliteMessageStore(database).record(record)
    SqliteRetention(database).erase(RetainedMessage.of(record))
    assert database.rows("SELECT state, trail, message_id FROM messages") == [("erased", None, "")]
