"""A database of an earlier schema version goes on with all that was recorded in it."""

import json
from dataclasses import replace

from domain.channels import ChannelType
from domain.erasure import RetainedMessage, Tombstone, attachments_folder
from domain.idempotency import idempotency_hash
from domain.messages import MessageRecord
from domain.times import rfc3339
from infrastructure.serialization.context_json import inbound_to_json
from infrastructure.sqlite.database import SqliteDatabase
from infrastructure.sqlite.sqlite_messages import SqliteMessageStore
from infrastructure.sqlite.sqlite_retention import SqliteRetention
from infrastructure.sqlite.sqlite_schema import MIGRATIONS
from tests.builders import ACCOUNT, NOW, SENDER, a_record, an_inbound_message

MAIL = an_inbound_message(ChannelType.EMAIL, subject="Parcel 1", body="It is on its way.")
OLD = a_record(replace(MAIL, content_hash=None), None)


def insert_as_version_1(database: SqliteDatabase, record: MessageRecord) -> None:
    inbound = json.loads(inbound_to_json(record.message))
    del inbound["content_hash"], inbound["has_reused_id"]
    row = {
        "request_id": record.request_id,
        "state": record.state,
        "message_id": record.message.provider_message_id,
        "direction": "INBOUND",
        "content": record.message.body,
        "timestamp": rfc3339(NOW),
        "channel_type": record.message.channel,
        "recorded_at": rfc3339(record.recorded_at),
        "attempts": 0,
        "due_at": rfc3339(record.due_at),
        "inbound": json.dumps(inbound),
    }
    names = ", ".join(row)
    database.change(f"INSERT INTO messages ({names}) VALUES (:{', :'.join(row)})", row)


def test_mail_of_version_1_is_told_from_another_one_also_after_its_erasure(
    database: SqliteDatabase,
) -> None:
    database.migrate(MIGRATIONS[:1])
    insert_as_version_1(database, OLD)
    messages = SqliteMessageStore(database)

    assert messages.find_record(MAIL.request_id) == OLD
    SqliteRetention(database).erase(RetainedMessage.of(OLD))

    erased = messages.find_record(MAIL.request_id)
    assert isinstance(erased, Tombstone)
    assert not erased.is_another_than(MAIL)
    assert erased.is_another_than(an_inbound_message(ChannelType.EMAIL, sender="eve@example.com"))
    assert erased.is_another_than(replace(MAIL, subject="Parcel 2", body="It has arrived."))


def test_files_of_a_mail_of_version_1_are_where_they_were() -> None:
    message = OLD.message
    parts = ["email", ACCOUNT, message.provider_message_id, message.recipient.address]
    old_key = idempotency_hash([*parts, SENDER[ChannelType.EMAIL]])
    assert attachments_folder(message) == f"attachments/{old_key}"
    assert attachments_folder(MAIL) != attachments_folder(message)
