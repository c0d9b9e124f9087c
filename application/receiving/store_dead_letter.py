"""Store a webhook that cannot be processed, for an operator to look at."""

import logging
from dataclasses import dataclass

from application.clock import Clock
from application.ports.dead_letters import DeadLetter, DeadLetterKind, DeadLetters
from application.ports.metrics import Metrics
from application.ports.webhook_parser import VerifiedWebhook
from domain.errors import (
    AutomatedMailError,
    TemporaryError,
    UnauthenticatedMailError,
    UnreadableMessageError,
    safe_reason,
)

logger = logging.getLogger(__name__)

_KINDS: tuple[tuple[type[Exception], DeadLetterKind], ...] = (
    (UnauthenticatedMailError, DeadLetterKind.UNAUTHENTICATED),
    (AutomatedMailError, DeadLetterKind.AUTOMATED),
    (UnreadableMessageError, DeadLetterKind.UNREADABLE),
    (TemporaryError, DeadLetterKind.EXHAUSTED),
)


@dataclass(frozen=True)
class StoreDeadLetter:
    """Write a dead letter of a verified webhook that will not be processed."""

    dead_letters: DeadLetters
    clock: Clock
    metrics: Metrics

    def __call__(self, error: Exception, webhook: VerifiedWebhook, attempts: int = 1) -> DeadLetter:
        """The dead letter, once it is durable. Raises whatever error prevented that."""
        kind = next((kind for error_type, kind in _KINDS if isinstance(error, error_type)), None)
        if kind is None:
            self.report(error)
        kind = kind or DeadLetterKind.BUG
        dead_letter = DeadLetter(
            dead_letter_id=f"{kind}-{webhook.id}",
            kind=kind,
            reason=safe_reason(error),
            attempts=attempts,
            created_at=self.clock(),
            webhook=webhook.without_authorization(),
        )
        self.dead_letters.store(dead_letter)
        self.metrics.count("DeadLetters", kind=kind)
        return dead_letter

    def report(self, error: Exception) -> None:
        """Log and count an error that was not expected, or that may heal."""
        self.metrics.count("Errors", type=type(error).__name__)
        logger.error(
            "webhook failed",
            extra={"error": type(error).__name__, "reason": safe_reason(error)},
            exc_info=error,
        )
