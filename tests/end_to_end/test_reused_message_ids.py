"""Two mails with one Message-ID and other subjects and texts: a parcel service sends such mail."""

from functools import partial

import pytest

from application.privacy.erase_message import EraseMessage
from domain.erasure import RetainedMessage
from domain.messages import InboundMessage
from infrastructure.channels.provider import SimulatedRequest
from tests.contracts.concurrency import at_once
from tests.end_to_end.frontdesk import RunningFrontDesk, on_aws_too
from tests.end_to_end.responses import ACKNOWLEDGED, EMAIL

pytestmark = on_aws_too

A = ("Parcel 1", "Your parcel is on its way.")
B = ("Parcel 2", "Your parcel has arrived.")
Mail = tuple[str, str]


def mail(frontdesk: RunningFrontDesk, content: Mail, **more: str) -> SimulatedRequest:
    subject, body = content
    message_id = "<reused@carrier.example>"
    return frontdesk.webhook(EMAIL, message_id=message_id, subject=subject, body=body, **more)


def receive(frontdesk: RunningFrontDesk, *contents: Mail) -> None:
    for content in contents:
        assert frontdesk.post(mail(frontdesk, content)).shown == ACKNOWLEDGED[EMAIL]


def recorded(frontdesk: RunningFrontDesk) -> list[tuple[str | None, str]]:
    return sorted((one.subject, one.body.strip()) for one in frontdesk.unmatched())


def erase(frontdesk: RunningFrontDesk, content: Mail) -> None:
    records = frontdesk.container.message_store().list_unmatched(10).items
    (record,) = (one for one in records if one.message.subject == content[0])
    stores, blobs = frontdesk.container.stores(), frontdesk.container.files().blobs
    EraseMessage(stores.retention, blobs, None)(RetainedMessage.of(record))


def test_second_mail_with_the_id_is_recorded_and_both_are_repeated_without_effect(
    frontdesk: RunningFrontDesk,
) -> None:
    receive(frontdesk, A, B, A, B)
    assert recorded(frontdesk) == [A, B]
    assert frontdesk.counted("Duplicates") == 2
    assert frontdesk.dead_letters() == ()


@pytest.mark.parametrize(("gone", "stays"), [(A, B), (B, A)], ids=["first", "second"])
def test_erased_one_of_both_stays_erased(
    frontdesk: RunningFrontDesk, gone: Mail, stays: Mail
) -> None:
    receive(frontdesk, A, B)
    erase(frontdesk, gone)
    receive(frontdesk, A, B, A, B)
    assert recorded(frontdesk) == [stays]
    assert frontdesk.counted("Duplicates") == 4


def test_both_at_once_are_recorded_once_each(frontdesk: RunningFrontDesk) -> None:
    posts = [partial(frontdesk.post, mail(frontdesk, content)) for content in (A, B) * 8]
    assert {response.status for response in at_once(posts)} == {200}
    assert recorded(frontdesk) == [A, B]
    assert frontdesk.counted("Duplicates") == 14


def test_erasing_one_leaves_the_files_of_the_other(frontdesk: RunningFrontDesk) -> None:
    html = "<p>One label for all parcels.</p>"
    for content in (A, B):
        frontdesk.post(mail(frontdesk, content, html=html))
    erase(frontdesk, A)
    (left,) = frontdesk.unmatched()
    assert files_of(frontdesk, left) == [html.encode()]


def files_of(frontdesk: RunningFrontDesk, message: InboundMessage) -> list[bytes]:
    blobs = frontdesk.container.files().blobs
    return [blobs.get(file.reference or "") for file in message.attachments]
