"""Redrive dead letters, once an operator has mended the cause or reviewed the mail."""

import logging
from dataclasses import dataclass, replace
from enum import StrEnum

from application.clock import Deadline
from application.ports.dead_letters import DeadLetter, DeadLetterKind, DeadLetters
from application.ports.outbox import Outbox
from application.receiving.process_webhook import ProcessWebhook
from application.receiving.record_message import Receipt
from domain.errors import WebhookHandlerError, safe_reason

logger = logging.getLogger(__name__)


class RedriveOutcome(StrEnum):
    """What became of a dead letter."""

    RECEIVED = "received"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RedrivenDeadLetter:
    """What became of ``dead_letter``: as it was, or if it failed as it is now.

    ``receipts`` tell what became of each message in its webhook.
    """

    outcome: RedriveOutcome
    dead_letter: DeadLetter
    receipts: tuple[Receipt, ...] = ()


@dataclass(frozen=True)
class RedriveDeadLetters:
    """Process a dead letter with today's code and settings, and delete it if that succeeds.

    Safe to stop at any point, and to run twice at once: a dead letter is deleted only after its
    message is durable, and the idempotency check makes every repetition harmless.
    """

    dead_letters: DeadLetters
    process_webhook: ProcessWebhook
    outbox: Outbox

    def __call__(self, dead_letter: DeadLetter) -> RedrivenDeadLetter:
        """Redrive ``dead_letter``. If it fails again it stays, with the new reason.

        Raises ``StorageUnavailableError`` when the dead letters themselves cannot be written.
        """
        try:
            redriven = self._redrive(dead_letter)
        except Exception as error:
            failed = self._failed_again(dead_letter, error)
            redriven = RedrivenDeadLetter(RedriveOutcome.FAILED, failed)
        else:
            self.dead_letters.delete(dead_letter.dead_letter_id)
        logger.info(
            "dead letter redriven",
            extra={"dead_letter_id": dead_letter.dead_letter_id, "outcome": redriven.outcome.value},
        )
        return redriven

    def _redrive(self, dead_letter: DeadLetter) -> RedrivenDeadLetter:
        if dead_letter.webhook is not None:
            reviewed = dead_letter.kind is DeadLetterKind.UNAUTHENTICATED
            receipts = self.process_webhook(
                dead_letter.webhook, Deadline.after(), reviewed=reviewed
            )
            return RedrivenDeadLetter(RedriveOutcome.RECEIVED, dead_letter, receipts)
        if dead_letter.request_id is not None:
            # Nothing changes if it was redriven before: it is pending or queued already.
            self.outbox.retry(dead_letter.request_id)
        return RedrivenDeadLetter(RedriveOutcome.PENDING, dead_letter)

    def _failed_again(self, dead_letter: DeadLetter, error: Exception) -> DeadLetter:
        """The dead letter stays what it was, also its kind: that says how it is redriven."""
        logger.warning(
            "dead letter failed again",
            extra={"dead_letter_id": dead_letter.dead_letter_id, "error": type(error).__name__},
            exc_info=None if isinstance(error, WebhookHandlerError) else error,
        )
        failed = replace(dead_letter, attempts=dead_letter.attempts + 1, reason=safe_reason(error))
        self.dead_letters.replace(failed)
        return failed
