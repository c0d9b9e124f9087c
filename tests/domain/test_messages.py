"""Messages: request ids, history entries, and the states of a record."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversations import LAST_MESSAGE_BYTES, Direction, Message
from domain.messages import (
    MAX_ATTEMPTS,
    Attachment,
    ConversationKey,
    InboundMessage,
    MessageState,
    cut_to_bytes,
)
from tests.builders import ACCOUNT, KEY, NOW, a_record, an_inbound_message


def test_request_id_is_a_uuid_of_version_8_made_of_the_hash() -> None:
    parts = ["sms", ACCOUNT, "SM00000000000000000000000000000001"]
    bits = f"{int(sha256(json.dumps(parts).encode()).hexdigest(), base=16):0256b}"
    request_id = UUID(an_inbound_message().request_id)
    made_of = f"{request_id.int:0128b}"
    assert (request_id.version, request_id.variant) == (8, RFC_4122)
    assert made_of[:48] + made_of[52:64] + made_of[66:] == bits[:122]


def test_request_id_of_a_retry_is_the_same_although_other_fields_changed() -> None:
    first = an_inbound_message()
    retry = an_inbound_message(
        body="changed", received_at=NOW + timedelta(hours=3), sender="+14155550199"
    )
    assert retry.request_id == first.request_id


@pytest.mark.parametrize(
    "other",
    [
        an_inbound_message(message_id="SM00000000000000000000000000000002"),
        an_inbound_message(account="AC00000000000000000000000000000002"),
        an_inbound_message(ChannelType.WHATSAPP),
    ],
    ids=["message id", "account", "channel"],
)
def test_request_id_differs_between_messages_accounts_and_channels(other: InboundMessage) -> None:
    assert other.request_id != an_inbound_message().request_id


def test_request_id_depends_on_where_each_of_its_parts_ends() -> None:
    one = an_inbound_message(account="AC1", message_id="2SM")
    other = an_inbound_message(account="AC12", message_id="SM")
    assert one.request_id != other.request_id


def test_mail_has_one_request_id_for_each_recipient() -> None:
    to_help = an_inbound_message(ChannelType.EMAIL, recipient="help@acme.example")
    to_sales = an_inbound_message(ChannelType.EMAIL, recipient="sales@acme.example")
    assert to_help.request_id != to_sales.request_id


def test_source_key_is_a_hash_that_differs_for_every_part_of_a_mail() -> None:
    mail = an_inbound_message(ChannelType.EMAIL)
    others = [
        an_inbound_message(ChannelType.EMAIL, sender="eve@example.com"),
        an_inbound_message(ChannelType.EMAIL, recipient="sales@acme.example"),
        an_inbound_message(ChannelType.EMAIL, message_id="<2@example.com>"),
        an_inbound_message(ChannelType.EMAIL, account="other-mail"),
        an_inbound_message(ChannelType.EMAIL, body="changed"),
    ]
    keys = {one.source_key for one in (mail, *others)}
    assert len(keys) == 6
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)


def test_mail_with_a_reused_id_has_a_request_id_of_its_content() -> None:
    mails = [
        an_inbound_message(ChannelType.EMAIL, body=body, has_reused_id=has_reused_id)
        for body in ("one", "other")
        for has_reused_id in (False, True)
    ]
    assert len({mail.request_id for mail in mails}) == 3


def test_telephone_message_has_one_request_id_whatever_its_recipient() -> None:
    one = an_inbound_message(recipient="+15005550006")
    other = an_inbound_message(recipient="+15005550007")
    assert one.request_id == other.request_id


def test_every_identity_of_a_sender_is_looked_up_once_in_order() -> None:
    user = Address.parse(ChannelType.WHATSAPP, "BR.99")
    phone = Address.parse(ChannelType.WHATSAPP, "+5511987654321")
    message = an_inbound_message(ChannelType.WHATSAPP, identities=(user, phone, phone))
    assert message.look_up_values == ("BR.99", "+5511987654321", "+551187654321")


def test_mail_thread_begins_with_the_first_reference_or_with_the_mail_itself() -> None:
    first = an_inbound_message(ChannelType.EMAIL, message_id="<1@example.com>")
    reply = replace(first, thread_references=("<0@example.com>", "<1@example.com>"))

    assert first.thread_id == "<1@example.com>"
    assert reply.thread_id == "<0@example.com>"
    assert an_inbound_message().thread_id is None


def test_log_id_shows_provider_ids_and_hashes_ids_that_authors_chose() -> None:
    mail = an_inbound_message(ChannelType.EMAIL, message_id="<ana.1@example.com>")

    assert an_inbound_message(message_id="SM1").log_id == "SM1"
    assert mail.log_id == "sha256:" + sha256(b"<ana.1@example.com>").hexdigest()[:32]


def test_history_entry_names_sender_and_recipient_as_the_provider_did() -> None:
    message = an_inbound_message(ChannelType.WHATSAPP, metadata={"profile_name": "Ana"})
    entry = Message.of(message)

    assert entry.direction is Direction.INBOUND
    assert entry.timestamp == NOW
    assert entry.metadata == {
        "profile_name": "Ana",
        "sender": "whatsapp:+14155550123",
        "recipient": "whatsapp:+15005550006",
    }


def test_history_entry_has_subject_and_attachments() -> None:
    invoice = Attachment("application/pdf", "invoice.pdf", size_bytes=9, reference="files/1")
    mail = an_inbound_message(ChannelType.EMAIL, subject="Invoice", attachments=(invoice,))
    entry = Message.of(mail)

    assert entry.metadata["subject"] == "Invoice"
    assert entry.metadata["attachments"] == [
        {
            "content_type": "application/pdf",
            "filename": "invoice.pdf",
            "size_bytes": 9,
            "reference": "files/1",
        }
    ]


def test_preview_of_a_message_is_short_and_has_no_metadata() -> None:
    preview = Message.preview_of(an_inbound_message(body="é" * 5000))

    assert preview.content == "é" * (LAST_MESSAGE_BYTES // 2)
    assert preview.metadata == {}


@given(text=st.text(max_size=50), size_bytes=st.integers(0, 60))
def test_cutting_text_leaves_whole_characters_within_the_size(text: str, size_bytes: int) -> None:
    cut = cut_to_bytes(text, size_bytes)

    assert text.startswith(cut)
    assert len(cut.encode()) <= size_bytes
    assert cut == text or len(text[: len(cut) + 1].encode()) > size_bytes


@pytest.mark.parametrize(
    ("changes", "seconds_later", "stuck"),
    [
        ({}, 29, False),
        ({}, 30, True),
        ({"lease_until": NOW + timedelta(seconds=60)}, 59, False),
        ({"lease_until": NOW + timedelta(seconds=60)}, 60, True),
        ({"state": MessageState.QUEUED}, 3600, False),
        ({"state": MessageState.UNMATCHED}, 3600, False),
    ],
)
def test_message_is_stuck_when_pending_for_long_without_a_lease(
    changes: dict[str, Any], seconds_later: int, stuck: bool
) -> None:
    assert a_record(**changes).is_stuck(NOW + timedelta(seconds=seconds_later)) is stuck


def test_each_lease_is_twice_as_long_as_the_one_before_up_to_ten_minutes() -> None:
    record, now, waits = a_record(), NOW, []
    while record.attempts < MAX_ATTEMPTS:
        record = record.leased(now)
        waits.append(record.due_at - now)
        now = record.due_at

    assert waits[:4] == [timedelta(seconds=30 * 2**attempt) for attempt in range(4)]
    assert waits[-1] == timedelta(minutes=10)
    assert timedelta(hours=16) < now - NOW < timedelta(hours=24)


def test_assigned_record_is_pending_with_a_conversation_and_unmatched_without_one() -> None:
    record = a_record(conversation=None)
    other = ConversationKey("other", ChannelType.SMS)

    assert record.assigned_to(other).state is MessageState.PENDING
    assert record.assigned_to(other).conversation == other
    assert a_record(conversation=KEY).assigned_to(None).state is MessageState.UNMATCHED


@pytest.mark.parametrize(
    ("values", "expected"),
    [(["+14155550199"], True), (["+14155550123"], True), (["+1"], False), ([], False)],
)
def test_message_is_by_a_person_with_one_of_its_addresses(
    values: list[str], expected: bool
) -> None:
    other = Address.parse(ChannelType.SMS, "+14155550199")
    assert an_inbound_message(identities=(other,)).is_by(values) is expected
