"""Try again what became a dead letter, once somebody has mended the cause or vouches for it."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from application.clock import Deadline
from application.ports.files import DeadLetter, DeadLetterKind, DeadLetters
from application.ports.storage import MessageStore
from application.receive_message import Receipt
from application.receive_proven import ReceiveProven
from domain.errors import WebhookHandlerError, safe_reason

logger = logging.getLogger(__name__)


class Redriven(StrEnum):
    """What became of a dead letter."""

    RECEIVED = "received"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RedrivenLetter:
    """What became of ``letter``: as it was, or if it failed as it is now.

    ``receipts`` tell what became of each message in its request.
    """

    outcome: Redriven
    letter: DeadLetter
    receipts: tuple[Receipt, ...] = ()


@dataclass(frozen=True)
class RedriveDeadLetters:
    """Process a dead letter with today's code and settings, and delete it if that succeeds.

    Safe to stop at any point, and twice at once: a letter goes only after its message is
    durable, and the gate makes every repetition harmless.
    """

    dead_letters: DeadLetters
    receive_proven: ReceiveProven
    messages: MessageStore
    new_deadline: Callable[[], Deadline] = Deadline.after

    def __call__(self, letter: DeadLetter) -> RedrivenLetter:
        """Redrive ``letter``. If it fails again it stays, with the new reason.

        Raises ``StorageUnavailableError`` when the dead letters themselves cannot be written.
        """
        try:
            redriven = self._redrive(letter)
        except Exception as error:
            redriven = RedrivenLetter(Redriven.FAILED, self._failed_again(letter, error))
        else:
            self.dead_letters.delete(letter.letter_id)
        logger.info(
            "dead letter redriven",
            extra={"dead_letter_id": letter.letter_id, "outcome": redriven.outcome.value},
        )
        return redriven

    def _redrive(self, letter: DeadLetter) -> RedrivenLetter:
        if letter.request is not None:
            receipts = self.receive_proven(
                letter.request,
                letter.account,
                self.new_deadline(),
                vouched=letter.kind is DeadLetterKind.UNAUTHENTICATED,
            )
            return RedrivenLetter(Redriven.RECEIVED, letter, receipts)
        if letter.gate_key is not None:
            # Otherwise somebody redrove it before, and it is pending or queued already.
            self.messages.retry(letter.gate_key)
        return RedrivenLetter(Redriven.PENDING, letter)

    def _failed_again(self, letter: DeadLetter, error: Exception) -> DeadLetter:
        """The letter stays what it was, also its kind: that says how it is redriven."""
        logger.warning(
            "dead letter failed again",
            extra={"dead_letter_id": letter.letter_id, "error": type(error).__name__},
            exc_info=None if isinstance(error, WebhookHandlerError) else error,
        )
        failed = replace(letter, attempts=letter.attempts + 1, reason=safe_reason(error))
        self.dead_letters.replace(failed)
        return failed
