"""Redriving what one sender wrote."""

from dataclasses import replace

import pytest

from application.clock import Deadline
from application.recovery.redrive_sender import RedriveSender
from domain.erasure import RetainedMessage
from domain.messages import MessageRecord
from tests.application.frontdesk import FrontDesk
from tests.contracts.message_lists import numbered


@pytest.fixture
def frontdesk() -> FrontDesk:
    frontdesk = FrontDesk()
    for number in range(3):
        frontdesk.messages.record(numbered(number, None))
    return frontdesk


@pytest.fixture
def redrive(frontdesk: FrontDesk) -> RedriveSender:
    return frontdesk.container.operations().redrive_sender()


def of_another_sender() -> MessageRecord:
    record = numbered(7, None)
    other = replace(record.message.sender, value="+14155550177")
    message = replace(record.message, sender=other, identities=(other,))
    return replace(record, message=message)


def test_everything_of_the_sender_is_delivered(
    frontdesk: FrontDesk, redrive: RedriveSender
) -> None:
    frontdesk.messages.record(of_another_sender())
    conversation = frontdesk.given_conversation()
    found = redrive(numbered(1, None), Deadline.after())
    assert found.conversation is not None
    assert found.conversation.key == conversation.key
    assert (found.delivered, found.unmatched, found.by_others) == (3, 0, 0)
    assert found.is_complete
    left = frontdesk.messages.list_unmatched(10).items
    assert [one.request_id for one in left] == [of_another_sender().request_id]


def test_nothing_is_delivered_without_a_conversation(redrive: RedriveSender) -> None:
    found = redrive(numbered(1, None), Deadline.after())
    assert (found.conversation, found.delivered, found.unmatched) == (None, 0, 3)


def test_others_are_delivered_only_if_they_are_wanted(
    frontdesk: FrontDesk, redrive: RedriveSender
) -> None:
    frontdesk.given_conversation()
    found = redrive(numbered(1, None), Deadline.after(), lambda _: False)
    assert (found.delivered, found.unmatched) == (1, 0)


def test_what_another_process_delivered_or_erased_is_not_called_unmatched(
    frontdesk: FrontDesk, redrive: RedriveSender
) -> None:
    frontdesk.given_conversation()
    redrive(numbered(1, None), Deadline.after())
    frontdesk.messages.record(numbered(4, None))
    frontdesk.retention.erase(RetainedMessage.of(numbered(4, None)))
    for number in (1, 4):
        found = redrive(numbered(number, None), Deadline.after())
        assert (found.delivered, found.unmatched, found.by_others) == (0, 0, 1)


def test_it_ends_in_time(frontdesk: FrontDesk, redrive: RedriveSender) -> None:
    frontdesk.given_conversation()
    found = redrive(numbered(1, None), Deadline.after(0))
    assert (found.delivered, found.is_complete) == (0, False)
