"""Tombstones recognise the author of an erased message without naming a person."""

from domain.addresses import Address
from domain.channels import ChannelType
from domain.erasure import RetainedMessage, Tombstone, author_mark
from domain.messages import Attachment
from tests.builders import SENDER, a_record, an_inbound_message

SMS = ChannelType.SMS
ANA = Address.parse(SMS, SENDER[SMS])
KEY = a_record().request_id


def numbers(count: int) -> list[Address]:
    return [Address.parse(SMS, f"+1415{number:07}") for number in range(count)]


def test_tombstone_recognises_the_author_of_the_erased_message() -> None:
    assert Tombstone(KEY, author_mark(KEY, ANA)).is_by(ANA)


def test_tombstone_takes_almost_no_other_address_for_the_author() -> None:
    erased = Tombstone(KEY, author_mark(KEY, ANA))
    assert sum(map(erased.is_by, numbers(10_000))) < 5


def test_many_addresses_share_each_author_mark() -> None:
    marks = {author_mark(KEY, number) for number in numbers(200_000)}
    assert len(marks) <= 2**16


def test_author_marks_of_one_author_differ_between_messages() -> None:
    assert author_mark(KEY, ANA) != author_mark(KEY[::-1], ANA)


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
    assert (entry.blob_folders, entry.author_mark) == ((), "")
