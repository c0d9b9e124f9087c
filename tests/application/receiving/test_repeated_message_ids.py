"""Messages with the id of a recorded message: repetitions, and other messages with that id."""

from dataclasses import replace

import pytest

from application.clock import Deadline
from application.ports.dead_letters import DeadLetterKind
from application.ports.webhook_parser import ParsedMessage
from application.privacy.erase_message import EraseMessage
from domain.addresses import Address
from domain.channels import ChannelType
from domain.erasure import RetainedMessage, attachments_folder
from domain.errors import UnreadableMessageError
from domain.messages import AttachedFile, Attachment, InboundMessage, MessageRecord
from domain.tenants import UnknownSender
from tests.application.frontdesk import THANKS, FrontDesk
from tests.builders import an_inbound_message

EMAIL = ChannelType.EMAIL
LONG = "So long that it goes by claim check. " * 10_000


def a_mail(
    subject: str = "Parcel 1", body: str = "It is on its way.", **changes: str
) -> InboundMessage:
    fields = {"message_id": "<reused@example.com>", "subject": subject, "body": body, **changes}
    return an_inbound_message(EMAIL, **fields)


A = a_mail()
B = a_mail("Parcel 2", "It has arrived.")
OF_ANOTHER_AUTHOR = a_mail(sender="eve@example.com")


def records(frontdesk: FrontDesk) -> dict[tuple[str, str], MessageRecord]:
    """Every record that is there, by its author and text."""
    unmatched = frontdesk.messages.list_unmatched(10).items
    return {(one.message.sender.value, one.message.body): one for one in unmatched}


def keys(*messages: InboundMessage) -> set[tuple[str, str]]:
    return {(message.sender.value, message.body) for message in messages}


def erase(frontdesk: FrontDesk, message: InboundMessage) -> None:
    (key,) = keys(message)
    erase_message = EraseMessage(frontdesk.retention, frontdesk.blobs, frontdesk.queue)
    erase_message(RetainedMessage.of(records(frontdesk)[key]))


@pytest.mark.parametrize(
    "other",
    [
        an_inbound_message(sender="+14155550177"),
        an_inbound_message(recipient="+15005550007"),
        an_inbound_message(body="Call +14155550177"),
        an_inbound_message(attachments=(Attachment("image/png", url="https://a.example/1"),)),
    ],
)
def test_provider_id_of_a_message_with_other_fields_becomes_a_dead_letter(
    other: InboundMessage,
) -> None:
    frontdesk = FrontDesk()
    first = an_inbound_message()

    assert [frontdesk.receive(first), frontdesk.receive(other)] == [THANKS, THANKS]

    (dead_letter,) = frontdesk.dead_letters.each_dead_letter()
    assert dead_letter.kind is DeadLetterKind.UNREADABLE
    assert dead_letter.reason == "this message id was recorded with other fields before"
    assert [record.message for record in frontdesk.messages.list_unmatched(10).items] == [first]
    assert frontdesk.metrics.total("Duplicates") == 0


@pytest.mark.parametrize("other", [B, OF_ANOTHER_AUTHOR], ids=["content", "author"])
def test_mail_with_the_id_of_another_mail_is_recorded_once_too(other: InboundMessage) -> None:
    frontdesk = FrontDesk()

    for mail in (A, other, A, other):
        assert frontdesk.receive(mail) == THANKS

    assert set(records(frontdesk)) == keys(A, other)
    assert frontdesk.metrics.total("Duplicates") == 2
    assert tuple(frontdesk.dead_letters.each_dead_letter()) == ()


@pytest.mark.parametrize("other", [B, OF_ANOTHER_AUTHOR], ids=["content", "author"])
@pytest.mark.parametrize("erases_first", [True, False])
def test_erased_mail_stays_erased_beside_another_with_its_id(
    other: InboundMessage, erases_first: bool
) -> None:
    frontdesk = FrontDesk()
    frontdesk.receive(A)
    frontdesk.receive(other)
    gone, stays = (A, other) if erases_first else (other, A)
    erase(frontdesk, gone)

    for mail in (A, other, A, other):
        frontdesk.receive(mail)

    assert set(records(frontdesk)) == keys(stays)
    assert frontdesk.metrics.total("Duplicates") == 4


@pytest.mark.parametrize("gone", [A, B], ids=["first", "second"])
def test_erased_mail_opens_no_conversation_when_it_comes_again(gone: InboundMessage) -> None:
    frontdesk = FrontDesk()
    frontdesk.receive(A)
    frontdesk.receive(B)
    erase(frontdesk, gone)
    opening = replace(frontdesk.container.match_conversation(), unknown_sender=UnknownSender.OPEN)
    unit, directory = frontdesk.container.separate_steps().unit, opening.tenants()
    assert opening(unit, gone, directory).conversation is None
    assert opening(unit, a_mail("Parcel 3", "It is lost."), directory).conversation is not None


@pytest.mark.parametrize(
    "changed",
    [a_mail(body=f"{A.body}\n-- \nThe list"), a_mail(subject="[list] Parcel 1")],
    ids=["footer", "subject prefix"],
)
def test_copy_changed_by_a_mailing_list_is_a_duplicate(changed: InboundMessage) -> None:
    frontdesk = FrontDesk()

    for mail in (A, changed):
        frontdesk.receive(mail)

    assert set(records(frontdesk)) == keys(A)
    assert frontdesk.metrics.total("Duplicates") == 1
    assert tuple(frontdesk.dead_letters.each_dead_letter()) == ()


def a_file(content: bytes) -> AttachedFile:
    return AttachedFile(Attachment("text/plain", sha256=content.hex()), content)


def files_of(frontdesk: FrontDesk, message: InboundMessage) -> list[bytes]:
    (key,) = keys(message)
    files = records(frontdesk)[key].message.attachments
    return [frontdesk.blobs.get(file.reference or "") for file in files]


def test_erasing_a_mail_leaves_the_files_of_another_with_its_id() -> None:
    frontdesk = FrontDesk()
    file = a_file(b"one label")
    frontdesk.receive(ParsedMessage(A, (file,)))
    frontdesk.receive(ParsedMessage(B, (file,)))

    erase(frontdesk, A)

    assert files_of(frontdesk, B) == [b"one label"]


def test_files_of_a_copy_changed_by_a_mailing_list_are_not_kept_beside_the_first() -> None:
    frontdesk = FrontDesk()
    changed = a_mail(body=f"{A.body}\n-- \nThe list")
    frontdesk.receive(ParsedMessage(A, (a_file(b"label"),)))
    frontdesk.receive(ParsedMessage(changed, (a_file(b"label"),)))

    assert files_of(frontdesk, A) == [b"label"]
    assert frontdesk.blobs.delete(attachments_folder(changed)) == 0


def test_copy_with_other_fields_of_an_erased_message_leaves_no_trace() -> None:
    frontdesk = FrontDesk()
    frontdesk.receive(an_inbound_message())
    (record,) = frontdesk.messages.list_unmatched(10).items
    frontdesk.retention.erase(RetainedMessage.of(record))

    frontdesk.receive(an_inbound_message(sender="+14155550177"))

    assert frontdesk.metrics.total("Duplicates") == 1
    assert tuple(frontdesk.dead_letters.each_dead_letter()) == ()


def test_retry_with_other_metadata_is_a_duplicate() -> None:
    frontdesk = FrontDesk()
    frontdesk.receive(an_inbound_message())
    frontdesk.receive(an_inbound_message(metadata={"provider": {"ErrorCode": "11200"}}))
    assert frontdesk.metrics.total("Duplicates") == 1
    assert tuple(frontdesk.dead_letters.each_dead_letter()) == ()


@pytest.mark.parametrize("body", [LONG, LONG + "."], ids=["same", "other"])
def test_message_with_other_fields_takes_no_stored_part_from_the_recorded_one(body: str) -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    message = an_inbound_message(body=LONG)
    frontdesk.receive(message)
    identities = (message.sender, Address.parse(message.channel, "+14155550199"))
    with pytest.raises(UnreadableMessageError):
        frontdesk.record_message(
            replace(message, identities=identities, body=body), Deadline.after()
        )
    ((context,),) = frontdesk.queued().values()
    assert frontdesk.blobs.get(str(context.message.body_reference)) == LONG.encode()
    assert frontdesk.blobs.delete("contexts") == 1
