"""Erasing a person from every place, also after a crash at any step."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from application.ports.dead_letters import DeadLetter, DeadLetterKind, ignore
from application.ports.fallback_throttle import ThrottleLimits, ThrottleOutcome
from application.ports.spool import SpoolEntry
from application.ports.webhook_parser import (
    ParsedMessage,
    VerifiedWebhook,
    WebhookParserFactory,
)
from application.privacy.erase_message import EraseMessage
from application.privacy.erase_person import ErasePerson, ErasureReport
from application.privacy.find_person import FindPerson
from application.receiving.send_fallback import throttle_key
from domain.addresses import Address
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.erasure import attachments_folder, contexts_folder
from domain.errors import StorageUnavailableError, UnreadableMessageError
from domain.messages import Attachment, InboundMessage
from domain.queues import QueueKind, QueueName
from domain.routing import Route
from infrastructure.filesystem.dead_letter_files import FileDeadLetters
from infrastructure.memory.memory_blobs import MemoryDeadLetters
from infrastructure.serialization.claim_check import BlobClaimCheck
from tests.application.frontdesk import FrontDesk, StubParser
from tests.builders import ACCOUNT, KEY, NOW, SENDER, a_record, an_inbound_message, verified
from tests.contracts.legacy_histories import an_entry

SMS, WHATSAPP = ChannelType.SMS, ChannelType.WHATSAPP
ANA = Address.parse(SMS, SENDER[SMS])
BOB = "+14155550199"
USER_ID = Address.parse(WHATSAPP, "DE.13491208655302741918")
LIMITS = ThrottleLimits(NOW - NOW.replace(day=3), 1000)


class CrashError(Exception):
    """The process is killed."""


class Crashing:
    """Wraps a collaborator; the process dies at the call that ``calls`` counts down to.

    It dies after the call, or before it.
    """

    def __init__(self, wrapped: Any, calls: list[int], *, afterwards: bool) -> None:
        self._wrapped = wrapped
        self._calls = calls
        self._afterwards = afterwards

    def __getattr__(self, name: str) -> Any:
        called = getattr(self._wrapped, name)
        if not callable(called):
            return called

        def call(*arguments: Any, **options: Any) -> Any:
            self._calls[0] -= 1
            dies = self._calls[0] == 0
            if dies and not self._afterwards:
                raise CrashError
            result = called(*arguments, **options)
            if dies:
                raise CrashError
            return result

        return call


class RawRequestParser(StubParser):
    """Reads ``from +14155550123 to us``, and nothing else."""

    def parse(self, webhook: VerifiedWebhook) -> tuple[ParsedMessage, ...]:
        match webhook.request.body.decode().split():
            case ["from", sender, "to", "us"]:
                return (ParsedMessage(raw_message(sender)),)
        raise UnreadableMessageError("nobody reads this")


def raw_message(sender: str) -> InboundMessage:
    """The message in a request that was never recorded."""
    file = Attachment("image/png", url=f"https://media.example/{sender}")
    return an_inbound_message(sender=sender, message_id="raw", attachments=(file,))


class Desk(FrontDesk):
    """A front desk that stores data of Ana and of Bob in every place."""

    def __init__(self, **adapters: Any) -> None:
        super().__init__(**adapters)
        self.rewritten = 0
        self.files: dict[str, str] = {}

    def fill(self) -> None:
        for number, sender in enumerate((ANA.value, BOB)):
            self.fill_with(sender, number)

    def fill_with(self, sender: str, number: int) -> None:
        conversation = self.given_conversation(
            sender_id=sender, conversation_id=f"conversation-{number + 1}"
        )
        for n in range(3):
            self.receive(self.message(sender, f"{number}-{n}"))
        self.receive(self.message(sender, f"{number}-unmatched", recipient="+15005550099"))
        self.history_import.import_message(conversation.key, an_entry(number))
        webhook = verified(replace(self.request(), body=f"from {sender} to us".encode()))
        self.dead_letters.store(
            DeadLetter(f"bug-{number}", DeadLetterKind.BUG, "why", 1, NOW, webhook)
        )
        self.spool.enqueue(SpoolEntry(f"e{number}", f"g{number}", webhook, NOW))
        folder = attachments_folder(raw_message(sender))
        self.files[sender] = self.blobs.put(f"{folder}/file", b"x")

    def message(self, sender: str, name: str, **changes: Any) -> InboundMessage:
        reference = self.blobs.put(f"contexts/elsewhere/{name}", b"x")
        file = Attachment("image/png", reference=reference, url=f"https://media.example/{name}")
        return an_inbound_message(
            sender=sender, message_id=name, attachments=(file,), body=f"Text {name}", **changes
        )

    def erases(
        self, *addresses: Address, calls: int = 0, afterwards: bool = False
    ) -> ErasureReport:
        """Erase, and crash at one of the calls if it is not 0."""
        left = [calls]

        def crashing(part: Any) -> Any:
            return Crashing(part, left, afterwards=afterwards)

        parsers = WebhookParserFactory(dict.fromkeys(ChannelType, RawRequestParser))
        retention = crashing(self.retention)
        erase = ErasePerson(
            retention=retention,
            erase_message=EraseMessage(retention, crashing(self.blobs), crashing(self.queue)),
            throttle=crashing(self.throttle),
            spool=crashing(self.spool),
            unsearchable=[],
            dead_letters=crashing(self.dead_letters),
            find_person=FindPerson(parsers),
            accounts=lambda: [ACCOUNT],
            delete_stale_temporary_files=lambda: 7,
            rewrite=self.rewrite,
        )
        return erase(addresses or [ANA], lambda _: None)

    def rewrite(self) -> None:
        self.rewritten += 1

    def left_of(self, sender: str) -> list[object]:
        """Everything that is still stored of ``sender``."""
        retained = self.retention.list_retained(1000).items
        found: list[object] = [
            one for one in retained if one.message and one.message.is_by([sender])
        ]
        found += self.retention.find_all_conversations(SMS, [sender])
        found += [
            d for contexts in self.queued().values() for d in contexts if d.message.sender == sender
        ]
        found += [
            dead_letter
            for dead_letter in self.dead_letters.each_dead_letter()
            if dead_letter.webhook and sender.encode() in dead_letter.webhook.request.body
        ]
        with suppress(KeyError):
            found.append(self.blobs.get(self.files[sender]))
        acquired = self.throttle.acquire(throttle_key(self.message(sender, "x")), NOW, LIMITS)
        return found + [acquired] * (acquired is ThrottleOutcome.WITHIN_WINDOW)


@pytest.fixture
def frontdesk() -> Desk:
    frontdesk = Desk()
    frontdesk.fill()
    return frontdesk


def test_erasure_removes_a_person_from_every_place(frontdesk: Desk) -> None:
    report = frontdesk.erases()
    assert frontdesk.left_of(ANA.value) == []
    assert (report.messages, report.imported_entries, report.conversations) == (4, 1, [KEY])
    assert (report.contexts, report.spooled, report.dead_letters) == (3, 1, 1)
    assert report.files == 1
    assert report.stale_temporary_files == 7
    assert len(report.provider_files) == 5
    assert report.not_reached == report.failed == []
    assert frontdesk.rewritten == 1


def test_erasure_leaves_another_person_unchanged(frontdesk: Desk) -> None:
    untouched = Desk()
    untouched.fill()
    expected = len(untouched.left_of(BOB))
    frontdesk.erases()
    assert len(frontdesk.left_of(BOB)) == expected
    assert frontdesk.spool.depth().entries == 1


@pytest.mark.parametrize("afterwards", [True, False], ids=["after", "before"])
def test_erasure_interrupted_at_any_step_is_completed_by_the_next_run(afterwards: bool) -> None:
    for calls in range(1, 1000):
        frontdesk = Desk()
        frontdesk.fill()
        try:
            frontdesk.erases(calls=calls, afterwards=afterwards)
        except CrashError:
            frontdesk.erases()
            assert frontdesk.left_of(ANA.value) == [], f"call {calls}"
        else:
            break
    assert calls > 30


def test_erasure_finds_a_context_published_after_the_record_was_erased(
    frontdesk: Desk,
) -> None:
    (conversation,) = frontdesk.retention.find_all_conversations(SMS, [ANA.value])
    record = a_record(frontdesk.message(ANA.value, "0-9"))
    frontdesk.erases()
    frontdesk.blobs.put(f"contexts/{record.request_id}/body", b"x")
    context = ContextObject.of(record, conversation, None, NOW)
    frontdesk.queue.publish(context, Route(QueueName(SMS, QueueKind.REPLIES), timedelta(0)))
    report = frontdesk.erases()
    assert (report.contexts, report.files) == (1, 1)
    assert frontdesk.left_of(ANA.value) == []


def test_erasure_on_one_channel_leaves_contexts_on_another_channel(frontdesk: Desk) -> None:
    report = frontdesk.erases(Address.parse(WHATSAPP, ANA.value))
    assert report.contexts == 0


def test_erased_message_sent_again_is_a_duplicate(frontdesk: Desk) -> None:
    message = frontdesk.message(ANA.value, "0-1")
    frontdesk.erases()
    frontdesk.receive(ParsedMessage(message))
    assert frontdesk.left_of(ANA.value) == []
    assert frontdesk.metrics.total("Duplicates") == 1


def test_erased_provider_id_used_by_another_sender_is_a_duplicate_without_a_trace(
    frontdesk: Desk,
) -> None:
    frontdesk.erases()
    before = len(tuple(frontdesk.dead_letters.each_dead_letter()))
    frontdesk.receive(frontdesk.message(BOB, "0-1"))
    assert frontdesk.metrics.total("Duplicates") == 1
    assert len(tuple(frontdesk.dead_letters.each_dead_letter())) == before


def test_erasure_includes_messages_under_another_identity_in_the_conversation() -> None:
    frontdesk = Desk()
    number = Address.parse(WHATSAPP, SENDER[WHATSAPP])
    frontdesk.given_conversation(WHATSAPP)
    both = an_inbound_message(WHATSAPP, message_id="1", identities=(USER_ID, number))
    hidden = an_inbound_message(
        WHATSAPP, sender=USER_ID.value, message_id="2", identities=(USER_ID,)
    )
    frontdesk.receive(both)
    frontdesk.receive(hidden)
    report = frontdesk.erases(number)
    assert report.messages == 2
    assert report.other_identities == [USER_ID]
    assert frontdesk.retention.list_retained(10).items == ()


def test_erasure_leaves_the_same_number_on_another_channel_unless_requested(
    frontdesk: Desk,
) -> None:
    frontdesk.messages.record(a_record(an_inbound_message(WHATSAPP, message_id="W1"), None))
    frontdesk.erases(ANA)
    assert len(frontdesk.messages.list_unmatched(10).items) == 2
    frontdesk.erases(Address.parse(WHATSAPP, SENDER[WHATSAPP]))
    assert len(frontdesk.messages.list_unmatched(10).items) == 1


def test_erasure_reports_what_failed_and_completes_the_rest(
    frontdesk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise StorageUnavailableError("bug-1.json is not a dead letter")

    monkeypatch.setattr(frontdesk.dead_letters, "each_dead_letter", fail)
    monkeypatch.setattr(frontdesk, "rewrite", fail)
    report = frontdesk.erases()
    assert report.failed == [
        "dead letters: bug-1.json is not a dead letter",
        "database files were not rewritten: bug-1.json is not a dead letter",
    ]
    assert report.messages == 4


class CountedDeadLetters(MemoryDeadLetters):
    """Counts how often all dead letters are listed."""

    listed = 0

    def each_dead_letter(
        self,
        *,
        after: tuple[datetime, str] | None = None,
        newest_first: bool = False,
        unreadable: Callable[[str], None] = ignore,
    ) -> Iterator[DeadLetter]:
        self.listed += 1
        return super().each_dead_letter(
            after=after, newest_first=newest_first, unreadable=unreadable
        )


def test_erasure_lists_dead_letters_once_whatever_their_number() -> None:
    dead_letters = CountedDeadLetters()
    frontdesk = Desk(dead_letters=dead_letters)
    for number in range(20):
        frontdesk.fill_with(ANA.value, number)
    assert frontdesk.erases().dead_letters == 20
    assert dead_letters.listed == 1


def test_erasure_reports_the_places_of_unreadable_dead_letters(tmp_path: Path) -> None:
    frontdesk = Desk(dead_letters=FileDeadLetters(tmp_path))
    frontdesk.fill()
    (tmp_path / "note.json").write_text("{}")
    report = frontdesk.erases()
    assert report.dead_letters == 1
    assert report.failed == []
    assert report.not_reached == [
        f"1 unreadable dead letter, perhaps of this person: {tmp_path / 'note.json'}"
    ]


def test_erasure_deletes_the_dead_letter_of_an_undeliverable_message(frontdesk: Desk) -> None:
    request_id = frontdesk.message(ANA.value, "0-1").request_id
    frontdesk.dead_letters.store(
        DeadLetter("u-1", DeadLetterKind.UNDELIVERABLE, "", 1, NOW, request_id=request_id)
    )
    assert frontdesk.erases().dead_letters == 2


def test_erasure_reports_unreadable_requests_unless_they_contain_the_address(
    frontdesk: Desk,
) -> None:
    for number, body in enumerate((b"anything", ANA.value.encode())):
        webhook = verified(replace(frontdesk.request(), body=body))
        frontdesk.spool.enqueue(SpoolEntry(f"u{number}", f"u{number}", webhook, NOW))
    report = frontdesk.erases()
    assert report.spooled == 2
    assert report.not_reached == [
        "1 of the spooled webhooks and dead letters, which cannot be read: the address is not "
        "named there, but what is in base64 was not searched"
    ]


def test_erasure_deletes_what_a_spooled_webhook_stored_for_a_queue(frontdesk: Desk) -> None:
    claim_check = BlobClaimCheck(frontdesk.blobs)
    long, other = (replace(raw_message(sender), body="x" * 300_000) for sender in (ANA.value, BOB))
    claim_check.store(long)
    kept = claim_check.store(other)  # it claims the same id
    frontdesk.erases()
    assert frontdesk.blobs.get(str(kept.body_reference)) == other.body.encode()
    assert frontdesk.blobs.delete(contexts_folder(long.request_id)) == 1
