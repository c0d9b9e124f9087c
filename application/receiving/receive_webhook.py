"""Receive a provider's webhook: the way from raw bytes to the provider's own answer."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from application.clock import Deadline
from application.ports.metrics import Metrics
from application.ports.webhook_parser import (
    WebhookParser,
    WebhookParserFactory,
    WebhookRequest,
    WebhookResponse,
)
from application.receiving.process_webhook import ProcessWebhook
from application.receiving.responses import INTERNAL_ERROR, response_to
from application.receiving.spool_webhook import SpoolWebhook
from application.receiving.store_dead_letter import StoreDeadLetter
from domain.channels import ChannelType, channel_in_path
from domain.errors import (
    MethodNotAllowedError,
    OverloadedError,
    RefusedError,
    TemporaryError,
    UnsupportedChannelError,
    ValidationError,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReceiveWebhook:
    """Authenticate, receive, answer.

    Until the request is proven authentic nothing of it is stored; from then on it is never
    dropped without a trace: it ends as a message, in the spool, as a dead letter, or in a 5xx
    that makes the provider try again.
    """

    parsers: WebhookParserFactory
    process_webhook: ProcessWebhook
    spool_webhook: SpoolWebhook
    store_dead_letter: StoreDeadLetter
    metrics: Metrics
    new_deadline: Callable[[], Deadline] = Deadline.after

    def body_limit(self, method: str, path: str) -> int:
        """How many bytes of body this request may have: to be asked before reading it.

        Raises ``UnsupportedChannelError`` or ``MethodNotAllowedError``.
        """
        return self._admit(method, path).max_body_bytes

    def __call__(self, request: WebhookRequest) -> WebhookResponse:
        """The answer to ``request``. Never raises: every failure has its answer."""
        started = time.perf_counter()
        deadline = self.new_deadline()
        try:
            parser, account = self._verified(request)
        except Exception as error:
            return self.refuse(error, request.path, started)
        try:
            receipts = self.process_webhook(request, account, deadline)
        except TemporaryError as error:
            return self._spool(error, parser, request, account, started)
        except Exception as error:
            return self._store_dead_letter(error, parser, request, account, started)
        for receipt in receipts:
            self._report(receipt.record.message.channel, started, **receipt.log_fields())
        return parser.respond()

    def spool(self, request: WebhookRequest) -> WebhookResponse:
        """The answer when there is too much to work on: authenticate, and keep it for later."""
        started = time.perf_counter()
        try:
            parser, account = self._verified(request)
        except Exception as error:
            return self.refuse(error, request.path, started)
        busy = OverloadedError("too many webhooks at once")
        return self._spool(busy, parser, request, account, started)

    def refuse(self, error: Exception, path: str, started: float) -> WebhookResponse:
        """Answer a request that is not processed, and leave a trace of why in log and metrics.

        ``started`` is when the request came in, by ``time.perf_counter``.
        """
        answer = response_to(error)
        channel = _channel_named_in(path)
        if isinstance(error, ValidationError) and channel:
            self.metrics.count("VerificationFailures", channel=channel)
        if isinstance(error, RefusedError):
            self._report(channel, started, outcome="refused", status=answer.status)
        else:
            self.store_dead_letter.report(error)
            self._report(channel, started, outcome="failed", status=answer.status)
        return answer

    def _admit(self, method: str, path: str) -> WebhookParser:
        """The parser of the channel that ``path`` names, if ``method`` is one for webhooks."""
        _, parser = self.parsers.for_path(path)
        if method != "POST":
            raise MethodNotAllowedError("webhooks are posted")
        return parser

    def _verified(self, request: WebhookRequest) -> tuple[WebhookParser, str]:
        """The parser of an authentic request, and the account that signed it."""
        parser = self._admit(request.method, request.path)
        return parser, parser.validate(request)

    def _spool(
        self,
        error: TemporaryError,
        parser: WebhookParser,
        request: WebhookRequest,
        account: str,
        started: float,
    ) -> WebhookResponse:
        """Acknowledge what could not be worked on, once the spool has it."""
        try:
            self.spool_webhook(request, account)
        except Exception as failure:
            self.store_dead_letter.report(failure)
            return self.refuse(error, request.path, started)
        self.metrics.count("Errors", type=type(error).__name__)
        self._report(_channel_named_in(request.path), started, outcome="spooled")
        return parser.respond()

    def _store_dead_letter(
        self,
        error: Exception,
        parser: WebhookParser,
        request: WebhookRequest,
        account: str,
        started: float,
    ) -> WebhookResponse:
        """Acknowledge what will not heal, once it is a dead letter."""
        channel = _channel_named_in(request.path)
        try:
            dead_letter = self.store_dead_letter(error, request, account)
        except Exception as failure:
            self.store_dead_letter.report(failure)
            self._report(channel, started, outcome="failed", status=500)
            return INTERNAL_ERROR
        self._report(
            channel, started, outcome="dead_letter", dead_letter_id=dead_letter.dead_letter_id
        )
        return parser.respond()

    def _report(self, channel: ChannelType | None, started: float, **fields: object) -> None:
        name = channel or "none"
        duration = (time.perf_counter() - started) * 1000
        self.metrics.count("WebhooksReceived", channel=name, outcome=str(fields["outcome"]))
        self.metrics.observe_milliseconds("ProcessingMilliseconds", duration, channel=name)
        logger.info(
            "webhook handled",
            extra={"channel": name, **fields, "duration_ms": round(duration, 3)},
        )


def _channel_named_in(path: str) -> ChannelType | None:
    try:
        return channel_in_path(path)
    except UnsupportedChannelError:
        return None
