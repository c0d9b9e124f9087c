"""Why something waits, and what to do about it: of the latest of what waits.

It is looked for while something waits, on threads of its own and no more often than the figures
are read: a backend that has just begun to hang does not hold a page up.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice

from application.overview.sampled_numbers import held_on_queue
from application.ports.context_queue import VisibleQueue
from application.ports.dead_letters import DeadLetter, DeadLetterKind
from application.ports.spool import VisibleSpool
from application.tracing.record_conclusions import Unmatched
from application.tracing.wording import cause_and_remedy
from domain.messages import MessageRecord
from domain.queues import ALL_QUEUES, QueueName
from domain.tenants import TenantDirectory
from domain.times import readable
from domain.trail import MatchRule
from entrypoints.composition.container import Container
from entrypoints.operations.gauges import Pace, Sources
from entrypoints.operations.queue_checks import LONGEST_WAIT

LOOKED_AT = 10
"""How many of those that wait are looked at, the latest first."""

MOST_CONTEXTS = 100
"""How many contexts are looked at for those that a consumer keeps."""

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)

_CODE = re.compile(r" \([\w.]+\)$")


@dataclass(frozen=True, slots=True)
class Cause:
    """Why ``number`` of those that were looked at wait.

    ``cause`` is a clause, ``remedy`` a sentence without the last stop, or empty. ``subjects`` are
    the message ids of some of them, as the provider has them.
    """

    cause: str
    remedy: str = ""
    number: int = 1
    subjects: tuple[str, ...] = ()


Causes = Mapping[str, Sequence[Cause]]
"""By the names of the gauges: the most frequent first. What is not known is missing."""


class FindCauses:
    """Looks for the causes of what waits."""

    def __init__(self, container: Container, pace: Pace, wait_seconds: float) -> None:
        self._waiting: Mapping[str, float] = {}
        finders: dict[str, Callable[[], Iterable[Cause]]] = {
            "spool": partial(_of_spool, container),
            "dead letters": partial(_of_dead_letters, container),
            "unmatched": partial(_of_unmatched, container),
            "pending": partial(_of_pending, container),
        }
        for queue in ALL_QUEUES:
            finders[held_on_queue(str(queue))] = partial(_of_held, container, queue)
        self._sources = Sources(
            {name: partial(self._if_waiting, name, find) for name, find in finders.items()},
            pace=pace,
            wait_seconds=wait_seconds,
        )

    def __call__(self, waiting: Mapping[str, float]) -> Causes:
        """Of what is not zero in ``waiting``."""
        self._waiting = waiting
        found = self._sources.by_source()
        return {name: causes for name, causes in found.items() if causes and waiting.get(name)}

    def _if_waiting(self, name: str, find: Callable[[], Iterable[Cause]]) -> Iterable[Cause]:
        least = LONGEST_WAIT.total_seconds() if name.startswith("held") else 0.0
        return _together(find()) if self._waiting.get(name, 0.0) > least else ()


def short_cause_and_remedy(reason: str) -> tuple[str, str]:
    """As a trace has them, without the code of a service and the last stop."""
    cause, remedy = cause_and_remedy(reason)
    return _CODE.sub("", cause), remedy.removesuffix(".")


def _together(causes: Iterable[Cause]) -> list[Cause]:
    groups: dict[tuple[str, str], list[Cause]] = defaultdict(list)
    for one in causes:
        groups[one.cause, one.remedy].append(one)
    merged = [
        replace(
            group[0],
            number=len(group),
            subjects=tuple(subject for one in group for subject in one.subjects),
        )
        for group in groups.values()
    ]
    return sorted(merged, key=lambda one: -one.number)


def _of_spool(container: Container) -> Iterator[Cause]:
    spool: object = container.spool()
    entries = islice(spool.look(), LOOKED_AT) if isinstance(spool, VisibleSpool) else ()
    for waiting in entries:
        webhook = waiting.entry.webhook
        try:
            parsed = container.parsers().for_channel(webhook.channel).parse(webhook)
            subjects = tuple(one.message.provider_message_id for one in parsed)
        except Exception:
            # What is wrong with it shows once it is processed.
            subjects = ()
        yield Cause(*short_cause_and_remedy(waiting.reason), subjects=subjects)


_OF_KINDS = {
    DeadLetterKind.UNREADABLE: (
        "Frontdesk could not read it: {}",
        "See what came, answer the customer by hand, then delete it",
    ),
    DeadLetterKind.BUG: (
        "an unexpected error stopped it: {}",
        "Mend the error, whose traceback is in the log, then redrive it",
    ),
    DeadLetterKind.EXHAUSTED: ("the store did not take it: {}", "Mend that, then redrive it"),
    DeadLetterKind.UNAUTHENTICATED: (
        "it is mail whose author is not proven",
        "See it, then redrive it to accept it",
    ),
    DeadLetterKind.AUTOMATED: (
        "it is mail that a program wrote",
        "See it, then redrive it to accept it",
    ),
    DeadLetterKind.UNDELIVERABLE: ("{}", "Mend that, then redrive it"),
}


def _of_dead_letters(container: Container) -> Iterator[Cause]:
    newest = container.dead_letters().each_dead_letter(newest_first=True)
    return map(_of_dead_letter, islice(newest, LOOKED_AT))


def _of_dead_letter(one: DeadLetter) -> Cause:
    template, remedy = _OF_KINDS[one.kind]
    cause = one.reason
    if one.kind in {DeadLetterKind.EXHAUSTED, DeadLetterKind.UNDELIVERABLE}:
        cause, first = short_cause_and_remedy(one.reason)
        remedy = f"{first}, then redrive it" if first else remedy
    return Cause(template.format(cause), remedy)


def _of_unmatched(container: Container) -> Iterator[Cause]:
    directory = container.tenants()()
    for record in container.stores().lookup.latest_unmatched(LOOKED_AT):
        subjects = (record.message.provider_message_id,)
        yield replace(_of_record(record, directory), subjects=subjects)


def _of_record(record: MessageRecord, directory: TenantDirectory) -> Cause:
    match record.trail.rule:
        case MatchRule.FOREIGN_RECIPIENT:
            unmatched = Unmatched(record, None, directory, (), timedelta())
            found = unmatched.of_wrong_account()
            return Cause(found.cause, found.remedy.removesuffix("."))
        case MatchRule.UNKNOWN_AUTHOR:
            return Cause("a mailing list sent it without its author's address", "Answer it by hand")
    return Cause(
        "no conversation is open for customer and recipient",
        "Open or reopen a conversation, and deliver it",
    )


def _of_pending(container: Container) -> Iterator[Cause]:
    for record in container.stores().outbox.list_stuck(LOOKED_AT, _END_OF_TIME):
        failure = record.trail.failure
        cause = short_cause_and_remedy(failure.reason) if failure else ("", "")
        yield Cause(*cause, subjects=(record.message.provider_message_id,))


def _of_held(container: Container, queue: QueueName) -> Iterator[Cause]:
    """The messages that a consumer keeps for long, and until when."""
    reader: object = container.context_queue()
    now = container.clock()()
    waiting = reader.look(queue, MOST_CONTEXTS).items if isinstance(reader, VisibleQueue) else ()
    for one in waiting:
        if one.receive_count and one.visible_at - now > LONGEST_WAIT:
            yield Cause(readable(one.visible_at), subjects=(one.context.message.message_id,))
