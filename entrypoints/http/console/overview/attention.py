"""What needs the attention of an operator, each with the next step. The worst comes first."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from application.overview.durations import quantile
from application.overview.sampled_numbers import (
    ACCEPTED,
    CHANNELS,
    DURATIONS,
    QUEUES,
    on_queue,
    received,
    taken_from,
)
from application.overview.timeline import Timeline
from application.ports.refusals import Refusal
from application.receiving.receive_webhook import WebhookOutcome
from application.tracing.wording import duration
from domain.channels import ChannelType
from domain.messages import MAX_ATTEMPTS
from entrypoints.http.console.overview.causes import short_cause_and_remedy
from entrypoints.http.console.overview.figures import Figures, Unanswered
from entrypoints.http.console.overview.trouble import CHECKS, SLOW_SECONDS, Trouble, number_of
from entrypoints.http.console.overview.waiting import waiting_troubles
from entrypoints.http.console.words import capital, channel_name, count
from entrypoints.operations.refusal_checks import explained
from infrastructure.configuration.settings import Settings

_MEANWHILE = {
    "queues": (
        f"Messages for it stay pending, and are dead letters after {MAX_ATTEMPTS} attempts."
    ),
    "store": "Verified webhooks go to the spool meanwhile: none is lost.",
}
LATELY = timedelta(hours=1)

_SOURCES = {
    "queues": "The queues do",
    "store": "The store does",
    "spool": "The spool does",
    "dead_letters": "The place of the dead letters does",
}


def troubles(
    figures: Figures, refusals: Callable[[], Iterable[Refusal]], settings: Settings
) -> list[Trouble]:
    """All that there is at this moment. ``refusals`` are asked for if something was refused."""
    found = [
        *(_unanswered(one, figures.now) for one in figures.unanswered),
        *waiting_troubles(figures.waiting, figures.causes),
        *_of_traffic(figures.timeline),
        *_of_refusals(figures, refusals, settings),
    ]
    return sorted(found, key=lambda trouble: trouble.kind)


def _unanswered(one: Unanswered, now: datetime) -> Trouble:
    known = "Its figures are not known"
    if one.known_at is not None:
        known = f"Its figures are those of {duration((now - one.known_at).total_seconds())} ago"
    more = " ".join(filter(None, (f"{known}.", _MEANWHILE.get(one.source))))
    cause, remedy = short_cause_and_remedy(one.reason)
    if cause and remedy:
        return Trouble("bad", capital(cause), f"{remedy}.", *CHECKS, more=more)
    why = f": {cause}" if cause else ""
    subject = _SOURCES.get(one.source, one.source)
    return Trouble(
        "bad",
        f"{subject} not answer{why}",
        "Run the checks: they ask every backend, and say what is wrong.",
        *CHECKS,
        more=more,
    )


def under_way(waiting: Mapping[str, float]) -> Iterator[tuple[str, str]]:
    """The queues that are not empty, and what is on each. It may be in order, or not yet late."""
    for queue in QUEUES:
        if number := waiting.get(on_queue(queue), 0.0):
            taken = waiting.get(taken_from(queue), 0.0)
            held = f", {count(taken)} taken and not acknowledged" if taken else ""
            yield queue, f"{number_of(number, 'context')}{held}"


def _of_traffic(timeline: Timeline) -> Iterator[Trouble]:
    def lately(*names: str) -> float:
        return timeline.total(*names, within=LATELY)

    failed = [received(channel, WebhookOutcome.FAILED) for channel in CHANNELS]
    if number := lately(*failed):
        yield Trouble(
            "bad",
            f"{number_of(number, 'webhook')} failed in the last hour",
            "Run the checks. If they find nothing, the log says why, in lines with the outcome "
            "'failed'.",
            *CHECKS,
            more="The providers got a 5xx and try again.",
        )
    if number := lately("too large"):
        yield Trouble(
            "warn",
            f"{number_of(number, 'webhook')} too large in the last hour",
            "Raise MAX_BODY_BYTES, or ask the sender for smaller files.",
            *("/refusals", "Open the refusals"),
            more="SendGrid drops such mail.",
        )
    slow = quantile(0.99, [lately(name) for name in DURATIONS])
    if slow is not None and slow >= SLOW_SECONDS:
        yield Trouble(
            "warn",
            f"Every hundredth webhook of the last hour took over {duration(slow)}",
            "Find out why the store or the queues are slow: begin with the checks.",
            *CHECKS,
            more="At 15 s the providers give up.",
        )


def _of_refusals(
    figures: Figures, refusals: Callable[[], Iterable[Refusal]], settings: Settings
) -> Iterator[Trouble]:
    numbers = {
        channel: figures.timeline.total(received(channel, WebhookOutcome.REFUSED), within=LATELY)
        for channel in ChannelType
    }
    if not any(numbers.values()):
        return
    since = figures.now - LATELY
    known = sorted((one for one in refusals() if one.last_at >= since), key=_doubt)
    for channel in dict.fromkeys([*(one.channel for one in known if one.channel), *ChannelType]):
        if number := numbers[channel]:
            outcomes = [received(channel, one) for one in ACCEPTED]
            accepted = figures.timeline.total(*outcomes, within=LATELY)
            kinds = [one for one in known if one.channel == channel]
            yield _refused(channel, number, accepted, kinds, settings)


def _doubt(refusal: Refusal) -> int:
    """What is proven comes first, and then a known account: strangers who try are normal."""
    if refusal.diagnosis:
        return 0 if refusal.diagnosis.is_certain else 1
    return 2 if refusal.account else 3


def _refused(
    channel: ChannelType,
    number: float,
    accepted: float,
    kinds: Sequence[Refusal],
    settings: Settings,
) -> Trouble:
    lead = f"{number_of(number, f'{channel_name(channel)} webhook')} of the last hour"
    lead = f"{lead} {'was' if number == 1 else 'were'} refused"
    link = ("/refusals", "Open the refusals")
    if not kinds:
        return Trouble(
            "warn", lead, "The log says why, in lines with the outcome 'refused'.", *link
        )
    one = kinds[0]
    is_bad = bool(one.account) and not accepted
    if is_bad and number > 2:  # noqa: PLR2004 - of two nobody says all
        lead = f"All {lead}"
    why = explained(one, settings)
    first, _, rest = why.cause.partition(". ")
    in_doubt = "Or they are forged" if _doubt(one) == 1 else ""
    more = [f"{one.account or 'No known account'}, {one.reason}", rest, in_doubt, why.more]
    if others := len(kinds) - 1:
        more.append(f"{'1 more kind' if others == 1 else f'{others} more kinds'} of refusals")
    return Trouble(
        "bad" if is_bad else "warn",
        f"{lead}: {first.removesuffix('.')}",
        f"{why.remedy}." if why.remedy else "Nothing is left to do.",
        *link,
        more=" ".join(f"{text.removesuffix('.')}." for text in more if text),
    )
