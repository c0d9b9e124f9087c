"""Messages with the id of a recorded message, from the same or another sender."""

import pytest

from application.ports.dead_letters import DeadLetterKind
from domain.channels import ChannelType
from domain.erasure import RetainedMessage
from domain.messages import Attachment, InboundMessage
from tests.application.frontdesk import THANKS, FrontDesk
from tests.builders import an_inbound_message

OTHER_SENDER = "another sender has used this message id before"
OTHER_FIELDS = "this message id was recorded with other fields before"
COLLISIONS = [
    (
        an_inbound_message(ChannelType.EMAIL),
        an_inbound_message(ChannelType.EMAIL, sender="eve@example.com"),
        OTHER_SENDER,
    ),
    (an_inbound_message(), an_inbound_message(sender="+14155550177"), OTHER_FIELDS),
    (an_inbound_message(), an_inbound_message(recipient="+15005550007"), OTHER_FIELDS),
    (an_inbound_message(), an_inbound_message(body="Call +14155550177"), OTHER_FIELDS),
    (
        an_inbound_message(),
        an_inbound_message(attachments=(Attachment("image/png", url="https://a.example/1"),)),
        OTHER_FIELDS,
    ),
]


@pytest.mark.parametrize(("first", "other", "reason"), COLLISIONS)
def test_message_id_of_another_message_becomes_a_dead_letter(
    first: InboundMessage, other: InboundMessage, reason: str
) -> None:
    frontdesk = FrontDesk()

    assert [frontdesk.receive(first), frontdesk.receive(other)] == [THANKS, THANKS]

    (dead_letter,) = frontdesk.dead_letters.each_dead_letter()
    assert dead_letter.kind is DeadLetterKind.UNREADABLE
    assert dead_letter.reason == reason
    assert [record.message for record in frontdesk.messages.list_unmatched(10).items] == [first]
    assert frontdesk.metrics.total("Duplicates") == 0


def test_copy_changed_by_a_mailing_list_is_a_duplicate() -> None:
    frontdesk = FrontDesk()
    mail = an_inbound_message(ChannelType.EMAIL)
    copy = an_inbound_message(ChannelType.EMAIL, body=f"{mail.body}\n-- \nThe list", subject="[x]")

    frontdesk.receive(mail)
    frontdesk.receive(copy)

    assert frontdesk.metrics.total("Duplicates") == 1
    assert tuple(frontdesk.dead_letters.each_dead_letter()) == ()


def test_mail_with_the_id_of_an_erased_one_of_another_author_becomes_a_dead_letter() -> None:
    frontdesk = FrontDesk()
    frontdesk.receive(an_inbound_message(ChannelType.EMAIL))
    (record,) = frontdesk.messages.list_unmatched(10).items
    frontdesk.retention.erase(RetainedMessage.of(record))

    frontdesk.receive(an_inbound_message(ChannelType.EMAIL, sender="eve@example.com"))

    (dead_letter,) = frontdesk.dead_letters.each_dead_letter()
    assert dead_letter.reason == OTHER_SENDER


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
