"""From a provider's request to its response."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from application.clock import Deadline
from application.ports.dead_letters import DeadLetter, DeadLetterKind
from application.ports.webhook_parser import ParsedMessage
from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversation_key import ConversationKey
from domain.conversations import CLOSED, Conversation
from domain.errors import (
    ConversationNotFoundError,
    DeadlineExceededError,
    FallbackNotSentError,
    FallbackUncertainError,
    PayloadTooLargeError,
    QueueRoutingError,
    SecretsUnavailableError,
    StorageUnavailableError,
    UnknownRecipientError,
    UnreadableMessageError,
)
from domain.history import Direction, Message
from domain.messages import AttachedFile, Attachment, InboundMessage
from domain.outbox import MessageRecord, MessageState
from domain.routing import UnauthenticatedMail
from domain.tenants import Tenant, TenantDirectory, UnknownSender
from infrastructure.memory.memory_blobs import MemoryDeadLetters
from infrastructure.memory.memory_conversations import MemoryConversationStore
from infrastructure.memory.memory_fallback_throttle import MemoryFallbackThrottle
from infrastructure.memory.memory_queue import MemoryContextQueue
from tests.application.frontdesk import THANKS, FrontDesk, error_of
from tests.builders import (
    ACCOUNT,
    KEY,
    NOW,
    a_conversation,
    a_record,
    a_tenant,
    an_inbound_message,
)

EMAIL, WHATSAPP = ChannelType.EMAIL, ChannelType.WHATSAPP


def test_message_from_a_known_sender_is_routed_to_the_replies_queue() -> None:
    desk = FrontDesk()
    desk.knows()

    assert desk.gets(an_inbound_message()) == THANKS

    (context,) = desk.queued()["sms-replies"]
    assert context.request_id == an_inbound_message().request_id
    assert context.conversation.conversation_status == "user_reply_received"
    (_, (entry,)), *_ = desk.show_conversation("conversation-1")
    assert entry.content == "Is my order on its way?"


def test_message_after_a_hand_off_is_routed_to_the_handoff_queue() -> None:
    desk = FrontDesk()
    desk.knows()
    desk.switch_hand_off("conversation-1", on=True)

    desk.gets(an_inbound_message())

    assert list(desk.queued()) == ["sms-handoff"]


def test_duplicate_webhook_is_acknowledged_without_a_second_message() -> None:
    desk = FrontDesk()
    desk.knows()

    first, second = desk.gets(an_inbound_message()), desk.gets(an_inbound_message(body="other"))

    assert first == second == THANKS
    assert len(desk.queued()["sms-replies"]) == 1
    assert desk.metrics.total("Duplicates") == 1


def test_two_hundred_concurrent_copies_become_one_message() -> None:
    desk = FrontDesk()
    desk.knows()

    with ThreadPoolExecutor(50) as pool:
        answers = [pool.submit(desk.gets, an_inbound_message()) for _ in range(200)]

    assert {future.result() for future in answers} == {THANKS}
    assert len(desk.queued()["sms-replies"]) == 1


def test_attachments_are_stored_before_the_message_that_refers_to_them() -> None:
    desk = FrontDesk()
    desk.knows()
    file = AttachedFile(Attachment("text/plain", sha256="ab12"), b"content")

    desk.gets(ParsedMessage(an_inbound_message(), (file,)))

    (attachment,) = desk.queued()["sms-replies"][0].message.attachments
    assert attachment.reference is not None
    assert desk.blobs.get(attachment.reference) == b"content"


@pytest.mark.parametrize(
    ("signature", "request_changes", "status", "error"),
    [
        ("wrong", {}, 401, "Invalid signature"),
        ("right", {"url": "https://hooks.example/voice"}, 404, "Unsupported channel"),
        ("right", {"method": "GET"}, 405, "Method not allowed"),
    ],
)
def test_refused_request_stores_nothing(
    signature: str, request_changes: dict[str, str], status: int, error: str
) -> None:
    desk = FrontDesk()
    desk.knows()

    answer = desk.gets(an_inbound_message(), signature=signature, **request_changes)

    assert (answer.status, error_of(answer)) == (status, error)
    assert desk.queued() == {}
    assert tuple(desk.dead_letters.each_dead_letter()) == ()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (PayloadTooLargeError("too many fields"), 413),
        (SecretsUnavailableError("no answer"), 503),
        (ZeroDivisionError("a secret in a message"), 500),
    ],
)
def test_error_before_verification_is_refused_without_details(
    error: Exception, status: int
) -> None:
    desk = FrontDesk()
    desk.parser.validation_error = error

    answer = desk.gets(an_inbound_message())

    assert answer.status == status
    assert b"secret" not in answer.body
    assert tuple(desk.dead_letters.each_dead_letter()) == ()


def test_repeated_signature_header_is_refused() -> None:
    desk = FrontDesk()
    answer = desk.gets(headers=(("x-signature", "right"), ("x-signature", "right")))
    assert answer.status == 401


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (UnreadableMessageError("no From"), DeadLetterKind.UNREADABLE),
        (ZeroDivisionError("Hello Ana"), DeadLetterKind.BUG),
    ],
)
def test_unreadable_webhook_or_bug_becomes_one_dead_letter(
    error: Exception, kind: DeadLetterKind
) -> None:
    desk = FrontDesk()
    desk.parser.parse_error = error

    assert [desk.gets(), desk.gets()] == [THANKS, THANKS]

    (dead_letter,) = desk.dead_letters.each_dead_letter()
    assert dead_letter.kind is kind
    assert dead_letter.webhook is not None
    assert dead_letter.webhook.request.body == b"body"
    assert dead_letter.webhook.request.header("authorization") is None
    assert "Ana" not in dead_letter.reason


class FullDisk(MemoryDeadLetters):
    def store(self, dead_letter: DeadLetter) -> None:
        raise StorageUnavailableError("no space left")


def test_webhook_whose_dead_letter_cannot_be_stored_is_a_500() -> None:
    desk = FrontDesk(dead_letters=FullDisk())
    desk.parser.parse_error = UnreadableMessageError("no From")
    assert desk.gets().status == 500


def test_unauthenticated_mail_becomes_a_dead_letter_when_configured() -> None:
    desk = FrontDesk(unauthenticated_mail=UnauthenticatedMail.DEAD_LETTER)
    desk.knows(ChannelType.EMAIL)

    desk.gets(an_inbound_message(ChannelType.EMAIL, author_authenticated=False))

    (dead_letter,) = desk.dead_letters.each_dead_letter()
    assert dead_letter.kind is DeadLetterKind.UNAUTHENTICATED
    assert desk.queued() == {}


def test_failing_message_of_a_webhook_does_not_stop_the_others() -> None:
    desk = FrontDesk()
    desk.knows()
    broken = ParsedMessage(an_inbound_message(metadata={"cannot be copied": threading.Lock()}))

    assert desk.gets(broken, ParsedMessage(an_inbound_message(message_id="SM2"))) == THANKS

    assert [c.message.message_id for c in desk.queued()["sms-replies"]] == ["SM2"]
    assert [dead_letter.kind for dead_letter in desk.dead_letters.each_dead_letter()] == [
        DeadLetterKind.BUG
    ]


class QueueIsDown(MemoryContextQueue):
    def publish(self, *_: object) -> None:
        raise QueueRoutingError("no answer")


def test_message_recorded_while_the_queue_is_down_is_routed_by_a_later_copy() -> None:
    desk = FrontDesk(publisher=QueueIsDown(lambda: NOW))
    desk.knows()
    assert desk.gets(an_inbound_message()) == THANKS
    assert desk.queued() == {}

    healed = FrontDesk(data=desk.data)
    healed.passes(20)
    healed.gets(an_inbound_message())
    assert healed.queued() == {}, "its first handler may still be at it"

    healed.passes(11)
    healed.gets(an_inbound_message())
    healed.gets(an_inbound_message())
    (context,) = healed.queued()["sms-replies"]
    assert context.request_id == an_inbound_message().request_id


def test_routing_after_the_deadline_leaves_the_message_pending() -> None:
    desk = FrontDesk()
    conversation = desk.knows()
    with pytest.raises(DeadlineExceededError):
        desk.route_message(a_record(), conversation, None, Deadline(0.0, lambda: 1.0))
    assert desk.queued() == {}


def test_message_of_a_conversation_closed_meanwhile_is_unmatched_until_another_opens() -> None:
    desk = FrontDesk()
    closed = a_conversation(conversation_status=CLOSED)
    desk.conversations.open_conversation(closed)
    record = a_record()
    desk.messages.record(record)

    assert desk.route_message(record, closed, None, Deadline.after()) is None
    (unmatched,) = desk.messages.list_unmatched(10).items
    assert unmatched.state is MessageState.UNMATCHED

    desk.knows(conversation_id="conversation-2")
    assert [joined and joined.conversation_id for _, joined in desk.redrive()] == ["conversation-2"]
    assert len(desk.queued()["sms-replies"]) == 1


def test_stuck_message_of_a_deleted_conversation_joins_the_senders_open_conversation() -> None:
    desk = FrontDesk()
    desk.messages.record(a_record(conversation=ConversationKey("gone", ChannelType.SMS)))
    desk.knows()
    desk.passes(31)

    desk.gets(an_inbound_message())

    (context,) = desk.queued()["sms-replies"]
    assert context.conversation.conversation_id == "conversation-1"


def test_unknown_sender_is_recorded_as_unmatched_and_receives_one_fallback() -> None:
    desk = FrontDesk()

    desk.gets(an_inbound_message())
    desk.gets(an_inbound_message())
    desk.gets(an_inbound_message(message_id="SM2"))

    assert len(desk.messages.list_unmatched(10).items) == 2
    (answer,) = desk.sender.sent
    assert (answer.to, answer.sent_from) == ("+14155550123", "+15005550006")
    assert desk.metrics.total("Fallbacks", reason="already_answered") == 1


def test_two_hundred_first_messages_of_a_sender_receive_one_fallback() -> None:
    desk = FrontDesk()
    with ThreadPoolExecutor(50) as pool:
        for number in range(200):
            message = an_inbound_message(message_id=f"SM{number}")
            pool.submit(desk.record_message, message, Deadline.after())
    assert len(desk.sender.sent) == 1
    assert len(desk.messages.list_unmatched(1000).items) == 200


def test_suppressed_fallback_is_counted_with_its_reason() -> None:
    desk = FrontDesk()
    desk.gets(an_inbound_message(body="STOP"))
    assert desk.sender.sent == []
    assert desk.metrics.total("Fallbacks", channel="sms", reason="opt_out_word") == 1


@pytest.mark.parametrize(
    ("error", "tries"),
    [(FallbackNotSentError("429"), 2), (FallbackUncertainError("timeout"), 1), (OSError("?"), 1)],
)
def test_throttle_is_released_only_if_the_fallback_was_certainly_not_sent(
    error: Exception, tries: int
) -> None:
    desk = FrontDesk()
    desk.sender.error = error

    desk.gets(an_inbound_message())
    desk.sender.error = None
    desk.gets(an_inbound_message(message_id="SM2"))

    assert len(desk.sender.sent) == tries - 1


class ThrottleIsDown(MemoryFallbackThrottle):
    def acquire(self, *_: object) -> None:  # type: ignore[override]  # it only raises
        raise StorageUnavailableError("no answer")


class ThrottleCannotRelease(MemoryFallbackThrottle):
    def release(self, sender: str) -> None:
        raise StorageUnavailableError("no answer")


@pytest.mark.parametrize("throttle", [ThrottleIsDown, ThrottleCannotRelease])
def test_unavailable_throttle_does_not_stop_the_message(
    throttle: Callable[[], MemoryFallbackThrottle],
) -> None:
    desk = FrontDesk(throttle=throttle())
    desk.sender.error = FallbackNotSentError("429")
    assert desk.gets(an_inbound_message()) == THANKS
    assert len(desk.messages.list_unmatched(10).items) == 1


def test_fallback_to_a_mail_is_sent_to_its_author_within_its_thread() -> None:
    desk = FrontDesk()
    mail = an_inbound_message(
        ChannelType.EMAIL, message_id="<2@example.com>", thread_references=("<1@example.com>",)
    )
    desk.gets(mail)
    (answer,) = desk.sender.sent
    assert (answer.to, answer.sent_from) == ("ana@example.com", "help@acme.example")
    assert (answer.in_reply_to, answer.references) == ("<2@example.com>", ("<1@example.com>",))


def test_message_to_a_recipient_of_another_company_is_unmatched_without_a_fallback() -> None:
    acme = Tenant("acme", accounts=frozenset({"AC-other"}), recipients=frozenset({"+15005550006"}))
    globex = Tenant("globex", accounts=frozenset({ACCOUNT}), recipients=frozenset({"+15005550007"}))
    desk = FrontDesk(directory=TenantDirectory((acme, globex)))
    desk.knows()

    assert desk.gets(an_inbound_message()) == THANKS

    assert desk.queued() == {}
    assert desk.sender.sent == []
    assert desk.metrics.total("Errors", type="foreign_recipient") == 1


def test_open_mode_opens_a_conversation_and_routes_the_next_message_to_it() -> None:
    desk = FrontDesk(unknown_sender=UnknownSender.OPEN)
    first = an_inbound_message(ChannelType.EMAIL, message_id="<1@example.com>")
    second = an_inbound_message(
        ChannelType.EMAIL, message_id="<2@example.com>", received_at=NOW + timedelta(seconds=1)
    )

    desk.gets(first)
    desk.gets(second)

    ids = {context.conversation.conversation_id for context in desk.queued()["email-replies"]}
    assert len(ids) == 1
    (conversation,) = desk.conversations.list_conversations(10)
    assert conversation.thread_id == "<1@example.com>"


def test_open_mode_opens_a_successor_when_the_conversation_closes_during_routing() -> None:
    desk = FrontDesk(unknown_sender=UnknownSender.OPEN)
    closed = a_conversation(conversation_status=CLOSED)
    desk.conversations.open_conversation(closed)
    record = a_record()
    desk.messages.record(record)

    successor = desk.route_message(record, closed, a_tenant(), Deadline.after())

    assert successor is not None
    assert successor.conversation_id != closed.conversation_id
    assert [context.request_id for context in desk.queued()["sms-replies"]] == [record.request_id]


def test_opening_after_a_closed_conversation_creates_a_successor() -> None:
    desk = FrontDesk()
    wanted = a_conversation(conversation_id="")
    first, new = desk.open_conversation(wanted)
    again, new_again = desk.open_conversation(wanted)
    assert (new, new_again) == (True, False)
    assert again == first

    other = FrontDesk()
    other.conversations.open_conversation(
        a_conversation(conversation_id=first.conversation_id, conversation_status=CLOSED)
    )
    successor, _ = other.open_conversation(wanted)
    assert successor.conversation_id != first.conversation_id


def test_mail_in_a_thread_does_not_join_the_conversation_of_another_sender() -> None:
    desk = FrontDesk()
    desk.knows(EMAIL, sender_id="bo@example.com", thread_id="<t@example.com>")
    desk.gets(an_inbound_message(EMAIL, thread_references=("<t@example.com>",)))
    assert desk.queued() == {}


def test_whatsapp_sender_is_recognised_by_user_id_after_hiding_the_number() -> None:
    desk = FrontDesk()
    desk.knows(WHATSAPP, sender_id="whatsapp:+14155550123")
    user = Address.parse(WHATSAPP, "US.123")
    phone = Address.parse(WHATSAPP, "+14155550123")

    desk.gets(an_inbound_message(WHATSAPP, identities=(user, phone)))
    desk.gets(an_inbound_message(WHATSAPP, message_id="SM2", sender="US.123"))

    senders = [context.message.sender for context in desk.queued()["whatsapp-replies"]]
    assert senders == ["+14155550123", "US.123"]


@pytest.mark.parametrize("choice", list(UnauthenticatedMail))
def test_unauthenticated_mail_is_no_customer_activity_unless_it_is_accepted(
    choice: UnauthenticatedMail,
) -> None:
    desk = FrontDesk(unauthenticated_mail=choice)
    desk.knows(EMAIL)
    desk.gets(an_inbound_message(EMAIL, message_id="<1@example.com>"))
    real = desk.conversations.list_conversations(1)

    unauthenticated = an_inbound_message(
        EMAIL,
        message_id="<2@example.com>",
        author_authenticated=False,
        received_at=NOW + timedelta(seconds=1),
    )
    desk.gets(unauthenticated)

    changed = desk.conversations.list_conversations(1) != real
    assert changed is (choice is UnauthenticatedMail.ACCEPT)
    assert ("email-handoff" in desk.queued()) is (choice is UnauthenticatedMail.HANDOFF)


ACME = Tenant("acme", accounts=frozenset({ACCOUNT}), recipients=frozenset({"+15005550001"}))
GLOBEX = Tenant("globex", accounts=frozenset({ACCOUNT}), recipients=frozenset({"+15005550006"}))


def test_recipient_moved_to_another_company_starts_a_conversation_with_that_company() -> None:
    before = FrontDesk(unknown_sender=UnknownSender.OPEN)
    before.gets(an_inbound_message())
    (acmes,) = before.conversations.list_conversations(1)
    desk = FrontDesk(unknown_sender=UnknownSender.OPEN, directory=TenantDirectory((ACME, GLOBEX)))
    desk.conversations.open_conversation(replace(acmes, company_id="acme"))

    desk.gets(an_inbound_message())

    (context,) = desk.queued()["sms-replies"]
    assert context.company.company_id == "globex"
    assert context.conversation.conversation_id != acmes.conversation_id


def test_opening_a_conversation_with_the_recipient_of_another_company_is_refused() -> None:
    desk = FrontDesk(directory=TenantDirectory((ACME, GLOBEX)))
    with pytest.raises(UnknownRecipientError, match="another company"):
        desk.open_conversation(a_conversation(company_id="acme"))


class StaleLookUp(MemoryConversationStore):
    """A store that finds a conversation as it was before it was closed."""

    def __init__(self, seen: Conversation) -> None:
        super().__init__()
        self._seen = seen

    def find_open_conversations(
        self, channel: ChannelType, senders: Sequence[str], recipients: Sequence[str] = ()
    ) -> tuple[Conversation, ...]:
        return (self._seen,)


def test_stale_lookup_of_a_closed_conversation_creates_a_successor() -> None:
    desk = FrontDesk()
    first, _ = desk.open_conversation(a_conversation(conversation_id=""))
    stale = StaleLookUp(first)
    desk = FrontDesk(conversations=stale)
    stale.open_conversation(replace(first, conversation_status=CLOSED))

    successor, created = desk.open_conversation(a_conversation(conversation_id=""))

    assert created
    assert successor.conversation_id != first.conversation_id


def test_opening_a_conversation_without_a_company_is_refused() -> None:
    two = TenantDirectory((Tenant("a", recipients=frozenset({"+1"})), Tenant("b")))
    desk = FrontDesk(directory=TenantDirectory((two.tenants[0], two.tenants[0])))
    for recipient in (None, "+15005550099"):
        with pytest.raises(UnknownRecipientError):
            desk.open_conversation(a_conversation(recipient_id=recipient))


def test_history_begins_with_the_messages_of_older_systems() -> None:
    desk = FrontDesk()
    legacy = Message("SM0", Direction.OUTBOUND, "Hello", NOW - timedelta(days=1), ChannelType.SMS)
    desk.knows(legacy_messages=(legacy,))
    desk.gets(an_inbound_message())

    ((_, history),) = desk.show_conversation("conversation-1")

    assert [entry.message_id for entry in history] == [
        "SM0",
        an_inbound_message().provider_message_id,
    ]


def test_unknown_conversation_id_is_reported_as_not_found() -> None:
    desk = FrontDesk()
    with pytest.raises(ConversationNotFoundError):
        desk.show_conversation("nobody")
    with pytest.raises(ConversationNotFoundError):
        desk.switch_hand_off("nobody", on=True)


def test_redriving_unmatched_messages_survives_a_queue_that_is_down() -> None:
    desk = FrontDesk(publisher=QueueIsDown(lambda: NOW))
    known, unknown = an_inbound_message(), an_inbound_message(sender="+14155550199", message_id="2")
    desk.gets(known)
    desk.gets(unknown)
    desk.knows()

    joined = {record.message.provider_message_id: c is not None for record, c in desk.redrive()}

    assert joined == {known.provider_message_id: True, "2": False}
    assert [r.message for r in desk.messages.list_unmatched(10).items] == [unknown]


def test_routed_message_is_recorded_as_queued() -> None:
    desk = FrontDesk()
    desk.knows()
    message: InboundMessage = an_inbound_message()
    desk.gets(message)
    stored = desk.messages.record(a_record(message, KEY))
    assert isinstance(stored, MessageRecord)
    assert stored.state is MessageState.QUEUED
