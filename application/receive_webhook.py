"""Receive a provider's webhook: the way from raw bytes to the provider's own answer."""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from application.clock import Clock, Deadline
from application.http_answers import INTERNAL_ERROR, answer_to
from application.ports.channels import (
    WebhookParser,
    WebhookParserFactory,
    WebhookRequest,
    WebhookResponse,
)
from application.ports.files import DeadLetter, DeadLetterKind, DeadLetters
from application.ports.telemetry import Metrics
from application.receive_message import Receipt, ReceiveMessage
from application.store_files import StoreFiles
from domain.addresses import ChannelType, channel_in_path
from domain.errors import (
    MethodNotAllowedError,
    RefusedError,
    TemporaryError,
    UnreadableMessageError,
    UnsupportedChannelError,
    ValidationError,
)
from domain.messages import InboundMessage
from domain.routing import UnauthenticatedMail

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ReceiveWebhook:
    """Authenticate, parse, receive each message, answer.

    Until the request is proven authentic nothing of it is stored; from then on it is never
    dropped without a trace: it ends as a message, as a dead letter, or in a 5xx that makes
    the provider try again.
    """

    parsers: WebhookParserFactory
    store_files: StoreFiles
    receive_message: ReceiveMessage
    dead_letters: DeadLetters
    unauthenticated_mail: UnauthenticatedMail
    clock: Clock
    metrics: Metrics
    new_deadline: Callable[[], Deadline] = Deadline.after

    def body_limit(self, method: str, path: str) -> int:
        """How many bytes of body this request may have: to be asked before reading it.

        Raises ``UnsupportedChannelError`` or ``MethodNotAllowedError``.
        """
        _, parser = self._admit(method, path)
        return parser.max_body_bytes

    def __call__(self, request: WebhookRequest) -> WebhookResponse:
        """The answer to ``request``. Never raises: every failure has its answer."""
        started = time.perf_counter()
        deadline = self.new_deadline()
        try:
            channel, parser = self._admit(request.method, request.path)
            account = parser.validate(request)
        except Exception as error:
            return self.refuse(error, request.path, started)
        try:
            receipts = self._receive(parser, request, account, deadline)
        except TemporaryError as error:
            return self.refuse(error, request.path, started)
        except Exception as error:
            letter = self._letter(error, request, account)
            return self._bury(error, letter, channel, started) or parser.respond()
        for receipt in receipts:
            self._report(receipt.record.message.channel, started, **receipt.log_fields())
        return parser.respond()

    def refuse(self, error: Exception, path: str, started: float) -> WebhookResponse:
        """Answer a request that is not processed, and leave a trace of why in log and metrics.

        ``started`` is when the request came in, by ``time.perf_counter``.
        """
        answer = answer_to(error)
        channel = _channel_named_in(path)
        if isinstance(error, ValidationError) and channel:
            self.metrics.count("VerificationFailures", channel=channel)
        if isinstance(error, RefusedError):
            self._report(channel, started, outcome="refused", status=answer.status)
        else:
            self._report_error(error)
            self._report(channel, started, outcome="failed", status=answer.status)
        return answer

    def _admit(self, method: str, path: str) -> tuple[ChannelType, WebhookParser]:
        """The channel that ``path`` names and its parser, if ``method`` is one for webhooks."""
        found = self.parsers.for_path(path)
        if method != "POST":
            raise MethodNotAllowedError("webhooks are posted")
        return found

    def _receive(
        self, parser: WebhookParser, request: WebhookRequest, account: str, deadline: Deadline
    ) -> list[Receipt]:
        """Receive every message of the request, also those behind one that fails."""
        receipts: list[Receipt] = []
        errors: list[Exception] = []
        parsed = parser.parse(request, account)
        welcome = [one for one in parsed if self._is_welcome(one.message)]
        if len(welcome) < len(parsed):
            errors.append(_UnauthenticatedMailError("nobody vouches for the author of this mail"))
        for message in self.store_files(welcome, deadline):
            try:
                receipts.append(self.receive_message(message, deadline))
            except Exception as error:
                errors.append(error)
        if errors:
            # One that may heal comes first: the provider's retry then repeats them all.
            raise min(errors, key=lambda error: not isinstance(error, TemporaryError))
        return receipts

    def _is_welcome(self, message: InboundMessage) -> bool:
        return (
            message.author_authenticated
            or self.unauthenticated_mail is not UnauthenticatedMail.DEAD_LETTER
        )

    def _letter(self, error: Exception, request: WebhookRequest, account: str) -> DeadLetter:
        """What is kept of a request that will not heal; the same id however often it comes."""
        kind = next(
            (kind for error_type, kind in _LETTER_KINDS if isinstance(error, error_type)),
            DeadLetterKind.BUG,
        )
        headers = tuple(pair for pair in request.headers if pair[0] != "authorization")
        identity = b"\0".join((account.encode(), request.path.encode(), request.body))
        return DeadLetter(
            letter_id=f"{kind}-{hashlib.sha256(identity).hexdigest()[:32]}",
            kind=kind,
            reason=type(error).__name__ if kind is DeadLetterKind.BUG else str(error),
            account=account,
            request=replace(request, headers=headers),
            attempts=1,
            created_at=self.clock(),
        )

    def _bury(
        self, error: Exception, letter: DeadLetter, channel: ChannelType, started: float
    ) -> WebhookResponse | None:
        """Keep a dead letter. ``None`` once it is kept: only then may it be acknowledged."""
        if letter.kind is DeadLetterKind.BUG:
            self._report_error(error)
        try:
            self.dead_letters.keep(letter)
        except Exception as failure:
            self._report_error(failure)
            self._report(channel, started, outcome="failed", status=500)
            return INTERNAL_ERROR
        self.metrics.count("DeadLetters", kind=letter.kind)
        self._report(channel, started, outcome="dead_letter", dead_letter_id=letter.letter_id)
        return None

    def _report(self, channel: ChannelType | None, started: float, **fields: object) -> None:
        name = channel or "none"
        duration = (time.perf_counter() - started) * 1000
        self.metrics.count("WebhooksReceived", channel=name, outcome=str(fields["outcome"]))
        self.metrics.observe_milliseconds("ProcessingMilliseconds", duration, channel=name)
        logger.info(
            "webhook handled",
            extra={"channel": name, **fields, "duration_ms": round(duration, 3)},
        )

    def _report_error(self, error: Exception) -> None:
        self.metrics.count("Errors", type=type(error).__name__)
        logger.error("webhook failed", extra={"error": type(error).__name__}, exc_info=error)


def _channel_named_in(path: str) -> ChannelType | None:
    try:
        return channel_in_path(path)
    except UnsupportedChannelError:
        return None


class _UnauthenticatedMailError(UnreadableMessageError):
    """Mail that the operator wants to look at before anybody believes it."""


_LETTER_KINDS = (
    (_UnauthenticatedMailError, DeadLetterKind.UNAUTHENTICATED),
    (UnreadableMessageError, DeadLetterKind.UNREADABLE),
)
