"""Messages with the id of a recorded message, from the same or another sender."""

import pytest

from application.ports.dead_letters import DeadLetterKind
from domain.channels import ChannelType
from domain.messages import InboundMessage
from tests.application.frontdesk import THANKS, FrontDesk
from tests.builders import an_inbound_message

COLLISIONS = [
    (
        an_inbound_message(ChannelType.EMAIL),
        an_inbound_message(ChannelType.EMAIL, sender="eve@example.com"),
    ),
    (an_inbound_message(), an_inbound_message(sender="+14155550177")),
]


@pytest.mark.parametrize(("first", "other"), COLLISIONS, ids=["mail", "sms"])
def test_message_id_used_by_another_sender_becomes_a_dead_letter(
    first: InboundMessage, other: InboundMessage
) -> None:
    frontdesk = FrontDesk()

    assert [frontdesk.receive(first), frontdesk.receive(other)] == [THANKS, THANKS]

    (dead_letter,) = frontdesk.dead_letters.each_dead_letter()
    assert dead_letter.kind is DeadLetterKind.UNREADABLE
    assert dead_letter.reason == "another sender has used this message id before"
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
