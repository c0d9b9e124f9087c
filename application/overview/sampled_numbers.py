"""The numbers of a sample: which there are, and how they follow from what was counted and read."""

from collections.abc import Iterable, Mapping, Sequence
from math import nan

from application.ports.metrics import DURATION_BOUNDS, CountedSeries, Reading
from application.receiving.receive_webhook import WebhookOutcome
from application.receiving.record_message import RecordOutcome
from domain.channels import ChannelType
from domain.queues import ALL_QUEUES

NO_CHANNEL = "none"
CHANNELS: Sequence[str] = (*ChannelType, NO_CHANNEL)
OUTCOMES: Sequence[str] = (*RecordOutcome, *WebhookOutcome)
ACCEPTED: Sequence[str] = tuple(
    one for one in OUTCOMES if one not in {WebhookOutcome.REFUSED, WebhookOutcome.FAILED}
)
"""What becomes of webhooks whose signature is right."""

QUEUES: Sequence[str] = (*map(str, ALL_QUEUES),)


def received(channel: str, outcome: str) -> str:
    """The name of the counter of messages and webhooks of ``channel`` with this outcome."""
    return f"received {channel} {outcome}"


def on_queue(queue: str) -> str:
    """The name of the number of contexts on ``queue``."""
    return f"contexts {queue}"


def taken_from(queue: str) -> str:
    """The name of the number of contexts on ``queue`` that a consumer has. Samples leave it out."""
    return f"taken {queue}"


def age_on_queue(queue: str) -> str:
    """The name of the age in seconds of the oldest context on ``queue``."""
    return f"oldest {queue}"


def held_on_queue(queue: str) -> str:
    """The name of the seconds for which a context of ``queue`` is held. Samples leave it out."""
    return f"held {queue}"


DURATIONS = (*(f"up to {bound} s" for bound in DURATION_BOUNDS), "longer")
"""How many webhooks took so long, in the groups of ``DURATION_BOUNDS``."""

_PLAIN_COUNTERS = {"Errors": "errors", "TooLarge": "too large"}
_PLAIN_GAUGES = {
    "pending_messages": "pending",
    "pending_oldest_seconds": "oldest pending",
    "unmatched_messages": "unmatched",
    "spool_entries": "spool",
    "spool_oldest_seconds": "oldest in spool",
    "spool_broken_entries": "broken in spool",
    "stored_dead_letters": "dead letters",
}

COUNTERS: Sequence[str] = (
    *(received(channel, outcome) for channel in CHANNELS for outcome in OUTCOMES),
    *DURATIONS,
    *_PLAIN_COUNTERS.values(),
)
"""What only grows while a server runs."""

GAUGES: Sequence[str] = (
    *map(on_queue, QUEUES),
    *map(age_on_queue, QUEUES),
    *_PLAIN_GAUGES.values(),
)
"""What waits at a moment."""

NAMES: Sequence[str] = (*COUNTERS, *GAUGES)
"""The numbers of a sample in their order."""

_PLACES = {name: place for place, name in enumerate(COUNTERS)}


def counters_of(series: Iterable[CountedSeries]) -> list[float]:
    """The values of ``COUNTERS``."""
    numbers = [0.0] * len(COUNTERS)
    for one in series:
        if one.name == "ProcessingMilliseconds":
            for name, number in zip(DURATIONS, one.numbers[1:], strict=True):
                numbers[_PLACES[name]] += number
        elif (place := _PLACES.get(_name_of(one))) is not None:
            numbers[place] += one.numbers[0]
    return numbers


def _name_of(series: CountedSeries) -> str:
    if series.name == "WebhooksReceived":
        return received(series.dimensions["channel"], series.dimensions["outcome"])
    return _PLAIN_COUNTERS.get(series.name, "")


def gauges_of(readings: Iterable[Reading]) -> dict[str, float]:
    """What was read, by the names in ``GAUGES``. What could not be read is missing."""
    found: dict[str, float] = {}
    for reading in readings:
        if reading.name == "queue_contexts":
            name = on_queue(reading.dimensions["queue"])
            found[name] = found.get(name, 0.0) + reading.value
            if reading.dimensions["state"] == "taken":
                found[taken_from(reading.dimensions["queue"])] = reading.value
        elif reading.name == "queue_oldest_seconds":
            found[age_on_queue(reading.dimensions["queue"])] = reading.value
        elif reading.name == "queue_held_seconds":
            found[held_on_queue(reading.dimensions["queue"])] = reading.value
        elif reading.name in _PLAIN_GAUGES:
            found[_PLAIN_GAUGES[reading.name]] = reading.value
    return found


def numbers_of(counters: Sequence[float], gauges: Mapping[str, float]) -> list[float]:
    """The numbers of a sample; what is not known is NaN."""
    return [*counters, *(gauges.get(name, nan) for name in GAUGES)]
