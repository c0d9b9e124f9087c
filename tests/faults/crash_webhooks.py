"""The webhooks of the crash runs, and the expected result of each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

from application.ports.context_queue import (
    DEFAULT_VISIBILITY,
    ContextReader,
    DelayedReader,
    Delivery,
)
from application.ports.dead_letters import DeadLetter, DeadLetterKind
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.messages import ConversationKey
from domain.queues import QueueName
from entrypoints.composition.container import Container
from infrastructure.channels.provider import SimulatedRequest
from tests.builders import a_conversation
from tests.end_to_end.providers import Providers

ORIGIN = "https://desk.example.com"
FILE = b"invoice 4711\n" * 100
LARGE_BODY = "a long story, " * 20_000
MANY = 10_000
SMS, WHATSAPP, EMAIL = ChannelType.SMS, ChannelType.WHATSAPP, ChannelType.EMAIL


class Kind(StrEnum):
    """The kinds of webhooks, by the work that they cause."""

    REPLY = "reply"
    HAND_OFF = "hand-off"
    MOVED = "moved to a human"
    MAIL_WITH_FILE = "mail with a file"
    LARGE_MAIL = "mail too large for a queue"
    UNKNOWN_SENDER = "unknown sender"
    LATE_CUSTOMER = "sender who is known later"
    UNREADABLE = "unreadable"


class _Way(NamedTuple):
    channel: ChannelType
    queue: str | None
    """The queue of its context; a sender with such a queue has a conversation, at least later."""


_WAYS = {
    Kind.REPLY: _Way(SMS, "sms-replies"),
    Kind.HAND_OFF: _Way(WHATSAPP, "whatsapp-handoff"),
    Kind.MOVED: _Way(WHATSAPP, "whatsapp-handoff"),
    Kind.MAIL_WITH_FILE: _Way(EMAIL, "email-replies"),
    Kind.LARGE_MAIL: _Way(EMAIL, "email-replies"),
    Kind.UNKNOWN_SENDER: _Way(SMS, None),
    Kind.LATE_CUSTOMER: _Way(SMS, "sms-replies"),
    Kind.UNREADABLE: _Way(SMS, None),
}


@dataclass(frozen=True)
class Case:
    """A unique webhook; ``number`` is in its sender and its message id."""

    kind: Kind
    number: int

    @property
    def channel(self) -> ChannelType:
        return _WAYS[self.kind].channel

    @property
    def queue(self) -> str | None:
        """The queue where its context must be."""
        return _WAYS[self.kind].queue

    @property
    def sender(self) -> str:
        if self.channel is EMAIL:
            return f"customer-{self.number}@example.com"
        return f"+1415{self.number:07}"

    @property
    def message_id(self) -> str:
        return f"<{self.number}@mail.example.com>" if self.channel is EMAIL else self._sid

    @property
    def _sid(self) -> str:
        return f"SM{self.number:032x}"

    @property
    def conversation_id(self) -> str:
        return f"conversation-{self.number}"

    @property
    def is_known(self) -> bool:
        """Whether the sender has a conversation when the webhook is first sent."""
        return self.queue is not None and self.kind is not Kind.LATE_CUSTOMER

    def open_conversation(self, container: Container) -> None:
        """Open the sender's conversation, if the case has one."""
        if self.queue is not None:
            wanted = a_conversation(
                self.channel,
                conversation_id=self.conversation_id,
                sender_id=self.sender,
                hand_off_to_human=self.kind is Kind.HAND_OFF,
                **dict.fromkeys(("company_id", "project_id", "credentials_reference")),
            )
            container.conversation_store().open_conversation(wanted)

    def webhook(self, providers: Providers) -> SimulatedRequest:
        """The webhook that the provider posts; a mail contains the time of its signature."""
        url = f"{ORIGIN}/webhooks/{self.channel}"
        if self.kind is Kind.UNREADABLE:
            form = {"MessageSid": self._sid, "AccountSid": providers.account_sid, "To": "+1"}
            return providers.form(url, form)
        more: dict[str, Any] = {}
        if self.kind is Kind.MAIL_WITH_FILE:
            more["attachments"] = [("invoice.txt", "text/plain", FILE)]
        if self.kind is Kind.LARGE_MAIL:
            more["body"] = LARGE_BODY
        return providers.webhook(
            url, self.channel, sender=self.sender, message_id=self.message_id, **more
        )


TakenContext = tuple[str, ContextObject]
"""The queue of a received context, and the context."""


@dataclass(frozen=True)
class Found:
    """Everything that is stored of a case."""

    case: Case
    records: int
    contexts: Sequence[TakenContext]
    dead_letters: int
    fallbacks: int
    has_files: bool
    is_last_message: bool
    """Whether the conversation shows it as the last message."""

    @property
    def is_absent(self) -> bool:
        """Whether nothing of it is stored."""
        return not (self.records or self.contexts or self.dead_letters or self.fallbacks)

    def problems(self, *, at_most_once: bool) -> Iterator[str]:
        """Every difference from the expected result; ``at_most_once`` is the queue's guarantee."""
        unreadable = self.case.kind is Kind.UNREADABLE
        wanted = 0 if self.case.queue is None else 1
        ids = {context.request_id for _, context in self.contexts}
        if self.records != (not unreadable):
            yield f"{self.records} records"
        if self.dead_letters != unreadable:
            yield f"{self.dead_letters} dead letters"
        if self.fallbacks > (self.case.queue is None or not self.case.is_known):
            yield f"{self.fallbacks} fallbacks"
        if len(ids) != wanted or any(queue != self.case.queue for queue, _ in self.contexts):
            yield f"contexts {[(queue, context.request_id) for queue, context in self.contexts]}"
        if at_most_once and len(self.contexts) > wanted:
            yield f"{len(self.contexts)} contexts"
        if not self.has_files:
            yield "a file that the context names is not there"
        if not self.is_last_message:
            yield "the conversation does not show it"


@dataclass(frozen=True)
class Inspector:
    """Finds what is stored of cases, when all is at rest: what is for all of them is read once.

    ``contexts`` are those received so far.
    """

    container: Container
    contexts: list[TakenContext]

    def take_contexts(self) -> None:
        """Receive and acknowledge all contexts, as consumers do."""
        reader = self.container.context_queue()
        for depth in reader.depths():
            if not (depth.ready or depth.delayed):
                continue
            for delivery in receive_all(reader, depth.queue):
                self.contexts.append((str(depth.queue), delivery.context))
                reader.acknowledge(depth.queue, delivery.receipt)

    def find(self, case: Case) -> Found:
        """Everything that is stored of ``case``."""
        contexts = [one for one in self.contexts if one[1].message.message_id == case.message_id]
        return Found(
            case,
            records=self._count_records(case),
            contexts=contexts,
            dead_letters=self._count_dead_letters(case),
            fallbacks=self._count_fallbacks(case),
            has_files=all(self._has_files(context) for _, context in contexts),
            is_last_message=case.queue is None or self._is_last_message(case),
        )

    def _count_records(self, case: Case) -> int:
        if case.queue is None:
            return self._unmatched.count(case.message_id)
        conversation = ConversationKey(case.conversation_id, case.channel)
        return len(self.container.message_store().history(conversation))

    @cached_property
    def _unmatched(self) -> Sequence[str]:
        unmatched = self.container.message_store().list_unmatched(MANY).items
        return [record.message.provider_message_id for record in unmatched]

    def _is_last_message(self, case: Case) -> bool:
        conversations = self.container.conversation_store()
        return any(
            found.conversation_status == "user_reply_received"
            and found.last_message is not None
            and found.last_message.message_id == case.message_id
            and found.last_message.timestamp == found.last_user_message_at
            for found in conversations.get_conversations(case.conversation_id)
        )

    def _count_dead_letters(self, case: Case) -> int:
        return sum(_is_of(dead_letter, case) for dead_letter in self._dead_letters)

    @cached_property
    def _dead_letters(self) -> Sequence[DeadLetter]:
        return tuple(self.container.dead_letters().each_dead_letter())

    def _count_fallbacks(self, case: Case) -> int:
        path = self.container.settings().data_dir / "fallbacks.jsonl"
        return path.read_text().count(f'"to": "{case.sender}"') if path.exists() else 0

    def _has_files(self, context: ContextObject) -> bool:
        message = context.message
        wanted = {one.reference: FILE for one in message.attachments or ()}
        if message.body_truncated:
            wanted[message.body_reference] = LARGE_BODY.encode()
        blobs = self.container.files().blobs
        return all(
            reference is not None and blobs.get(reference).strip() == content.strip()
            for reference, content in wanted.items()
        )


def _is_of(dead_letter: DeadLetter, case: Case) -> bool:
    webhook = dead_letter.webhook
    return webhook is not None and case.message_id.encode() in webhook.request.body


def receive_all(
    reader: ContextReader, queue: QueueName, visibility: timedelta = DEFAULT_VISIBILITY
) -> tuple[Delivery, ...]:
    """Every context of a queue, delayed or not where the backend can show it."""
    if isinstance(reader, DelayedReader):
        return reader.receive_with_delayed(queue, MANY, visibility=visibility)
    return reader.receive(queue, MANY, visibility=visibility)


def backlog_of(container: Container) -> Iterator[str]:
    """The work that remains for the spool's worker, the relay or an operator."""
    if entries := container.spool().depth().entries:
        yield f"{entries} entries in the spool"
    yield from pending(container)
    if dead_letters := list(redrivable(container)):
        yield f"{len(dead_letters)} dead letters"


def pending(container: Container) -> Iterator[str]:
    """The messages that are recorded and not on their queue."""
    end_of_time = datetime.max.replace(tzinfo=UTC)
    if stuck := container.outbox().list_stuck(MANY, end_of_time):
        yield f"{len(stuck)} messages are pending"


def redrivable(container: Container) -> Iterator[DeadLetter]:
    """The dead letters that an operator redrives."""
    dead_letters = tuple(container.dead_letters().each_dead_letter())
    return (one for one in dead_letters if one.kind is not DeadLetterKind.UNREADABLE)
