"""A whole front door over in-memory adapters, with a clock that tests can set."""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from application.conversations.open_conversation import OpenConversation
from application.conversations.show_conversation import ShowConversation
from application.conversations.switch_hand_off import SwitchHandOff
from application.ports.fallback_sender import FallbackSender
from application.ports.fallback_throttle import ThrottleLimits
from application.ports.webhook_parser import (
    ParsedMessage,
    VerifiedWebhook,
    WebhookParser,
    WebhookParserFactory,
    WebhookRequest,
    WebhookResponse,
)
from application.privacy.erase_message import EraseMessage
from application.receiving.match_conversation import MatchConversation
from application.receiving.process_webhook import ProcessWebhook
from application.receiving.receive_webhook import ReceiveWebhook
from application.receiving.record_message import RecordMessage
from application.receiving.route_message import RouteMessage
from application.receiving.send_fallback import SendFallback
from application.receiving.spool_webhook import SpoolWebhook
from application.receiving.store_attachments import StoreFiles
from application.receiving.store_dead_letter import StoreDeadLetter
from application.recovery.drain_spool import DrainSpool
from application.recovery.redrive_dead_letters import RedriveDeadLetters
from application.recovery.redrive_unmatched import RedriveUnmatched
from application.recovery.relay_outbox import RelayOutbox
from domain.addresses import ChannelType
from domain.context import ContextObject
from domain.conversations import Conversation
from domain.errors import UnreadableMessageError, ValidationError
from domain.fallback import Fallback, OwnAddresses
from domain.messages import InboundMessage
from domain.routing import ALL_QUEUES, RoutingPolicy, UnauthenticatedMail
from domain.tenants import TenantDirectory, UnknownSender
from infrastructure.memory.backend import MemoryBackend
from infrastructure.memory.memory_blobs import MemoryBlobStore, MemoryDeadLetters
from infrastructure.memory.memory_data import MemoryData
from infrastructure.memory.memory_metrics import MemoryMetrics
from infrastructure.memory.memory_queue import MemoryContextQueue
from infrastructure.memory.memory_spool import MemorySpool
from infrastructure.serialization.claim_check import ClaimCheck
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
    """Keeps the answers, or fails as told."""

    sent: list[Fallback] = field(default_factory=list)
    error: Exception | None = None

    def send(self, answer: Fallback) -> None:
        if self.error:
            raise self.error
        self.sent.append(answer)


class FrontDesk:
    """Every use case, wired as the container does it."""

    def __init__(
        self,
        *,
        unknown_sender: UnknownSender = UnknownSender.FALLBACK,
        unauthenticated_mail: UnauthenticatedMail = UnauthenticatedMail.HANDOFF,
        directory: TenantDirectory | None = None,
        **adapters: Any,
    ) -> None:
        self.now = NOW
        tenants = directory or TenantDirectory((a_tenant(),))
        self.parser = adapters.get("parser") or StubParser()
        self.sender = RecordingSender()
        self.metrics = MemoryMetrics()
        self.data = adapters.get("data") or MemoryData()
        stores = MemoryBackend(self.clock, self.data)
        self.conversations = adapters.get("conversations") or stores.conversations
        self.messages = adapters.get("messages") or stores.messages
        self.outbox = adapters.get("outbox") or stores.outbox
        self.retention = adapters.get("retention") or stores.retention
        self.history_import = stores.history_import
        self.throttle = adapters.get("throttle") or stores.throttle
        self.dead_letters = adapters.get("dead_letters") or MemoryDeadLetters()
        self.blobs = adapters.get("blobs") or MemoryBlobStore()
        self.queue = MemoryContextQueue(self.clock, ClaimCheck(self.blobs))
        publisher = adapters.get("publisher") or self.queue
        self.open_conversation = OpenConversation(self.conversations, lambda: tenants)
        match = MatchConversation(
            self.conversations,
            self.messages,
            lambda: tenants,
            self.open_conversation,
            unknown_sender,
        )
        self.route_message = RouteMessage(
            self.conversations,
            self.messages,
            self.outbox,
            publisher,
            EraseMessage(self.retention, self.blobs, publisher).erase_context,
            match,
            RoutingPolicy(unauthenticated_mail=unauthenticated_mail),
            self.clock,
            self.metrics,
        )
        self.show_conversation = ShowConversation(self.conversations, self.messages)
        self.switch_hand_off = SwitchHandOff(self.conversations)
        self.redrive = RedriveUnmatched(self.messages, match, self.route_message)
        self.record_message = RecordMessage(
            match=match,
            messages=self.messages,
            outbox=self.outbox,
            route_message=self.route_message,
            send_fallback=SendFallback(
                senders=dict.fromkeys(ChannelType, lambda: self.sender),
                throttle=self.throttle,
                limits=ThrottleLimits(timedelta(days=1), 1000),
                texts=dict.fromkeys(ChannelType, "We do not know you."),
                own_addresses=lambda: OwnAddresses(frozenset()),
                clock=self.clock,
                metrics=self.metrics,
            ),
            clock=self.clock,
            metrics=self.metrics,
        )
        parsers = WebhookParserFactory(dict.fromkeys(ChannelType, lambda: self.parser))
        self.process_webhook = ProcessWebhook(
            parsers, StoreFiles(self.blobs), self.record_message, unauthenticated_mail
        )
        self.store_dead_letter = StoreDeadLetter(self.dead_letters, self.clock, self.metrics)
        self.spool = adapters.get("spool") or MemorySpool(self.clock)
        self.receive_webhook = ReceiveWebhook(
            parsers,
            self.process_webhook,
            SpoolWebhook(self.spool, parsers, self.clock, self.metrics),
            self.store_dead_letter,
            self.metrics,
        )
        self.drain = DrainSpool(self.spool, self.process_webhook, self.store_dead_letter)
        self.redrive_dead_letter = RedriveDeadLetters(
            self.dead_letters, self.process_webhook, self.outbox
        )
        self.relay = RelayOutbox(
            self.outbox, self.route_message, self.dead_letters, self.clock, self.metrics
        )

    def clock(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def knows(self, channel: ChannelType = ChannelType.SMS, **changes: Any) -> Conversation:
        """Open a conversation with the usual sender."""
        opened, _ = self.conversations.open_conversation(a_conversation(channel, **changes))
        return opened

    def gets(
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
