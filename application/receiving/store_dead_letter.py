"""Keep what cannot be processed, for somebody to look at."""

import logging
from dataclasses import dataclass

from application.clock import Clock
from application.ports.dead_letters import DeadLetter, DeadLetterKind, DeadLetters
from application.ports.metrics import Metrics
from application.ports.webhook_parser import WebhookParserFactory, WebhookRequest
from domain.errors import (
    TemporaryError,
    UnauthenticatedMailError,
    UnreadableMessageError,
    safe_reason,
)

logger = logging.getLogger(__name__)

_KINDS: tuple[tuple[type[Exception], DeadLetterKind], ...] = (
    (UnauthenticatedMailError, DeadLetterKind.UNAUTHENTICATED),
    (UnreadableMessageError, DeadLetterKind.UNREADABLE),
    (TemporaryError, DeadLetterKind.EXHAUSTED),
)


@dataclass(frozen=True)
class StoreDeadLetter:
    """Write a dead letter of an authentic request that will not be processed."""

    dead_letters: DeadLetters
    parsers: WebhookParserFactory
    clock: Clock
    metrics: Metrics

    def __call__(
        self, error: Exception, request: WebhookRequest, account: str, attempts: int = 1
    ) -> DeadLetter:
        """The letter, once it is durable. Raises whatever kept it from being so."""
        kind = next((kind for error_type, kind in _KINDS if isinstance(error, error_type)), None)
        if kind is None:
            self.report(error)
        kind = kind or DeadLetterKind.BUG
        retained = request.without_authorization()
        dead_letter = DeadLetter(
            dead_letter_id=f"{kind}-{self.parsers.identity(retained, account)}",
            kind=kind,
            reason=safe_reason(error),
            account=account,
            request=retained,
            attempts=attempts,
            created_at=self.clock(),
        )
        self.dead_letters.store(dead_letter)
        self.metrics.count("DeadLetters", kind=kind)
        return dead_letter

    def report(self, error: Exception) -> None:
        """Log and count an error that nobody expected, or that may heal."""
        self.metrics.count("Errors", type=type(error).__name__)
        logger.error(
            "webhook failed",
            extra={"error": type(error).__name__, "reason": safe_reason(error)},
            exc_info=error,
        )
