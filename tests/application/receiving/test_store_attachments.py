"""The files of a webhook are stored before its messages, once for each message."""

from hashlib import sha256
from itertools import count

import pytest

from application.clock import Deadline
from application.ports.webhook_parser import ParsedMessage
from domain.channels import ChannelType
from domain.erasure import attachments_folder
from domain.errors import DeadlineExceededError, StorageUnavailableError
from domain.messages import AttachedFile, Attachment
from domain.routing import MailPolicy
from infrastructure.memory.memory_blobs import MemoryBlobStore
from tests.application.frontdesk import THANKS, FrontDesk
from tests.builders import an_inbound_message, verified

EMAIL = ChannelType.EMAIL


class CountingBlobs(MemoryBlobStore):
    """Records the key of every put."""

    def __init__(self) -> None:
        super().__init__()
        self.puts: list[str] = []

    def put(self, key: str, content: bytes) -> str:
        self.puts.append(key)
        return super().put(key, content)


def files(number: int) -> tuple[AttachedFile, ...]:
    contents = [f"file {index}".encode() for index in range(number)]
    return tuple(
        AttachedFile(Attachment("text/plain", sha256=sha256(content).hexdigest()), content)
        for content in contents
    )


def a_mail_to(recipients: int, attached: tuple[AttachedFile, ...] = ()) -> list[ParsedMessage]:
    return [
        ParsedMessage(an_inbound_message(EMAIL, recipient=f"help{n}@acme.example"), attached)
        for n in range(recipients)
    ]


def test_message_of_each_recipient_has_its_own_copy_of_the_attachments() -> None:
    blobs = CountingBlobs()
    frontdesk = FrontDesk(blobs=blobs)

    assert frontdesk.receive(*a_mail_to(50, files(3))) == THANKS

    assert len(set(blobs.puts)) == len(blobs.puts) == 150
    recorded = [record.message for record in frontdesk.messages.list_unmatched(100).items]
    assert len(recorded) == 50
    for message in recorded:
        references = [attachment.reference or "" for attachment in message.attachments]
        assert [blobs.get(one) for one in references] == [f.content for f in files(3)]


def test_attachments_of_one_recipient_are_deleted_without_those_of_another() -> None:
    frontdesk = FrontDesk()
    frontdesk.receive(*a_mail_to(2, files(1)))
    gone, retained = (record.message for record in frontdesk.messages.list_unmatched(2).items)
    frontdesk.blobs.delete(attachments_folder(gone))
    assert frontdesk.blobs.get(retained.attachments[0].reference or "") == files(1)[0].content
    assert frontdesk.blobs.delete("attachments") == 1


def test_attachment_sent_twice_in_a_mail_is_stored_once_and_listed_twice() -> None:
    blobs = CountingBlobs()
    frontdesk = FrontDesk(blobs=blobs)
    frontdesk.receive(*a_mail_to(1, files(1) * 2))
    (record,) = frontdesk.messages.list_unmatched(1).items
    assert len(blobs.puts) == 1
    assert len({attachment.reference for attachment in record.message.attachments}) == 1
    assert len(record.message.attachments) == 2


def test_retry_stores_attachments_under_the_same_keys_and_another_author_does_not() -> None:
    blobs = CountingBlobs()
    frontdesk = FrontDesk(blobs=blobs)
    another = ParsedMessage(an_inbound_message(EMAIL, sender="eve@example.com"), files(1))
    for parsed in (*a_mail_to(1, files(1)), *a_mail_to(1, files(1)), another):
        frontdesk.receive(parsed)
    first, again, others = blobs.puts
    assert first == again
    assert others != first


def test_no_further_attachment_is_stored_after_the_deadline() -> None:
    blobs, ticks = CountingBlobs(), count()
    frontdesk = FrontDesk(blobs=blobs)
    frontdesk.parser.messages = a_mail_to(1, files(9))
    deadline = Deadline(2.0, lambda: float(next(ticks)))
    with pytest.raises(DeadlineExceededError):
        frontdesk.process_webhook(verified(frontdesk.request()), deadline)
    assert len(blobs.puts) == 2


class NoRoom(MemoryBlobStore):
    def put(self, key: str, content: bytes) -> str:
        raise StorageUnavailableError("no space left")


def test_no_message_is_recorded_while_its_attachment_cannot_be_stored() -> None:
    frontdesk = FrontDesk(blobs=NoRoom())
    assert frontdesk.receive(*a_mail_to(2, files(1))).status == 200
    assert frontdesk.spool.depth().entries == 1
    assert frontdesk.messages.list_unmatched(10).items == ()


def test_no_further_message_is_recorded_after_the_deadline() -> None:
    frontdesk = FrontDesk()
    with pytest.raises(DeadlineExceededError):
        frontdesk.record_message(an_inbound_message(), Deadline(0.0, lambda: 1.0))
    assert frontdesk.messages.list_unmatched(10).items == ()


def test_attachments_of_mail_stored_as_a_dead_letter_are_not_stored() -> None:
    blobs = CountingBlobs()
    frontdesk = FrontDesk(blobs=blobs, unauthenticated_mail=MailPolicy.DEAD_LETTER)
    unauthenticated = an_inbound_message(EMAIL, author_authenticated=False)

    frontdesk.receive(
        ParsedMessage(unauthenticated, files(1)), an_inbound_message(EMAIL, message_id="<2@x>")
    )

    assert blobs.puts == []
    assert len(tuple(frontdesk.dead_letters.each_dead_letter())) == 1
    assert [r.message.provider_message_id for r in frontdesk.messages.list_unmatched(10).items] == [
        "<2@x>"
    ]
