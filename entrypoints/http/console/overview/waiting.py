"""What waits for too long, or should not wait at all."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from urllib.parse import urlencode

from application.overview.sampled_numbers import (
    QUEUES,
    age_on_queue,
    held_on_queue,
    on_queue,
    taken_from,
)
from application.tracing.wording import duration
from entrypoints.http.console.overview.causes import Cause, Causes
from entrypoints.http.console.overview.trouble import (
    CHECKS,
    PENDING_SECONDS,
    QUEUE_AGE_SECONDS,
    Trouble,
    number_of,
    waits,
)
from entrypoints.http.console.words import capital
from entrypoints.operations.queue_checks import late_words

_SPOOLED = "the store or the queues did not take them, or too many came at once"
_MINUTES = 60
_MOST_SUBJECTS = 3


def waiting_troubles(waiting: Mapping[str, float], causes: Causes) -> Iterator[Trouble]:
    """All of them, from the gauges of this moment."""
    yield from _of_spool(waiting, causes.get("spool", ()))
    yield from _of_pending(waiting, causes.get("pending", ()))
    yield from _of_dead_letters(waiting, causes.get("dead letters", ()))
    yield from _of_unmatched(waiting, causes.get("unmatched", ()))
    yield from _of_queues(waiting, causes)


def _of_spool(waiting: Mapping[str, float], causes: Sequence[Cause]) -> Iterator[Trouble]:
    if number := waiting.get("broken in spool"):
        yield Trouble(
            "bad",
            f"{number_of(number, 'file')} of the spool cannot be read",
            "In DATA_DIR/spool, mend what ends in .broken and take that suffix away, or delete it.",
            more="Each is a webhook.",
        )
    if number := waiting.get("spool"):
        age = waiting.get("oldest in spool", 0.0)
        cause = causes[0] if causes else Cause("")
        remedy = f"{capital(cause.remedy)}." if cause.remedy else "Run the checks."
        yield Trouble(
            "bad" if age >= QUEUE_AGE_SECONDS else "warn",
            f"{waits(number, 'webhook')} in the spool for {duration(age)}: "
            f"{cause.cause or _SPOOLED}",
            remedy,
            *_step(number, causes),
            more=f"{_named(number, causes)}Frontdesk processes what is there by itself then.",
        )


def _of_pending(waiting: Mapping[str, float], causes: Sequence[Cause]) -> Iterator[Trouble]:
    age = waiting.get("oldest pending", 0.0)
    number = waiting.get("pending")
    if not number or age < PENDING_SECONDS:
        return
    cause = causes[0] if causes else Cause("")
    yield Trouble(
        "bad" if age >= 30 * _MINUTES else "warn",
        f"{waits(number, 'message')} for a queue since {duration(age)}: "
        f"{cause.cause or 'it could not be written to'}",
        f"{cause.remedy}." if cause.remedy else "Run the checks: they say what is wrong with it.",
        *_step(number, causes),
        command="frontdesk relay",
        more=f"{_named(number, causes)}The relay tries again by itself; this command does at once.",
    )


def _of_dead_letters(waiting: Mapping[str, float], causes: Sequence[Cause]) -> Iterator[Trouble]:
    number = waiting.get("dead letters", 0.0)
    for count_of, cause, which in _each_of(number, causes):
        yield Trouble(
            "warn",
            f"{number_of(count_of, 'dead letter')}{which}"
            + (f": {cause.cause}" if cause.cause else ""),
            f"{cause.remedy or 'See why, and what to do'}.",
            "/dead-letters",
            "Open the dead letter" if count_of == 1 else "Open the dead letters",
        )


def _of_unmatched(waiting: Mapping[str, float], causes: Sequence[Cause]) -> Iterator[Trouble]:
    number = waiting.get("unmatched", 0.0)
    for count_of, cause, which in _each_of(number, causes):
        yield Trouble(
            "warn",
            f"{number_of(count_of, 'unmatched message')}{which}"
            + (f": {cause.cause}" if cause.cause else ""),
            f"{cause.remedy or 'See why, and deliver what can be delivered'}.",
            "/unmatched",
            "Open the unmatched message" if count_of == 1 else "Open the unmatched messages",
            more=_named(count_of, [cause]),
        )


def _each_of(number: float, causes: Sequence[Cause]) -> Iterator[tuple[float, Cause, str]]:
    """Each cause with how many there are. Of more than were looked at, how many is not known."""
    if not number:
        return
    if sum(one.number for one in causes) == number:
        yield from ((one.number, one, "") for one in causes)
    elif len(causes) == 1 and causes[0].number < number:
        yield number, causes[0], f", the latest {causes[0].number}"
    else:
        yield number, Cause(""), ""


def _of_queues(waiting: Mapping[str, float], causes: Causes) -> Iterator[Trouble]:
    for queue in QUEUES:
        age = waiting.get(age_on_queue(queue), 0.0)
        held = waiting.get(held_on_queue(queue), 0.0)
        if max(age, held) < QUEUE_AGE_SECONDS:
            continue
        number = number_of(waiting.get(on_queue(queue), 0.0), "context")
        why, remedy = late_words(queue, waiting.get(taken_from(queue), 0.0), held)
        lead = f"{queue}: {number}, the oldest for {duration(age)}, and {why}"
        if held >= QUEUE_AGE_SECONDS:
            lead = f"{queue}: {why}"
            if known := causes.get(held_on_queue(queue)):
                subjects = ", ".join(_subjects(known))
                until = max(one.cause for one in known)
                lead = f"{queue}: a consumer keeps {subjects} for {duration(held)} more"
                remedy = (
                    f"Answer by hand if {until} is too late: nothing frees it before. Restart the "
                    "consumer, so that it keeps no other."
                )
        yield Trouble("warn", lead, remedy, f"/queues/{queue}", f"Open {queue}")


def _subjects(causes: Iterable[Cause]) -> list[str]:
    return [subject for one in causes for subject in one.subjects][:_MOST_SUBJECTS]


def _named(number: float, causes: Iterable[Cause]) -> str:
    """The messages that wait: of several, some."""
    if not (found := _subjects(causes)):
        return ""
    return f"{'Of these' if number > len(found) else 'Waiting'}: {', '.join(found)}. "


def _step(number: float, causes: Sequence[Cause]) -> tuple[str, str]:
    """The way of the one message that waits, or else the checks."""
    found = _subjects(causes)
    if number == 1 and found:
        return f"/trace?{urlencode({'subject': found[0]})}", "Trace the message"
    return CHECKS
