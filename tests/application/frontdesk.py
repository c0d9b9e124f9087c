"""A whole front door over in-memory adapters, with a clock that tests can set."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from dependency_injector import providers

from application.clock import Deadline
from application.conversations.show_conversation import ShowConversation
from application.conversations.switch_hand_off import SwitchHandOff
from application.ports.blobs import BlobStore
from application.ports.context_queue import ContextPublisher
from application.ports.conversation_store import ConversationStore
from application.ports.dead_letters import DeadLetters
from application.ports.fallback_sender import FallbackSender
from application.ports.fallback_throttle import FallbackThrottle
from application.ports.message_store import MessageStore
from application.ports.outbox import Outbox
from application.ports.retention import Retention
from application.ports.webhook_parser import (
    ParsedMessage,
    VerifiedWebhook,
    WebhookParser,
    WebhookParserFactory,
    WebhookRequest,
    WebhookResponse,
)
from application.receiving.route_message import Routable
from application.recovery.drain_spool import DrainOutcome
from application.recovery.move_context import MoveContext
from application.recovery.redrive_dead_letters import RedriveDeadLetters
from application.recovery.redrive_unmatched import RedriveUnmatched
from application.recovery.relay_outbox import RelayOutcome
from domain.channels import ChannelType
from domain.context import ContextObject, MessageContext
from domain.conversations import Conversation
from domain.errors import UnreadableMessageError, ValidationError
from domain.fallback import Fallback, OwnAddresses
from domain.messages import InboundMessage, MessageRecord
from domain.queues import ALL_QUEUES
from domain.routing import MailPolicy
from domain.tenants import TenantDirectory, UnknownSender
from entrypoints.composition.container import build_container
from infrastructure.memory.backend import MemoryBackend
from infrastructure.memory.memory_data import MemoryData
from infrastructure.memory.memory_metrics import MemoryMetrics
from infrastructure.memory.memory_queue import MemoryContextQueue
from tests.builders import NOW, a_conversation, a_tenant, verified

THANKS = WebhookResponse(200, b"thanks", "text/plain")


@dataclass
class StubParser(WebhookParser):
    """Believes requests that say so, and finds in them what the test put there."""

    messages: list[ParsedMessage] = field(default_factory=list)
    validation_error: Exception | None = None
    parse_error: Exception | None = None
    max_body_bytes: int = 1000

    def validate(self, request: WebhookRequest) -> VerifiedWebhook:
        if self.validation_error:
            raise self.validation_error
        if request.header("x-signature") != "right":
            raise ValidationError("wrong signature")
        return verified(request)

    def parse(self, webhook: VerifiedWebhook) -> tuple[ParsedMessage, ...]:
        if self.parse_error:
            raise self.parse_error
        if not webhook.request.body:
            raise UnreadableMessageError("the body is empty")
        return tuple(self.messages)

    def respond(self) -> WebhookResponse:
        return THANKS


@dataclass
class RecordingSender(FallbackSender):
    """Keeps the fallbacks, or fails as told."""

    sent: list[Fallback] = field(default_factory=list)
    error: Exception | None = None

    def send(self, fallback: Fallback) -> None:
        if self.error:
            raise self.error
        self.sent.append(fallback)


class FrontDesk:
    """The container on memory, with what a test puts in place of some parts.

    ``adapters`` are named like the roles of ``MemoryBackend``, ``publisher`` stands in place of
    the context queue, and ``data`` is what another front desk left.
    """

    def __init__(
        self,
        *,
        unknown_sender: UnknownSender = UnknownSender.FALLBACK,
        unauthenticated_mail: MailPolicy = MailPolicy.HANDOFF,
        automated_mail: MailPolicy = MailPolicy.HANDOFF,
        directory: TenantDirectory | None = None,
        parser: StubParser | None = None,
        publisher: ContextPublisher | None = None,
        data: MemoryData | None = None,
        **adapters: Any,
    ) -> None:
        self.now = NOW
        self.parser = parser or StubParser()
        self.sender = RecordingSender()
        self.metrics = MemoryMetrics()
        self.data = data or MemoryData()
        self.container = container = build_container(
            {
                "UNKNOWN_SENDER": unknown_sender,
                "UNAUTHENTICATED_MAIL": unauthenticated_mail,
                "AUTOMATED_MAIL": automated_mail,
                "FALLBACK_TEXT": "We do not know you.",
            },
            ephemeral=True,
        )
        backend = MemoryBackend(self.clock, self.data)
        for role, adapter in adapters.items():
            setattr(backend, role, adapter)
        backend.context_queue = MemoryContextQueue(self.clock)
        parsers = WebhookParserFactory(dict.fromkeys(ChannelType, lambda: self.parser))
        for provider, part in (
            (container.clock, self.clock),
            (container.memory, backend),
            (container.metrics, self.metrics),
            (container.tenants, lambda: directory or TenantDirectory((a_tenant(),))),
            (container.own_addresses, OwnAddresses(frozenset())),
            (container.parsers, parsers),
            (container.with_present_secrets, lambda verification: verification()),
            (container.senders, dict.fromkeys(ChannelType, lambda: self.sender)),
            (container.context_queue, publisher or backend.context_queue),
        ):
            provider.override(providers.Object(part))
        self.conversations: ConversationStore = backend.conversations
        self.messages: MessageStore = backend.messages
        self.outbox: Outbox = backend.outbox
        self.retention: Retention = backend.retention
        self.history_import = backend.history_import
        self.throttle: FallbackThrottle = backend.throttle
        self.dead_letters: DeadLetters = backend.dead_letters
        self.blobs: BlobStore = backend.blobs
        self.spool: Any = backend.spool
        self.queue = self._reader = backend.context_queue
        self.open_conversation = container.open_conversation()
        self.route_message = container.route_message()
        self.record_message = container.record_message()
        self.process_webhook = container.process_webhook()
        self.store_dead_letter = container.store_dead_letter()
        self.receive_webhook = container.receive_webhook()

    # To open the operations takes as long as everything above, and most tests need none.
    @cached_property
    def show_conversation(self) -> ShowConversation:
        return self.container.operations().show_conversation()

    @cached_property
    def switch_hand_off(self) -> SwitchHandOff:
        return self.container.operations().switch_hand_off()

    @cached_property
    def redrive(self) -> RedriveUnmatched:
        return self.container.operations().redrive_unmatched()

    @cached_property
    def redrive_dead_letter(self) -> RedriveDeadLetters:
        return self.container.operations().redrive_dead_letters()

    @cached_property
    def move_context(self) -> MoveContext:
        return replace(self.container.operations().move_context(), reader=self._reader)

    def clock(self) -> datetime:
        return self.now

    def route(
        self,
        record: MessageRecord,
        conversation: Conversation,
        deadline: Deadline | None = None,
    ) -> Conversation | None:
        """Route ``record`` for ``conversation``, in a unit of its own."""
        deadline = deadline or Deadline.after()
        content = MessageContext.of(record.message)
        directory = self.route_message.match_conversation.tenants()
        message = Routable(record, content, directory, a_tenant(), deadline)
        route = self.route_message
        return route.finish(
            route.unit_of_work.run(lambda unit: route(unit, message, conversation), deadline)
        )

    def drain(self) -> list[DrainOutcome]:
        """Drain the spool; what became of its entries."""
        return list(self.container.operations().drain_spool()().values())

    def relay(
        self, limit: int = 100, has_time: Callable[[], bool] = lambda: True
    ) -> list[RelayOutcome]:
        """Relay pending messages; what became of them."""
        return list(self.container.operations().relay_outbox()(limit, has_time).values())

    def advance_clock(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def given_conversation(
        self, channel: ChannelType = ChannelType.SMS, **changes: Any
    ) -> Conversation:
        """Open a conversation with the usual sender."""
        opened, _ = self.conversations.open_conversation(a_conversation(channel, **changes))
        return opened

    def receive(
        self, *messages: InboundMessage | ParsedMessage, signature: str = "right", **request: Any
    ) -> WebhookResponse:
        """Receive a webhook that holds ``messages``."""
        self.parser.messages = [
            m if isinstance(m, ParsedMessage) else ParsedMessage(m) for m in messages
        ]
        return self.receive_webhook(replace(self.request(signature), **request))

    def spool_next(self, signature: str = "right") -> WebhookResponse:
        """Receive a webhook while there is too much to process."""
        request = self.request(signature)
        return self.receive_webhook.begin(request.method, request.path).spool(request)

    def request(self, signature: str = "right") -> WebhookRequest:
        """A webhook that comes in now."""
        return WebhookRequest(
            method="POST",
            url="https://hooks.example/webhooks/sms",
            headers=(("x-signature", signature), ("authorization", "Basic c2VjcmV0")),
            body=b"body",
            received_at=self.now,
        )

    def queued(self) -> dict[str, list[ContextObject]]:
        """What is on each queue, delayed or not, by the queue's name; empty queues left out."""
        found = {
            str(queue): [
                delivery.context for delivery in self.queue.receive_with_delayed(queue, 1000)
            ]
            for queue in ALL_QUEUES
        }
        return {name: contexts for name, contexts in found.items() if contexts}


def error_of(response: WebhookResponse) -> str:
    """The text of a JSON error."""
    return str(json.loads(response.body)["error"])
