"""What the server checks at its start, and again while something does not answer."""

import logging
from collections.abc import Iterator
from threading import Event

from application.clock import Deadline
from application.ports.webhook_parser import VerifiedWebhook
from application.receiving.record_message import Receipt
from domain.errors import StorageUnavailableError, TemporaryError, WebhookHandlerError
from entrypoints.composition.container import Container
from entrypoints.operations.checks import UnansweredError, require_backends

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 2.0
"""How soon what does not answer is asked again."""


class StartChecks:
    """Whether secrets, store and queues have been in order, all at the same time, since the start.

    What is wrong stops the start. What does not answer is asked again. Until all has passed,
    webhooks are spooled, no background job runs, and the server is not ready.
    """

    def __init__(self, container: Container) -> None:
        self._container = container
        self._failure: WebhookHandlerError = StorageUnavailableError("nothing was asked yet")
        self.passed = Event()

    def begin(self) -> str | None:
        """What does not answer, in one line; ``None`` if all has passed.

        Raises a ``WebhookHandlerError`` that says what is wrong.
        """
        self._run()
        if self.passed.is_set():
            return None
        if _is_wrong(self._failure):
            raise self._failure
        return str(self._failure)

    def repeat(self) -> bool:
        """Check again, if anything has not passed. Logs what has changed since.

        Returns that there is no more to do now.
        """
        if not self.passed.is_set():
            before = str(self._failure)
            self._run()
            self._log_change(before)
        return False

    def require_passed(self) -> None:
        """Raise what has not passed."""
        if not self.passed.is_set():
            # Raised again and again, it would collect the traces of all.
            raise self._failure.with_traceback(None)

    def process(self, webhook: VerifiedWebhook, deadline: Deadline) -> tuple[Receipt, ...]:
        """Process ``webhook`` as always, once all has passed.

        Raises ``StorageUnavailableError`` before: nothing is written to tables and queues that
        may be the wrong ones.
        """
        if not self.passed.is_set():
            raise StorageUnavailableError("the start checks have not passed") from self._failure
        return self._container.process_webhook()(webhook, deadline)

    def _run(self) -> None:
        failures = [*self._failures()]
        wrong = [error for error in failures if _is_wrong(error)]
        if wrong or len(failures) == 1:
            self._failure = [*wrong, *failures][0]
        elif failures:
            self._failure = UnansweredError([str(error) for error in failures])
        else:
            self.passed.set()

    def _failures(self) -> Iterator[WebhookHandlerError]:
        """A service that does not answer must not hide what is wrong with another one."""
        try:
            self._container.provider_accounts()
        except WebhookHandlerError as error:
            # Where the reading before failed a moment ago, its error says more.
            cause = error.__cause__
            yield cause if isinstance(cause, WebhookHandlerError) else error
        try:
            require_backends(self._container)
            check_ready(self._container)
        except WebhookHandlerError as error:
            yield error

    def _log_change(self, before: str) -> None:
        if self.passed.is_set():
            logger.info("start checks have passed")
        elif (reason := str(self._failure)) != before:
            if _is_wrong(self._failure):
                logger.error("not ready: this is wrong", extra={"reason": reason})
            else:
                logger.warning("not ready: this does not answer", extra={"reason": reason})


def check_ready(container: Container) -> None:
    """Ask the store and the queues one cheap question each; they raise if they cannot answer."""
    container.conversation_store().get_conversations("any")
    container.context_queue().depths()


def _is_wrong(error: WebhookHandlerError) -> bool:
    """Whether only an operator can mend it."""
    return not isinstance(error, TemporaryError) or error.needs_operator
