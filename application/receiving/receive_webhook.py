"""Receive a provider's webhook: the way from raw bytes to the provider's own answer."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from application.clock import Deadline
from application.ports.metrics import Metrics
from application.ports.webhook_parser import (
    VerifiedWebhook,
    WebhookParser,
    WebhookParserFactory,
    WebhookRequest,
    WebhookResponse,
)
from application.receiving.error_responses import INTERNAL_ERROR, response_to
from application.receiving.record_message import Receipt
from application.receiving.spool_webhook import SpoolWebhook
from application.receiving.store_dead_letter import StoreDeadLetter
from domain.channels import ChannelType, channel_in_path
from domain.errors import (
    MethodNotAllowedError,
    OverloadedError,
    PayloadTooLargeError,
    RefusedError,
    TemporaryError,
    UnsupportedChannelError,
    ValidationError,
    safe_reason,
)

if TYPE_CHECKING:
    from application.ports.refusals import Refusals

logger = logging.getLogger(__name__)

Process = Callable[[VerifiedWebhook, Deadline], Sequence[Receipt]]
"""Records the messages of a webhook: see ``ProcessWebhook``."""

Verification = Callable[[], VerifiedWebhook]


class WebhookOutcome(StrEnum):
    """What became of a webhook without a recorded message; else see ``RecordOutcome``."""

    REFUSED = "refused"
    STATUS_CALLBACK = "status_callback"
    FAILED = "failed"
    SPOOLED = "spooled"
    DEAD_LETTER = "dead_letter"


@dataclass(frozen=True)
class ReceiveWebhook:
    """Verify, process, answer.

    Until the webhook is verified nothing of it is stored; from then on it is never dropped
    without a trace: it ends as a message, in the spool, as a dead letter, or in a 5xx that
    makes the provider try again.

    ``with_present_secrets`` verifies, and once more if a secret has just been changed.
    ``refusals`` are asked for with the first webhook that is refused. ``accepted`` says of each
    account when its latest verified message came: an operator of a refused one asks for that.
    """

    parsers: WebhookParserFactory
    process_webhook: Process
    spool_webhook: SpoolWebhook
    store_dead_letter: StoreDeadLetter
    metrics: Metrics
    with_present_secrets: Callable[[Verification], VerifiedWebhook]
    refusals: "Callable[[], Refusals]"
    new_deadline: Callable[[], Deadline] = Deadline.after
    accepted: dict[str, datetime] = field(default_factory=dict)

    def __call__(self, request: WebhookRequest) -> WebhookResponse:
        """The answer to ``request``, which is complete. Never raises."""
        return self.begin(request.method, request.path).process(request)

    def begin(self, method: str, path: str) -> "WebhookExchange":
        """Begin with a request whose body has not been read. ``path`` is percent-encoded."""
        return WebhookExchange(self, method, path)


@dataclass(frozen=True, slots=True)
class _Result:
    """The answer to a webhook, and the fields of its log line; mail may have several lines."""

    response: WebhookResponse
    lines: tuple[Mapping[str, object], ...]


class WebhookExchange:
    """One request and its answer, which is observed here alone: duration, metrics, log line.

    An entrypoint asks for ``max_body_bytes`` before it reads the body, and then calls one of
    ``process``, ``spool`` and ``refuse``. None of these raises: every failure has its answer.
    """

    def __init__(self, receive_webhook: ReceiveWebhook, method: str, path: str) -> None:
        self._receive = receive_webhook
        self._method = method
        self._channel = _channel_named_in(path)
        self._started = time.perf_counter()

    @property
    def channel(self) -> ChannelType | None:
        """The channel that the path names, if it names one."""
        return self._channel

    @property
    def max_body_bytes(self) -> int:
        """How many bytes of body the request may have.

        Raises ``UnsupportedChannelError`` or ``MethodNotAllowedError``.
        """
        return self._parser.max_body_bytes

    def process(self, request: WebhookRequest) -> WebhookResponse:
        """Verify ``request`` and record its messages. What fails is spooled or a dead letter."""
        deadline = self._receive.new_deadline()
        return self._handle(request, lambda webhook: self._processed(webhook, deadline))

    def spool(self, request: WebhookRequest) -> WebhookResponse:
        """Verify ``request`` and spool it: there is too much to process."""
        busy = OverloadedError("too many webhooks at once")
        return self._handle(request, lambda webhook: self._spooled(webhook, busy))

    def refuse(self, error: Exception) -> WebhookResponse:
        """Answer a request that could not be read to its end, because of ``error``."""
        return self._observed(self._refused(error), self._started)

    @property
    def _parser(self) -> WebhookParser:
        if self._channel is None:
            raise UnsupportedChannelError("the path names no channel")
        if self._method != "POST":
            raise MethodNotAllowedError("webhooks are posted")
        return self._receive.parsers.for_channel(self._channel)

    def _handle(
        self, request: WebhookRequest, handle: Callable[[VerifiedWebhook], _Result]
    ) -> WebhookResponse:
        # How long the provider took to send the body is not ours: the time begins anew.
        started = time.perf_counter()
        try:
            parser = self._parser
            webhook = self._receive.with_present_secrets(lambda: parser.validate(request))
        except Exception as error:
            return self._observed(self._refused(error, request), started)
        result = handle(webhook)
        # A probe is a status callback, and is signed with whatever secret is configured.
        if result.lines[0]["outcome"] != WebhookOutcome.STATUS_CALLBACK:
            self._receive.accepted[webhook.account] = request.received_at
        return self._observed(result, started)

    def _processed(self, webhook: VerifiedWebhook, deadline: Deadline) -> _Result:
        try:
            receipts = self._receive.process_webhook(webhook, deadline)
        except TemporaryError as error:
            return self._spooled(webhook, error)
        except Exception as error:
            return self._dead_letter(webhook, error)
        if not receipts:
            # It only tells what became of a message that was sent.
            return self._result(self._parser.respond(), WebhookOutcome.STATUS_CALLBACK)
        lines = tuple(
            {"channel": receipt.record.message.channel, **receipt.log_fields()}
            for receipt in receipts
        )
        return _Result(self._parser.respond(), lines)

    def _spooled(self, webhook: VerifiedWebhook, error: TemporaryError) -> _Result:
        """Acknowledge a webhook that could not be processed, once the spool has it."""
        try:
            self._receive.spool_webhook(webhook, safe_reason(error))
        except Exception as failure:
            self._receive.store_dead_letter.report(failure)
            return self._refused(error)
        self._receive.metrics.count("Errors", type=type(error).__name__)
        return self._result(self._parser.respond(), WebhookOutcome.SPOOLED)

    def _dead_letter(self, webhook: VerifiedWebhook, error: Exception) -> _Result:
        """Acknowledge a webhook that cannot be processed, once it is a dead letter."""
        try:
            dead_letter = self._receive.store_dead_letter(error, webhook)
        except Exception as failure:
            self._receive.store_dead_letter.report(failure)
            return self._result(INTERNAL_ERROR, WebhookOutcome.FAILED, status=500)
        return self._result(
            self._parser.respond(),
            WebhookOutcome.DEAD_LETTER,
            dead_letter_id=dead_letter.dead_letter_id,
        )

    def _refused(self, error: Exception, request: WebhookRequest | None = None) -> _Result:
        answer = response_to(error)
        self._count_refusal(error, request)
        if isinstance(error, RefusedError):
            fields = {"status": answer.status, **error.log_fields}
            return self._result(answer, WebhookOutcome.REFUSED, **fields)
        self._receive.store_dead_letter.report(error)
        return self._result(answer, WebhookOutcome.FAILED, status=answer.status)

    def _count_refusal(self, error: Exception, request: WebhookRequest | None) -> None:
        metrics, channel = self._receive.metrics, self._channel
        if isinstance(error, UnsupportedChannelError):
            self._receive.refusals().add(None, "", error.reason, "")
        elif channel is None:
            return
        elif isinstance(error, ValidationError):
            metrics.count("VerificationFailures", channel=channel, reason=error.reason)
            # An unknown account costs the same: the time tells no attacker which are known.
            self._receive.refusals().add(
                channel,
                error.account,
                error.reason,
                error.tried_urls,
                accepted_at=self._receive.accepted.get(error.account),
                request=request,
            )
        elif isinstance(error, PayloadTooLargeError):
            metrics.count("TooLarge", channel=channel)
            # Of what was not read, nothing is known that could be stored.
            self._receive.refusals().add(channel, "", error.reason, "")

    def _result(
        self, response: WebhookResponse, outcome: WebhookOutcome, **fields: object
    ) -> _Result:
        line = {"channel": self._channel or "none", "outcome": outcome.value, **fields}
        return _Result(response, (line,))

    def _observed(self, result: _Result, started: float) -> WebhookResponse:
        metrics = self._receive.metrics
        for line in result.lines:
            channel = str(line["channel"])
            duration = (time.perf_counter() - started) * 1000
            metrics.count("WebhooksReceived", channel=channel, outcome=str(line["outcome"]))
            metrics.observe_milliseconds("ProcessingMilliseconds", duration, channel=channel)
            logger.info("webhook handled", extra={**line, "duration_ms": round(duration, 3)})
        return result.response


def _channel_named_in(path: str) -> ChannelType | None:
    try:
        return channel_in_path(path)
    except UnsupportedChannelError:
        return None
