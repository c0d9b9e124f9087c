"""The functions that no webhook calls: each takes an event and Lambda's context."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from application.clock import Clock
from application.ports.spool import SpoolDelivery
from application.privacy.purge_expired import PurgeExpired
from application.recovery.drain_spool import DrainOutcome, DrainSpool
from domain.errors import safe_reason
from entrypoints.aws_lambda.startup import LambdaContext, invocation

logger = logging.getLogger(__name__)

MAX_BATCHES = 10
"""As many batches of the relay as fit well into one invocation; the next one follows soon."""

LAST_MESSAGE_MILLISECONDS = 15_000
"""More than one message of the relay takes when nothing answers."""

LAST_BATCH_SECONDS = 60.0
"""More than a batch of the purge takes, which is not interrupted once it has begun."""


@dataclass(frozen=True)
class RelayFunction:
    """Called by a schedule, whatever that says: relays what stayed pending, batch by batch."""

    relay_some: Callable[[Callable[[], bool]], bool]
    flush_metrics: Callable[[], None]

    def __call__(self, _event: object, context: LambdaContext) -> None:
        """Relay until a batch finds nothing more to do, or time is short.

        Lambda ends what takes too long, and then no metric would tell how much was pending.
        Raises what a store raises.
        """

        def has_time() -> bool:
            return context.get_remaining_time_in_millis() > LAST_MESSAGE_MILLISECONDS

        with invocation(context.aws_request_id, self.flush_metrics):
            for _ in range(MAX_BATCHES):
                if not self.relay_some(has_time):
                    break


@dataclass(frozen=True)
class SpoolFunction:
    """Called by SQS with entries of the spool queue: drains each."""

    read_record: Callable[[Mapping[str, Any]], SpoolDelivery]
    drain_spool: DrainSpool
    flush_metrics: Callable[[], None]

    def __call__(
        self, event: Mapping[str, Sequence[Mapping[str, Any]]], context: LambdaContext
    ) -> dict[str, object]:
        """The entries that stay on the queue, as a partial batch response.

        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
        """
        with invocation(context.aws_request_id, self.flush_metrics):
            retained = [{"itemIdentifier": name} for name in self._retained(event["Records"])]
        return {"batchItemFailures": retained}

    def _retained(self, records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        """The first that is not drained, and all after it: entries of a sender keep their order."""
        stopped = False
        for record in records:
            stopped = stopped or self._drain(record) is DrainOutcome.RELEASED
            if stopped:
                yield record["messageId"]

    def _drain(self, record: Mapping[str, Any]) -> DrainOutcome:
        try:
            return self.drain_spool.drain(self.read_record(record))
        except Exception as error:
            # It stays, is tried again, and ends on the dead-letter queue of the spool.
            extra = {"error": type(error).__name__, "reason": safe_reason(error)}
            logger.exception("spooled webhook failed", extra=extra)
            return DrainOutcome.RELEASED


@dataclass(frozen=True)
class PurgeFunction:
    """Called by a schedule, whatever that says: deletes what has been kept for long enough."""

    purge: PurgeExpired
    clock: Clock
    flush_metrics: Callable[[], None]

    def __call__(self, _event: object, context: LambdaContext) -> None:
        """Purge until nothing is old enough, or so little time remains that one batch fits.

        Raises what a store raises. Whatever was deleted by then stays deleted.
        """
        with invocation(context.aws_request_id, self.flush_metrics):
            remaining_seconds = context.get_remaining_time_in_millis() / 1000
            budget_seconds = remaining_seconds - LAST_BATCH_SECONDS
            report = self.purge(self.clock(), budget_seconds=budget_seconds)
            outcome = "complete" if report.complete else "incomplete"
            logger.info("purged", extra={"outcome": outcome, "result": report.removed})
            if not report.complete:
                logger.warning(
                    "the time was used up before everything was looked at: run 'frontdesk purge', "
                    "which has no such limit"
                )
