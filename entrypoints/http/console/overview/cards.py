"""The figures of the overview that stand alone, each with what a healthy value is."""

from collections.abc import Iterator
from dataclasses import dataclass

from application.overview.durations import quantile
from application.overview.sampled_numbers import (
    CHANNELS,
    DURATIONS,
    NO_CHANNEL,
    OUTCOMES,
    QUEUES,
    age_on_queue,
    held_on_queue,
    on_queue,
    received,
    taken_from,
)
from application.receiving.receive_webhook import WebhookOutcome
from application.tracing.wording import duration
from entrypoints.http.console.overview.figures import Figures
from entrypoints.http.console.overview.plots import short, span_name
from entrypoints.http.console.overview.trouble import PENDING_SECONDS, QUEUE_AGE_SECONDS
from entrypoints.http.console.words import NOTHING, count
from entrypoints.operations.gauges import MOST

FAST_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Card:
    """One figure. ``kind`` says whether it is ok; it is plain where nothing is known."""

    name: str
    value: str
    detail: str
    healthy: str
    kind: str
    link: str = ""


def cards_of(figures: Figures) -> Iterator[Card]:
    """All figures, in the order in which they stand."""
    timeline = figures.timeline
    within = f"in the last {span_name(timeline.span)}"
    channels = [channel for channel in CHANNELS if channel != NO_CHANNEL]
    total = timeline.total(*(received(one, outcome) for one in channels for outcome in OUTCOMES))
    yield Card("Received", count(total), within, "what you are used to", "plain")
    slow = quantile(0.99, [timeline.total(name) for name in DURATIONS])
    is_fast = slow is None or slow < FAST_SECONDS
    kind = "plain" if slow is None else _kind(is_fast)
    yield Card("Answered in", short(slow), "99 % took less", "under 1 s", kind)
    refused = timeline.total(*(received(one, WebhookOutcome.REFUSED) for one in channels))
    yield Card("Refused", count(refused), within, "0", _kind(refused == 0), "/refusals")
    yield _queues(figures)
    yield _pending(figures)
    yield _zero(figures, "Spool", "spool", "oldest in spool", "/checks")
    yield _zero(figures, "Unmatched", "unmatched", "", "/unmatched")
    yield _zero(figures, "Dead letters", "dead letters", "", "/dead-letters")


def _queues(figures: Figures) -> Card:
    waiting = figures.waiting
    depths = [waiting[on_queue(queue)] for queue in QUEUES if on_queue(queue) in waiting]
    ages = [waiting[age_on_queue(queue)] for queue in QUEUES if age_on_queue(queue) in waiting]
    age = max(ages, default=0.0)
    is_held = any(waiting.get(held_on_queue(one), 0.0) >= QUEUE_AGE_SECONDS for one in QUEUES)
    taken = sum(waiting.get(taken_from(queue), 0.0) for queue in QUEUES)
    held = f"{count(taken)} taken" if taken else ""
    return Card(
        "On queues",
        count(sum(depths)) if depths else NOTHING,
        ", ".join(filter(None, (f"oldest for {duration(age)}" if age else "", held))),
        f"none older than {duration(QUEUE_AGE_SECONDS)}",
        _kind(age < QUEUE_AGE_SECONDS and not is_held) if depths else "plain",
        "/queues",
    )


def _pending(figures: Figures) -> Card:
    number = figures.waiting.get("pending")
    age = figures.waiting.get("oldest pending", 0.0)
    return Card(
        "Pending",
        _up_to_most(number),
        f"oldest for {duration(age)}" if number else "",
        f"0 after {duration(PENDING_SECONDS)}",
        "plain" if number is None else _kind(number == 0 or age < PENDING_SECONDS),
    )


def _zero(figures: Figures, name: str, gauge: str, age_gauge: str, link: str) -> Card:
    """A figure that should be zero."""
    number = figures.waiting.get(gauge)
    age = figures.waiting.get(age_gauge, 0.0)
    return Card(
        name,
        count(number) if number is not None and name == "Spool" else _up_to_most(number),
        f"oldest for {duration(age)}" if number and age else "",
        "0",
        "plain" if number is None else _kind(number == 0),
        link,
    )


def _up_to_most(number: float | None) -> str:
    """More are not counted."""
    if number is None:
        return NOTHING
    return f"{count(number)}+" if number == MOST else count(number)


def _kind(is_healthy: bool) -> str:
    return "ok" if is_healthy else "warn"
