"""The plots of the overview: their lines, what a healthy value is, and each in words."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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
from entrypoints.http.console.overview.trouble import QUEUE_AGE_SECONDS
from entrypoints.http.console.words import NOTHING, channel_name, count

Values = Sequence[float | None]
Unit = Literal["count", "seconds"]
Words = Callable[[float], str]

NOW = "now"
_DIGITS = 4


@dataclass(frozen=True)
class Line:
    """One line of a plot, in words what it shows, and what gives its values."""

    label: str
    value: str
    draw: Callable[[Timeline], Values]


@dataclass(frozen=True)
class Plot:
    """One plot: ``moment`` says of when the words of its lines are, ``healthy`` what is good.

    A stacked one has bars: the values of each step stand on top of each other.
    """

    name: str
    title: str
    unit: Unit
    moment: str
    lines: Sequence[Line]
    healthy: str
    is_stacked: bool = False


def plots_of(timeline: Timeline, waiting: Mapping[str, float]) -> list[Plot]:
    """All plots, in the order in which they stand. ``waiting`` has the gauges of this moment."""
    return [
        _by_channel(timeline),
        _by_outcome(timeline),
        _durations(timeline),
        _contexts(waiting),
        _ages(waiting),
        _waiting(waiting),
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
    totals = [timeline.total(name) for name in DURATIONS]
    lines = [
        Line(label, short(quantile(share, totals)), partial(_quantiles, share))
        for label, share in {"Half within": 0.5, "99 % within": 0.99}.items()
    ]
    return Plot(
        "durations",
        "Time to answer",
        "seconds",
        _within(timeline),
        lines,
        "99 % under 1 s. At 15 s the providers give up and try again",
    )


def _quantiles(share: float, timeline: Timeline) -> Values:
    groups = [timeline.counted([name]) for name in DURATIONS]
    steps = ([number or 0.0 for number in step] for step in zip(*groups, strict=True))
    return [quantile(share, step) for step in steps]


_BY_KIND = {
    "For the AI": [queue for queue in QUEUES if queue.endswith(QueueKind.REPLIES)],
    "For humans": [queue for queue in QUEUES if queue.endswith(QueueKind.HANDOFF)],
}


def _contexts(waiting: Mapping[str, float]) -> Plot:
    return Plot(
        "contexts",
        "Contexts on queues",
        "count",
        NOW,
        [
            Line(label, _now(waiting, names), _waited(names))
            for label, names in _of_each_kind(on_queue)
        ],
        "falls again after each rise. What only grows has no consumer",
    )


def _ages(waiting: Mapping[str, float]) -> Plot:
    return Plot(
        "ages",
        "Age of the oldest context",
        "seconds",
        NOW,
        [
            Line(label, _now(waiting, names, max, duration), _waited(names, greatest=True))
            for label, names in _of_each_kind(age_on_queue)
        ],
        f"under {duration(QUEUE_AGE_SECONDS)}",
    )


def _waiting(waiting: Mapping[str, float]) -> Plot:
    names = {
        "Pending": "pending",
        "Spool": "spool",
        "Unmatched": "unmatched",
        "Dead letters": "dead letters",
    }
    lines = [Line(label, _now(waiting, [name]), _waited([name])) for label, name in names.items()]
    return Plot("waiting", "Waiting elsewhere", "count", NOW, lines, "0 of each")


def _counted(
    timeline: Timeline, name: str, title: str, groups: dict[str, list[str]], healthy: str
) -> Plot:
    lines = [
        Line(label, count(timeline.total(*names)), partial(_counts, names))
        for label, names in groups.items()
    ]
    each = duration(timeline.span.step_seconds)
    moment = f"in each {each}; sums {_within(timeline)}"
    return Plot(name, title, "count", moment, lines, healthy, is_stacked=True)


def _counts(names: Sequence[str], timeline: Timeline) -> Values:
    return timeline.counted(names)


def _waited(names: Sequence[str], *, greatest: bool = False) -> Callable[[Timeline], Values]:
    return lambda timeline: timeline.waited(names, greatest=greatest)


def _within(timeline: Timeline) -> str:
    return f"of the last {span_name(timeline.span)}"


def _of_each_kind(name_of: Callable[[str], str]) -> Iterator[tuple[str, list[str]]]:
    for label, queues in _BY_KIND.items():
        yield label, [*map(name_of, queues)]


def _now(
    waiting: Mapping[str, float],
    names: Iterable[str],
    together: Callable[[Sequence[float]], float] = sum,
    words: Words = count,
) -> str:
    known = [waiting[name] for name in names if name in waiting]
    return words(together(known)) if known else NOTHING


def short(seconds: float | None) -> str:
    """``4 ms``, ``1.2 s``."""
    if seconds is None:
        return NOTHING
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def rounded(value: float | None) -> float | None:
    """As it is sent to a browser."""
    return None if value is None else round(value, _DIGITS)
