"""From a provider's request to its response."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from application.clock import Deadline
from application.ports.dead_letters import DeadLetter, DeadLetterKind
from application.ports.webhook_parser import ParsedMessage
from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversations import CLOSED, Conversation, Direction, Message
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
from domain.messages import (
    AttachedFile,
    Attachment,
    ConversationKey,
    InboundMessage,
    MessageRecord,
    MessageState,
)
from domain.routing import MailPolicy
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
    an_inbound_message,
)

EMAIL, WHATSAPP = ChannelType.EMAIL, ChannelType.WHATSAPP


def test_message_from_a_known_sender_is_routed_to_the_replies_queue() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()

    assert frontdesk.receive(an_inbound_message()) == THANKS

    (context,) = frontdesk.queued()["sms-replies"]
    assert context.request_id == an_inbound_message().request_id
    assert context.conversation.conversation_status == "user_reply_received"
    (_, (entry,)), *_ = frontdesk.show_conversation("conversation-1")
    assert entry.content == "Is my order on its way?"


def test_message_after_a_hand_off_is_routed_to_the_handoff_queue() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    frontdesk.switch_hand_off("conversation-1", on=True)

    frontdesk.receive(an_inbound_message())

    assert list(frontdesk.queued()) == ["sms-handoff"]


def test_duplicate_webhook_is_acknowledged_without_a_second_message() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()

    first, second = (
        frontdesk.receive(an_inbound_message()),
        frontdesk.receive(an_inbound_message(metadata={"retry": 1})),
    )

    assert first == second == THANKS
    assert len(frontdesk.queued()["sms-replies"]) == 1
    assert frontdesk.metrics.total("Duplicates") == 1


def test_two_hundred_concurrent_copies_become_one_message() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()

    with ThreadPoolExecutor(50) as pool:
        answers = [pool.submit(frontdesk.receive, an_inbound_message()) for _ in range(200)]

    assert {future.result() for future in answers} == {THANKS}
    assert len(frontdesk.queued()["sms-replies"]) == 1


def test_attachments_are_stored_before_the_message_that_refers_to_them() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    file = AttachedFile(Attachment("text/plain", sha256="ab12"), b"content")

    frontdesk.receive(ParsedMessage(an_inbound_message(), (file,)))

    (attachment,) = frontdesk.queued()["sms-replies"][0].message.attachments
    assert attachment.reference is not None
    assert frontdesk.blobs.get(attachment.reference) == b"content"


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
    frontdesk = FrontDesk()
    frontdesk.given_conversation()

    answer = frontdesk.receive(an_inbound_message(), signature=signature, **request_changes)

    assert (answer.status, error_of(answer)) == (status, error)
    assert frontdesk.queued() == {}
    assert tuple(frontdesk.dead_letters.each_dead_letter()) == ()


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
    frontdesk = FrontDesk()
    frontdesk.parser.validation_error = error

    answer = frontdesk.receive(an_inbound_message())

    assert answer.status == status
    assert b"secret" not in answer.body
    assert tuple(frontdesk.dead_letters.each_dead_letter()) == ()


def test_repeated_signature_header_is_refused() -> None:
    frontdesk = FrontDesk()
    answer = frontdesk.receive(headers=(("x-signature", "right"), ("x-signature", "right")))
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
    frontdesk = FrontDesk()
    frontdesk.parser.parse_error = error

    assert [frontdesk.receive(), frontdesk.receive()] == [THANKS, THANKS]

    (dead_letter,) = frontdesk.dead_letters.each_dead_letter()
    assert dead_letter.kind is kind
    assert dead_letter.webhook is not None
    assert dead_letter.webhook.request.body == b"body"
    assert dead_letter.webhook.request.header("authorization") is None
    assert "Ana" not in dead_letter.reason


class FullDisk(MemoryDeadLetters):
    def store(self, dead_letter: DeadLetter) -> None:
        raise StorageUnavailableError("no space left")


def test_webhook_whose_dead_letter_cannot_be_stored_is_a_500() -> None:
    frontdesk = FrontDesk(dead_letters=FullDisk())
    frontdesk.parser.parse_error = UnreadableMessageError("no From")
    assert frontdesk.receive().status == 500


def test_unauthenticated_mail_becomes_a_dead_letter_when_configured() -> None:
    frontdesk = FrontDesk(unauthenticated_mail=MailPolicy.DEAD_LETTER)
    frontdesk.given_conversation(ChannelType.EMAIL)

    frontdesk.receive(an_inbound_message(ChannelType.EMAIL, author_authenticated=False))

    (dead_letter,) = frontdesk.dead_letters.each_dead_letter()
    assert dead_letter.kind is DeadLetterKind.UNAUTHENTICATED
    assert frontdesk.queued() == {}


def test_failing_message_of_a_webhook_does_not_stop_the_others() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    broken = ParsedMessage(an_inbound_message(metadata={"cannot be copied": threading.Lock()}))

    assert frontdesk.receive(broken, ParsedMessage(an_inbound_message(message_id="SM2"))) == THANKS

    assert [c.message.message_id for c in frontdesk.queued()["sms-replies"]] == ["SM2"]
    assert [dead_letter.kind for dead_letter in frontdesk.dead_letters.each_dead_letter()] == [
        DeadLetterKind.BUG
    ]


class QueueIsDown(MemoryContextQueue):
    def publish(self, *_: object) -> None:
        raise QueueRoutingError("no answer")


def test_message_recorded_while_the_queue_is_down_is_routed_by_a_later_copy() -> None:
    frontdesk = FrontDesk(publisher=QueueIsDown(lambda: NOW))
    frontdesk.given_conversation()
    assert frontdesk.receive(an_inbound_message()) == THANKS
    assert frontdesk.queued() == {}

    healed = FrontDesk(data=frontdesk.data)
    healed.advance_clock(seconds=20)
    healed.receive(an_inbound_message())
    assert healed.queued() == {}, "its first handler may still be at it"

    healed.advance_clock(seconds=11)
    healed.receive(an_inbound_message())
    healed.receive(an_inbound_message())
    (context,) = healed.queued()["sms-replies"]
    assert context.request_id == an_inbound_message().request_id


def test_routing_after_the_deadline_leaves_the_message_pending() -> None:
    frontdesk = FrontDesk()
    conversation = frontdesk.given_conversation()
    with pytest.raises(DeadlineExceededError):
        frontdesk.route(a_record(), conversation, Deadline(0.0, lambda: 1.0))
    assert frontdesk.queued() == {}


def test_message_of_a_conversation_closed_meanwhile_is_unmatched_until_another_opens() -> None:
    frontdesk = FrontDesk()
    closed = a_conversation(conversation_status=CLOSED)
    frontdesk.conversations.open_conversation(closed)
    record = a_record()
    frontdesk.messages.record(record)

    assert frontdesk.route(record, closed) is None
    (unmatched,) = frontdesk.messages.list_unmatched(10).items
    assert unmatched.state is MessageState.UNMATCHED

    frontdesk.given_conversation(conversation_id="conversation-2")
    assert [joined and joined.conversation_id for _, joined in frontdesk.redrive()] == [
        "conversation-2"
    ]
    assert len(frontdesk.queued()["sms-replies"]) == 1


def test_stuck_message_of_a_deleted_conversation_joins_the_senders_open_conversation() -> None:
    frontdesk = FrontDesk()
    frontdesk.messages.record(a_record(conversation=ConversationKey("gone", ChannelType.SMS)))
    frontdesk.given_conversation()
    frontdesk.advance_clock(seconds=31)

    frontdesk.receive(an_inbound_message())

    (context,) = frontdesk.queued()["sms-replies"]
    assert context.conversation.conversation_id == "conversation-1"


def test_unknown_sender_is_recorded_as_unmatched_and_receives_one_fallback() -> None:
    frontdesk = FrontDesk()

    frontdesk.receive(an_inbound_message())
    frontdesk.receive(an_inbound_message())
    frontdesk.receive(an_inbound_message(message_id="SM2"))

    assert len(frontdesk.messages.list_unmatched(10).items) == 2
    (answer,) = frontdesk.sender.sent
    assert (answer.to, answer.sent_from) == ("+14155550123", "+15005550006")
    assert frontdesk.metrics.total("Fallbacks", reason="already_answered") == 1


def test_two_hundred_first_messages_of_a_sender_receive_one_fallback() -> None:
    frontdesk = FrontDesk()
    with ThreadPoolExecutor(50) as pool:
        for number in range(200):
            message = an_inbound_message(message_id=f"SM{number}")
            pool.submit(frontdesk.record_message, message, Deadline.after())
    assert len(frontdesk.sender.sent) == 1
    assert len(frontdesk.messages.list_unmatched(1000).items) == 200


def test_suppressed_fallback_is_counted_with_its_reason() -> None:
    frontdesk = FrontDesk()
    frontdesk.receive(an_inbound_message(body="STOP"))
    assert frontdesk.sender.sent == []
    assert frontdesk.metrics.total("Fallbacks", channel="sms", reason="opt_out_word") == 1


@pytest.mark.parametrize(
    ("error", "tries"),
    [(FallbackNotSentError("429"), 2), (FallbackUncertainError("timeout"), 1), (OSError("?"), 1)],
)
def test_throttle_is_released_only_if_the_fallback_was_certainly_not_sent(
    error: Exception, tries: int
) -> None:
    frontdesk = FrontDesk()
    frontdesk.sender.error = error

    frontdesk.receive(an_inbound_message())
    frontdesk.sender.error = None
    frontdesk.receive(an_inbound_message(message_id="SM2"))

    assert len(frontdesk.sender.sent) == tries - 1


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
    frontdesk = FrontDesk(throttle=throttle())
    frontdesk.sender.error = FallbackNotSentError("429")
    assert frontdesk.receive(an_inbound_message()) == THANKS
    assert len(frontdesk.messages.list_unmatched(10).items) == 1


def test_fallback_to_a_mail_is_sent_to_its_author_within_its_thread() -> None:
    frontdesk = FrontDesk()
    mail = an_inbound_message(
        ChannelType.EMAIL, message_id="<2@example.com>", thread_references=("<1@example.com>",)
    )
    frontdesk.receive(mail)
    (answer,) = frontdesk.sender.sent
    assert (answer.to, answer.sent_from) == ("ana@example.com", "help@acme.example")
    assert (answer.in_reply_to, answer.references) == ("<2@example.com>", ("<1@example.com>",))


def test_message_to_a_recipient_of_another_company_is_unmatched_without_a_fallback() -> None:
    acme = Tenant("acme", accounts=frozenset({"AC-other"}), recipients=frozenset({"+15005550006"}))
    globex = Tenant("globex", accounts=frozenset({ACCOUNT}), recipients=frozenset({"+15005550007"}))
    frontdesk = FrontDesk(directory=TenantDirectory((acme, globex)))
    frontdesk.given_conversation()

    assert frontdesk.receive(an_inbound_message()) == THANKS

    assert frontdesk.queued() == {}
    assert frontdesk.sender.sent == []
    assert frontdesk.metrics.total("Errors", type="foreign_recipient") == 1


def test_open_mode_opens_a_conversation_and_routes_the_next_message_to_it() -> None:
    frontdesk = FrontDesk(unknown_sender=UnknownSender.OPEN)
    first = an_inbound_message(ChannelType.EMAIL, message_id="<1@example.com>")
    second = an_inbound_message(
        ChannelType.EMAIL, message_id="<2@example.com>", received_at=NOW + timedelta(seconds=1)
    )

    frontdesk.receive(first)
    frontdesk.receive(second)

    ids = {context.conversation.conversation_id for context in frontdesk.queued()["email-replies"]}
    assert len(ids) == 1
    (conversation,) = frontdesk.conversations.list_conversations(10).items
    assert conversation.thread_id == "<1@example.com>"


def test_open_mode_opens_a_successor_when_the_conversation_closes_during_routing() -> None:
    frontdesk = FrontDesk(unknown_sender=UnknownSender.OPEN)
    closed = a_conversation(conversation_status=CLOSED)
    frontdesk.conversations.open_conversation(closed)
    record = a_record()
    frontdesk.messages.record(record)

    successor = frontdesk.route(record, closed)

    assert successor is not None
    assert successor.conversation_id != closed.conversation_id
    assert [context.request_id for context in frontdesk.queued()["sms-replies"]] == [
        record.request_id
    ]


def test_opening_after_a_closed_conversation_creates_a_successor() -> None:
    frontdesk = FrontDesk()
    wanted = a_conversation(conversation_id="")
    first, new = frontdesk.open_conversation(wanted)
    again, new_again = frontdesk.open_conversation(wanted)
    assert (new, new_again) == (True, False)
    assert again == first

    other = FrontDesk()
    other.conversations.open_conversation(
        a_conversation(conversation_id=first.conversation_id, conversation_status=CLOSED)
    )
    successor, _ = other.open_conversation(wanted)
    assert successor.conversation_id != first.conversation_id


def test_mail_in_a_thread_does_not_join_the_conversation_of_another_sender() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation(EMAIL, sender_id="bo@example.com", thread_id="<t@example.com>")
    frontdesk.receive(an_inbound_message(EMAIL, thread_references=("<t@example.com>",)))
    assert frontdesk.queued() == {}


def test_whatsapp_sender_is_recognised_by_user_id_after_hiding_the_number() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation(WHATSAPP, sender_id="whatsapp:+14155550123")
    user = Address.parse(WHATSAPP, "US.123")
    phone = Address.parse(WHATSAPP, "+14155550123")

    frontdesk.receive(an_inbound_message(WHATSAPP, identities=(user, phone)))
    frontdesk.receive(an_inbound_message(WHATSAPP, message_id="SM2", sender="US.123"))

    senders = [context.message.sender for context in frontdesk.queued()["whatsapp-replies"]]
    assert senders == ["+14155550123", "US.123"]


AUTOMATED = {"automated": {"kind": "auto_reply", "sign": "auto_submitted"}}


@pytest.mark.parametrize("choice", list(MailPolicy))
@pytest.mark.parametrize(
    ("setting", "changes", "kind"),
    [
        (
            "unauthenticated_mail",
            {"author_authenticated": False},
            DeadLetterKind.UNAUTHENTICATED,
        ),
        ("automated_mail", {"metadata": AUTOMATED}, DeadLetterKind.AUTOMATED),
    ],
)
def test_mail_in_doubt_is_no_customer_activity_unless_it_is_accepted(
    setting: str, changes: dict[str, Any], kind: DeadLetterKind, choice: MailPolicy
) -> None:
    policies: dict[str, Any] = {setting: choice}
    frontdesk = FrontDesk(**policies)
    frontdesk.given_conversation(EMAIL)
    frontdesk.receive(an_inbound_message(EMAIL, message_id="<1@example.com>"))
    real = frontdesk.conversations.list_conversations(1).items

    later = NOW + timedelta(seconds=1)
    in_doubt = an_inbound_message(EMAIL, message_id="<2@example.com>", received_at=later, **changes)
    frontdesk.receive(in_doubt)

    changed = frontdesk.conversations.list_conversations(1).items != real
    assert changed is (choice is MailPolicy.ACCEPT)
    assert ("email-handoff" in frontdesk.queued()) is (choice is MailPolicy.HANDOFF)
    kinds = [dead_letter.kind for dead_letter in frontdesk.dead_letters.each_dead_letter()]
    assert kinds == ([kind] if choice is MailPolicy.DEAD_LETTER else [])


@pytest.mark.parametrize("unknown_sender", list(UnknownSender))
def test_mail_of_a_list_that_hides_its_author_belongs_to_no_conversation(
    unknown_sender: UnknownSender,
) -> None:
    frontdesk = FrontDesk(unknown_sender=unknown_sender)
    frontdesk.given_conversation(EMAIL)
    hidden = an_inbound_message(EMAIL, author_authenticated=False)
    hidden = replace(hidden, metadata={"rewritten_from": hidden.sender.value})

    frontdesk.receive(hidden)

    assert frontdesk.queued() == {}
    assert len(frontdesk.container.message_store().list_unmatched(10).items) == 1


ACME = Tenant("acme", accounts=frozenset({ACCOUNT}), recipients=frozenset({"+15005550001"}))
GLOBEX = Tenant("globex", accounts=frozenset({ACCOUNT}), recipients=frozenset({"+15005550006"}))


def test_recipient_moved_to_another_company_starts_a_conversation_with_that_company() -> None:
    before = FrontDesk(unknown_sender=UnknownSender.OPEN)
    before.receive(an_inbound_message())
    (acmes,) = before.conversations.list_conversations(1).items
    frontdesk = FrontDesk(
        unknown_sender=UnknownSender.OPEN, directory=TenantDirectory((ACME, GLOBEX))
    )
    frontdesk.conversations.open_conversation(replace(acmes, company_id="acme"))

    frontdesk.receive(an_inbound_message())

    (context,) = frontdesk.queued()["sms-replies"]
    assert context.company.company_id == "globex"
    assert context.conversation.conversation_id != acmes.conversation_id


def test_opening_a_conversation_with_the_recipient_of_another_company_is_refused() -> None:
    frontdesk = FrontDesk(directory=TenantDirectory((ACME, GLOBEX)))
    with pytest.raises(UnknownRecipientError, match="another company"):
        frontdesk.open_conversation(a_conversation(company_id="acme"))


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
    frontdesk = FrontDesk()
    first, _ = frontdesk.open_conversation(a_conversation(conversation_id=""))
    stale = StaleLookUp(first)
    frontdesk = FrontDesk(conversations=stale)
    stale.open_conversation(replace(first, conversation_status=CLOSED))

    successor, created = frontdesk.open_conversation(a_conversation(conversation_id=""))

    assert created
    assert successor.conversation_id != first.conversation_id


def test_opening_a_conversation_without_a_company_is_refused() -> None:
    two = TenantDirectory((Tenant("a", recipients=frozenset({"+1"})), Tenant("b")))
    frontdesk = FrontDesk(directory=TenantDirectory((two.tenants[0], two.tenants[0])))
    for recipient in (None, "+15005550099"):
        with pytest.raises(UnknownRecipientError):
            frontdesk.open_conversation(a_conversation(recipient_id=recipient))


def test_history_begins_with_the_messages_of_older_systems() -> None:
    frontdesk = FrontDesk()
    legacy = Message("SM0", Direction.OUTBOUND, "Hello", NOW - timedelta(days=1), ChannelType.SMS)
    frontdesk.given_conversation(legacy_messages=(legacy,))
    frontdesk.receive(an_inbound_message())

    ((_, history),) = frontdesk.show_conversation("conversation-1")

    assert [entry.message_id for entry in history] == [
        "SM0",
        an_inbound_message().provider_message_id,
    ]


def test_unknown_conversation_id_is_reported_as_not_found() -> None:
    frontdesk = FrontDesk()
    with pytest.raises(ConversationNotFoundError):
        frontdesk.show_conversation("nobody")
    with pytest.raises(ConversationNotFoundError):
        frontdesk.switch_hand_off("nobody", on=True)


def test_redriving_unmatched_messages_survives_a_queue_that_is_down() -> None:
    frontdesk = FrontDesk(publisher=QueueIsDown(lambda: NOW))
    known, unknown = an_inbound_message(), an_inbound_message(sender="+14155550199", message_id="2")
    frontdesk.receive(known)
    frontdesk.receive(unknown)
    frontdesk.given_conversation()

    joined = {
        record.message.provider_message_id: c is not None for record, c in frontdesk.redrive()
    }

    assert joined == {known.provider_message_id: True, "2": False}
    assert [r.message for r in frontdesk.messages.list_unmatched(10).items] == [unknown]


def test_routed_message_is_recorded_as_queued() -> None:
    frontdesk = FrontDesk()
    frontdesk.given_conversation()
    message: InboundMessage = an_inbound_message()
    frontdesk.receive(message)
    stored = frontdesk.messages.record(a_record(message, KEY))
    assert isinstance(stored, MessageRecord)
    assert stored.state is MessageState.QUEUED
