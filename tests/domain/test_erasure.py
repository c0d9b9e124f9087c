"""Tombstones recognise the author of an erased message without naming a person."""

import pytest

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


def test_retained_message_lists_its_blob_folders_provider_files_and_identities() -> None:
    other = Address.parse(SMS, "+14155550199")
    files = (
        Attachment("image/png", url="https://media.example/1"),
        Attachment("text/plain", reference="sha256-of-it"),
    )
    message = an_inbound_message(attachments=files, identities=(other,))
    retained = RetainedMessage.of(a_record(message))
    assert retained.blob_folders == (
        f"attachments/{message.source_key}",
        f"contexts/{message.request_id}",
    )
    assert retained.provider_files == ("https://media.example/1",)
    assert retained.identities == (ANA, other)


def test_message_without_stored_files_has_no_attachment_folder() -> None:
    files = (Attachment("image/png", url="https://media.example/1"),)
    message = an_inbound_message(attachments=files)
    retained = RetainedMessage.of(a_record(message))
    assert retained.blob_folders == (f"contexts/{message.request_id}",)


@pytest.mark.parametrize(
    ("values", "expected"),
    [(["+14155550199"], True), ([ANA.value], True), (["+1"], False), ([], False)],
)
def test_retained_message_belongs_to_a_person_with_one_of_its_addresses(
    values: list[str], expected: bool
) -> None:
    message = an_inbound_message(identities=(Address.parse(SMS, "+14155550199"),))
    assert RetainedMessage.of(a_record(message)).is_of(values) is expected


def test_imported_entry_belongs_to_no_person() -> None:
    entry = RetainedMessage("key", a_record().recorded_at, None)
    assert (entry.identities, entry.blob_folders, entry.provider_files) == ((), (), ())
    assert entry.author_mark == ""
    assert not entry.is_of([ANA.value])
