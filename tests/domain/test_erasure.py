"""Tombstones recognise the author of an erased message without naming a person."""

from typing import Any

import pytest

from domain.addresses import Address
from domain.channels import ChannelType
from domain.erasure import RetainedMessage, Tombstone, content_marks
from domain.messages import Attachment, InboundMessage
from tests.builders import SENDER, a_record, an_inbound_message

SMS = ChannelType.SMS
ANA = Address.parse(SMS, SENDER[SMS])
KEY = a_record().request_id


MAIL = an_inbound_message(ChannelType.EMAIL, subject="Lamp", body="Where is it?")


def erased(mail: InboundMessage = MAIL) -> Tombstone:
    return Tombstone(mail.request_id, content_marks(mail.request_id, mail))


def authors(count: int) -> list[InboundMessage]:
    return [an_inbound_message(ChannelType.EMAIL, sender=f"a{n}@x.example") for n in range(count)]


@pytest.mark.parametrize(
    ("changes", "is_another"),
    [
        ({}, False),
        ({"subject": "[list] Lamp"}, False),
        ({"subject": None}, False),
        ({"body": "Where is it?\n-- \nThe list"}, False),
        ({"subject": "Chair", "body": "It broke."}, True),
        ({"subject": None, "body": ""}, True),
        ({"sender": "eve@example.com"}, True),
    ],
)
def test_tombstone_and_record_tell_another_mail_with_the_same_id_apart(
    changes: dict[str, Any], is_another: bool
) -> None:
    fields = {"subject": MAIL.subject, "body": MAIL.body, **changes}
    mail = an_inbound_message(ChannelType.EMAIL, **fields)
    assert erased().is_another_than(mail) is is_another
    assert a_record(MAIL).is_another_than(mail) is is_another


def test_message_with_an_id_of_a_provider_is_never_another_one() -> None:
    message = an_inbound_message()
    tombstone = Tombstone(message.request_id, content_marks(message.request_id, message))
    other = an_inbound_message(sender="+14155550199", body="changed")
    assert tombstone.marks is None
    assert not tombstone.is_another_than(other)
    assert not a_record(message).is_another_than(other)


def test_tombstone_takes_almost_no_other_author_for_the_one_of_the_mail() -> None:
    mail = an_inbound_message(ChannelType.EMAIL)
    assert sum(not erased(mail).is_another_than(other) for other in authors(10_000)) < 5


def test_many_authors_share_each_mark() -> None:
    marks = [(content_marks("key", mail) or "").split("-") for mail in authors(10_000)]
    assert {len(mark) for parts in marks for mark in parts} == {4}
    assert len({author for author, _, _ in marks}) < 10_000


def test_marks_of_one_content_differ_between_messages() -> None:
    one, other = (content_marks(key, MAIL) or "" for key in ("one", "other"))
    assert not set(one.split("-")) & set(other.split("-"))


def test_retained_message_lists_its_blob_folders() -> None:
    files = (
        Attachment("image/png", url="https://media.example/1"),
        Attachment("text/plain", reference="sha256-of-it"),
    )
    message = an_inbound_message(attachments=files)
    retained = RetainedMessage.of(a_record(message))
    assert retained.blob_folders == (
        f"attachments/{message.source_key}",
        f"contexts/{message.request_id}",
    )


def test_message_without_stored_files_has_no_attachment_folder() -> None:
    files = (Attachment("image/png", url="https://media.example/1"),)
    message = an_inbound_message(attachments=files)
    retained = RetainedMessage.of(a_record(message))
    assert retained.blob_folders == (f"contexts/{message.request_id}",)


def test_imported_entry_has_no_blobs_and_no_author() -> None:
    entry = RetainedMessage("key", a_record().recorded_at, None)
    assert entry.blob_folders == ()
