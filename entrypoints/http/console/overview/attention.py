"""What needs the attention of an operator, each with the next step. The worst comes first."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Literal

from application.overview.durations import quantile
from application.overview.sampled_numbers import (
    CHANNELS,
    DURATIONS,
    NO_CHANNEL,
    QUEUES,
    age_on_queue,
    held_on_queue,
    on_queue,
    received,
    taken_from,
)
from application.overview.timeline import Timeline
from application.ports.refusals import Refusal
from application.receiving.receive_webhook import WebhookOutcome
from application.tracing.wording import duration
from entrypoints.http.console.overview.figures import Figures, Unanswered
from entrypoints.http.console.words import capital, channel_name, count
from entrypoints.operations.gauges import MOST
from entrypoints.operations.queue_checks import why_late

QUEUE_AGE_SECONDS = 900
PENDING_SECONDS = 30
SLOW_SECONDS = 8.0
"""The thresholds of the alarms; see docs/operations.md."""

LATELY = timedelta(hours=1)

_SOURCES = {
    "queues": "The queues do",
    "store": "The store does",
    "spool": "The spool does",
    "dead_letters": "The place of the dead letters does",
}
_SPOOLED = "The store or the queues did not take them, or too many came at once"
_MINUTES = 60
_MOST_KINDS = 3


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is not as it should be, and what to do about it."""

    kind: Literal["bad", "warn"]
    title: str
    detail: str
    link: str = ""
    link_text: str = ""
    command: str = ""


def troubles(
    figures: Figures, refusals: Callable[[], Iterable[Refusal]], why_spooled: Callable[[], str]
) -> list[Trouble]:
    """All that there is at this moment. ``refusals`` are asked for if something was refused.

    ``why_spooled`` is asked if something is in the spool, and may not know.
    """
    found = [
        *(_unanswered(one, figures.now) for one in figures.unanswered),
        *_of_spool(figures.waiting, why_spooled),
        *_of_waiting(figures.waiting),
        *_of_queues(figures.waiting),
        *_of_traffic(figures.timeline),
        *_of_refusals(figures, refusals),
    ]
    return sorted(found, key=lambda trouble: trouble.kind)


def _unanswered(one: Unanswered, now: datetime) -> Trouble:
    subject = _SOURCES.get(one.source, one.source)
    known = "Its figures are not known."
    if one.known_at is not None:
        known = f"Its figures are those of {duration((now - one.known_at).total_seconds())} ago."
    return Trouble(
        "bad",
        f"{subject} not answer",
        f"{known} Verified webhooks go to the spool while they cannot be recorded: none is lost. "
        "The checks ask every backend, and say what is wrong.",
        *("/checks", "Run the checks"),
    )


def _of_spool(waiting: Mapping[str, float], why_spooled: Callable[[], str]) -> Iterator[Trouble]:
    if number := waiting.get("broken in spool"):
        yield Trouble(
            "bad",
            f"{_number(number, 'file')} of the spool cannot be read",
            "Each is a webhook. In DATA_DIR/spool, mend what ends in .broken and take that suffix "
            "away, or delete it.",
        )
    if number := waiting.get("spool"):
        age = waiting.get("oldest in spool", 0.0)
        yield Trouble(
            "bad" if age >= QUEUE_AGE_SECONDS else "warn",
            f"{_number(number, 'webhook')} in the spool, the oldest for {duration(age)}",
            f"{capital(why_spooled() or _SPOOLED)}. They are processed by themselves once it works "
            "again.",
            *("/checks", "Run the checks"),
        )


def _of_waiting(waiting: Mapping[str, float]) -> Iterator[Trouble]:
    age = waiting.get("oldest pending", 0.0)
    if (number := waiting.get("pending")) and age >= PENDING_SECONDS:
        yield Trouble(
            "bad" if age >= 30 * _MINUTES else "warn",
            f"{_number(number, 'message')} pending, the oldest for {duration(age)}",
            "They are recorded, and on no queue yet: it could not be written to. The relay tries "
            "again by itself; this command tries at once.",
            command="frontdesk relay",
        )
    if number := waiting.get("dead letters"):
        yield Trouble(
            "warn",
            _number(number, "dead letter"),
            "They could not be processed. See why, and redrive them once the cause is mended.",
            *("/dead-letters", "Look at the dead letters"),
        )
    if number := waiting.get("unmatched"):
        yield Trouble(
            "warn",
            f"{_number(number, 'message')} unmatched",
            "They belong to no open conversation, or the account that delivered them may not speak "
            "for their recipient. Nobody answers them. Each card says which, and what to do.",
            *("/unmatched", "See why, and deliver them"),
        )


def _of_queues(waiting: Mapping[str, float]) -> Iterator[Trouble]:
    for queue in QUEUES:
        age = waiting.get(age_on_queue(queue), 0.0)
        held = waiting.get(held_on_queue(queue), 0.0)
        if max(age, held) >= QUEUE_AGE_SECONDS:
            number = _number(waiting.get(on_queue(queue), 0.0), "context")
            is_old = age >= QUEUE_AGE_SECONDS
            yield Trouble(
                "warn",
                f"{queue} waits too long: {number}, the oldest for {duration(age)}"
                if is_old
                else f"{queue}: a context is held for {duration(held)} more",
                capital(why_late(waiting.get(taken_from(queue), 0.0), held)),
                *(f"/queues/{queue}", f"Look at {queue}"),
            )


def under_way(waiting: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """The queues that are not empty, and what is on each. It may be in order, or not yet late."""
    for queue in QUEUES:
        if number := waiting.get(on_queue(queue), 0.0):
            taken = waiting.get(taken_from(queue), 0.0)
            held = f", {count(taken)} taken and not acknowledged" if taken else ""
            yield queue, f"{_number(number, 'context')}{held}"


def _of_traffic(timeline: Timeline) -> Iterator[Trouble]:
    def lately(*names: str) -> float:
        return timeline.total(*names, within=LATELY)

    failed = [received(channel, WebhookOutcome.FAILED) for channel in CHANNELS]
    if number := lately(*failed):
        yield Trouble(
            "bad",
            f"{_number(number, 'webhook')} failed in the last hour",
            "The providers got a 5xx and try again. The log says why, in lines with the outcome "
            "'failed'.",
            *("/checks", "Run the checks"),
        )
    if number := lately("too large"):
        yield Trouble(
            "warn",
            f"{_number(number, 'webhook')} too large in the last hour",
            "SendGrid drops such mail: ask the sender for smaller files, or raise MAX_BODY_BYTES.",
            *("/refusals", "See which"),
        )
    slow = quantile(0.99, [lately(name) for name in DURATIONS])
    if slow is not None and slow >= SLOW_SECONDS:
        yield Trouble(
            "warn",
            f"Every hundredth webhook of the last hour took over {duration(slow)}",
            "The store or the queues are slow. At 15 s the providers give up.",
            *("/checks", "Run the checks"),
        )


def _of_refusals(figures: Figures, refusals: Callable[[], Iterable[Refusal]]) -> Iterator[Trouble]:
    refused = [
        received(channel, WebhookOutcome.REFUSED) for channel in CHANNELS if channel != NO_CHANNEL
    ]
    if number := figures.timeline.total(*refused, within=LATELY):
        since = figures.now - LATELY
        known = [one for one in refusals() if one.channel and one.last_at >= since]
        yield Trouble(
            "warn",
            f"{_number(number, 'webhook')} refused in the last hour",
            f"{_kinds(known)}{_why_refused(known)}",
            *("/refusals", "See why"),
        )


def _why_refused(refusals: Sequence[Refusal]) -> str:
    """What is proven, whatever came after it; else what is likely if nobody forges."""
    found = [one.diagnosis for one in refusals if one.diagnosis]
    if not found:
        return "They are forged, or a secret or the URL differs from what the provider has."
    diagnosis = max(found, key=attrgetter("is_certain"))
    in_doubt = "" if diagnosis.is_certain else "If they are not forged: "
    return f"{in_doubt}{diagnosis.cause} {diagnosis.remedy}."


def _kinds(refusals: Sequence[Refusal]) -> str:
    """Which, by channel, account and code: of many the latest."""
    named = [
        f"{channel_name(one.channel)}, {one.account or 'no known account'}, {one.reason}"
        for one in refusals[:_MOST_KINDS]
    ]
    if more := len(refusals[_MOST_KINDS:]):
        named.append(f"{more} more kinds")
    return f"{'; '.join(named)}. " if named else ""


def _number(number: float, noun: str) -> str:
    """``1 dead letter``, ``1,000 or more dead letters``."""
    if number == 1:
        return f"1 {noun}"
    more = " or more" if number == MOST and noun in {"dead letter", "message"} else ""
    return f"{count(number)}{more} {noun}s"
