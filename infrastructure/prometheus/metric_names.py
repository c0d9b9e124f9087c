"""The one table of the metrics that are counted: CloudWatch's name, Prometheus's, dimensions.

``docs/operations.md`` shows it to operators, and tests compare the two.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from application.ports.dead_letters import DeadLetterKind
from application.ports.metrics import DURATION_BOUNDS
from application.receiving.receive_webhook import WebhookOutcome
from application.receiving.record_message import RecordOutcome
from domain import errors
from domain.channels import ChannelType
from domain.queues import ALL_QUEUES

PREFIX = "frontdesk_"

MEMBERS = (1, 2, 4, 8, 16, 32, 64)
"""Upper bounds of the sizes of groups: a commit is of 64 members at most."""

_CHANNELS = (*ChannelType,)
_OUTCOMES = (*RecordOutcome, *WebhookOutcome)
_ERRORS = (
    *("broken_spool_entry", "foreign_recipient"),
    *(
        name
        for name, error in vars(errors).items()
        if isinstance(error, type) and issubclass(error, errors.TemporaryError)
    ),
)
_REASONS = (
    *("account_unknown", "no_secret_configured", "not_a_form", "header_repeated"),
    *("signature_missing", "signature_ill_formed", "signature_mismatch"),
    *("timestamp_missing", "timestamp_ill_formed", "timestamp_outside_tolerance"),
    *("basic_auth_missing", "basic_auth_mismatch"),
)

Labels = Mapping[str, Sequence[str]]
"""Each dimension with the values that are known beforehand. There may be others."""


@dataclass(frozen=True, slots=True)
class Counted:
    """One metric. With ``bounds`` it is a histogram, else a counter."""

    name: str
    help: str
    labels: Labels
    bounds: tuple[float, ...] = ()

    @property
    def length(self) -> int:
        """How many numbers a series has: of a histogram the sum, and one for each bucket."""
        return len(self.bounds) + 2 if self.bounds else 1

    def known_dimensions(self) -> Iterator[dict[str, str]]:
        """The dimensions of every series that is known beforehand.

        They begin with zero at the start: Prometheus does not see that a series which it has
        never met before has grown.
        """
        for values in product(*self.labels.values()):
            yield {name: str(value) for name, value in zip(self.labels, values, strict=True)}


COUNTED: Mapping[str, Counted] = {
    "WebhooksReceived": Counted(
        "webhooks_received_total",
        "Messages of webhooks that were answered, and webhooks without one.",
        {"channel": (*_CHANNELS, "none"), "outcome": _OUTCOMES},
    ),
    "ProcessingMilliseconds": Counted(
        "processing_seconds",
        "How long webhooks took, from the whole request to the answer.",
        {"channel": _CHANNELS},
        DURATION_BOUNDS,
    ),
    "Errors": Counted("errors_total", "Errors, by their type.", {"type": _ERRORS}),
    "VerificationFailures": Counted(
        "verification_failures_total",
        "Webhooks that were not verified, by the reason.",
        {"channel": _CHANNELS, "reason": _REASONS},
    ),
    "TooLarge": Counted(
        "too_large_total", "Webhooks over a size limit: a 413.", {"channel": _CHANNELS}
    ),
    "Duplicates": Counted("duplicates_total", "Messages that were recorded before.", {}),
    "QueueRouting": Counted(
        "queue_routing_total",
        "Contexts that were put on a queue, or could not be.",
        {"queue": tuple(map(str, ALL_QUEUES)), "result": ("queued", "failed")},
    ),
    "UnknownSenders": Counted(
        "unknown_senders_total",
        "Messages whose sender has no open conversation.",
        {"channel": _CHANNELS},
    ),
    "Fallbacks": Counted(
        "fallbacks_total",
        "Fallbacks by their result, or by the reason why there was none.",
        {"channel": _CHANNELS, "result": (), "reason": ()},
    ),
    "Relayed": Counted("relayed_total", "Pending messages that the relay published.", {}),
    "Spooled": Counted("spooled_total", "Webhooks that went to the spool.", {}),
    "DeadLetters": Counted(
        "dead_letters_total", "Dead letters that were stored.", {"kind": (*DeadLetterKind,)}
    ),
    "Purged": Counted("purged_total", "What purges deleted.", {"place": ()}),
    "Purges": Counted("purges_total", "Purges that looked at everything.", {}),
    "CommitGroupSize": Counted(
        "commit_group_size", "How many units of work shared one commit.", {}, MEMBERS
    ),
}


GAUGES: Mapping[str, str] = {
    "queue_contexts": "Contexts on a queue: ready, delayed, or taken and not acknowledged.",
    "queue_oldest_seconds": "For how long the oldest context has been on its queue.",
    "queue_held_seconds": "For how long a consumer keeps a context that it has taken from others.",
    "pending_messages": "Messages that are recorded and on no queue yet; 1000 are that or more.",
    "pending_oldest_seconds": "How long ago the oldest of them was recorded.",
    "unmatched_messages": "Messages without a conversation; 1000 are that or more.",
    "spool_entries": "Webhooks in the spool.",
    "spool_oldest_seconds": "How long ago the oldest of them was received.",
    "spool_broken_entries": "Files of the spool that cannot be read.",
    "stored_dead_letters": "Dead letters that wait for an operator; 1000 are that or more.",
    "scrape_errors": "1 where a source did not answer in time, so that its gauges are missing.",
    "build_info": "The version that runs.",
}
"""What is read at each scrape, and what it says."""
