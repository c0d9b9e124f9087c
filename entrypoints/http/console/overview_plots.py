"""The plots of the overview: their lines, what a healthy value is, and each in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from application.overview.durations import quantile
from application.overview.sampled_numbers import (
    CHANNELS,
    DURATIONS,
    NO_CHANNEL,
    OUTCOMES,
    QUEUES,
    age_on_queue,
    on_queue,
    received,
)
from application.overview.timeline import Span, Timeline
from application.receiving.receive_webhook import WebhookOutcome
from application.receiving.record_message import RecordOutcome
from application.tracing.wording import duration
from domain.channels import ChannelType
from domain.queues import QueueKind
from entrypoints.http.console.attention import QUEUE_AGE_SECONDS
from entrypoints.http.console.words import NOTHING, channel_name, count

Values = Sequence[float | None]
Unit = Literal["count", "seconds"]
Words = Callable[[float], str]

_DIGITS = 4


@dataclass(frozen=True)
class Line:
    """One line of a plot."""

    label: str
    values: Values


@dataclass(frozen=True)
class Plot:
    """One plot. ``summary`` says in words what it shows, ``healthy`` what it should show."""

    name: str
    title: str
    unit: Unit
    lines: Sequence[Line]
    summary: str
    healthy: str


def plots_of(timeline: Timeline) -> list[Plot]:
    """All plots, in the order in which they stand."""
    return [
        _by_channel(timeline),
        _by_outcome(timeline),
        _durations(timeline),
        _contexts(timeline),
        _ages(timeline),
        _waiting(timeline),
    ]


def span_name(span: Span) -> str:
    """``hour``, ``6 hours``: how far the plots look back."""
    return "hour" if span.hours == 1 else f"{span.hours} hours"


def _by_channel(timeline: Timeline) -> Plot:
    return _counted(
        timeline,
        "channels",
        "Received by channel",
        {
            channel_name(channel): [received(channel, outcome) for outcome in OUTCOMES]
            for channel in ChannelType
        },
        "what you are used to. A channel that falls silent may have lost its URL at the provider",
    )


_GROUPS = {
    "Recorded": (RecordOutcome.RECORDED,),
    "Duplicates": (RecordOutcome.DUPLICATE,),
    "Unmatched": (RecordOutcome.UNMATCHED,),
    "Refused": (WebhookOutcome.REFUSED,),
    "Spooled, dead or failed": (
        WebhookOutcome.SPOOLED,
        WebhookOutcome.DEAD_LETTER,
        WebhookOutcome.FAILED,
    ),
}


def _by_outcome(timeline: Timeline) -> Plot:
    return _counted(
        timeline,
        "outcomes",
        "Received by outcome",
        {
            label: [
                received(channel, outcome)
                for channel in CHANNELS
                for outcome in outcomes
                if channel != NO_CHANNEL or outcome is not WebhookOutcome.REFUSED
            ]
            for label, outcomes in _GROUPS.items()
        },
        "recorded alone, and now and then a duplicate",
    )


def _durations(timeline: Timeline) -> Plot:
    groups = [timeline.counted([name]) for name in DURATIONS]
    steps = [[number or 0.0 for number in step] for step in zip(*groups, strict=True)]
    totals = [timeline.total(name) for name in DURATIONS]
    half, most = quantile(0.5, totals), quantile(0.99, totals)
    lines = [
        Line("Half within", [quantile(0.5, step) for step in steps]),
        Line("99 % within", [quantile(0.99, step) for step in steps]),
    ]
    summary = f"Half within {short(half)}, 99 % within {short(most)}"
    if half is None:
        summary = "No webhook"
    return Plot(
        "durations",
        "Time to answer",
        "seconds",
        lines,
        f"{summary} in the last {span_name(timeline.span)}",
        "99 % under 1 s. At 15 s the providers give up and try again",
    )


_BY_KIND = {
    "For the AI": [queue for queue in QUEUES if queue.endswith(QueueKind.REPLIES)],
    "For humans": [queue for queue in QUEUES if queue.endswith(QueueKind.HANDOFF)],
}


def _contexts(timeline: Timeline) -> Plot:
    lines = [
        Line(label, timeline.waited([*map(on_queue, queues)])) for label, queues in _BY_KIND.items()
    ]
    return Plot(
        "contexts",
        "Contexts on queues",
        "count",
        lines,
        _now(lines),
        "goes down again after each rise. What only grows has no consumer",
    )


def _ages(timeline: Timeline) -> Plot:
    lines = [
        Line(label, timeline.waited([*map(age_on_queue, queues)], greatest=True))
        for label, queues in _BY_KIND.items()
    ]
    return Plot(
        "ages",
        "Age of the oldest context",
        "seconds",
        lines,
        _now(lines, duration),
        f"under {duration(QUEUE_AGE_SECONDS)}",
    )


def _waiting(timeline: Timeline) -> Plot:
    names = {
        "Pending": "pending",
        "Spool": "spool",
        "Unmatched": "unmatched",
        "Dead letters": "dead letters",
    }
    lines = [Line(label, timeline.waited([name])) for label, name in names.items()]
    return Plot("waiting", "Waiting elsewhere", "count", lines, _now(lines), "0 of each")


def _counted(
    timeline: Timeline, name: str, title: str, groups: dict[str, list[str]], healthy: str
) -> Plot:
    lines = [Line(label, timeline.counted(names)) for label, names in groups.items()]
    totals = (f"{line.label} {count(sum(filter(None, line.values)))}" for line in lines)
    summary = f"{', '.join(totals)} in the last {span_name(timeline.span)}"
    title += f", in each {duration(timeline.span.step_seconds)}"
    return Plot(name, title, "count", lines, summary, healthy)


def _now(lines: Sequence[Line], words: Words = count) -> str:
    latest = (
        f"{line.label} {NOTHING if line.values[-1] is None else words(line.values[-1])}"
        for line in lines
    )
    return f"Now: {', '.join(latest)}"


def short(seconds: float | None) -> str:
    """``4 ms``, ``1.2 s``."""
    if seconds is None:
        return NOTHING
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def rounded(value: float | None) -> float | None:
    """As it is sent to a browser."""
    return None if value is None else round(value, _DIGITS)
