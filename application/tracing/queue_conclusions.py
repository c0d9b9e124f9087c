"""The conclusion on a message that was put on a queue."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from application.ports.context_queue import WaitingContext
from application.tracing.queue_reasons import Reason, reason_of
from application.tracing.results import Conclusion, Statement, TraceState
from application.tracing.wording import ago, ahead, duration, lasting, shell, times
from domain.conversations import Conversation
from domain.messages import MessageRecord
from domain.queues import QueueKind, QueueName
from domain.routing import RoutingPolicy
from domain.times import readable

_SOON = timedelta(minutes=1)
"""How long a context may be ready before its consumer is doubted."""

_LONG = timedelta(minutes=15)
"""How long a consumer may hold a context before it is doubted."""


@dataclass(frozen=True, slots=True)
class OnQueue:
    """What is known of a message that was put on a queue.

    ``waiting`` is its context there, and ``acknowledged`` where a consumer acknowledged one.
    Both stay empty where the queue ``is_visible`` not. ``elsewhere`` is a conversation of the
    same customer on another channel.
    """

    record: MessageRecord
    conversation: Conversation | None
    is_visible: bool
    waiting: WaitingContext | None = None
    acknowledged: QueueName | None = None
    elsewhere: Conversation | None = None

    @property
    def queue(self) -> QueueName | None:
        """Where it is, or was at last; ``None`` if that is not stored."""
        seen = self.waiting.queue if self.waiting else self.acknowledged
        return seen or self.record.queue or self.record.trail.queue

    @property
    def name(self) -> str:
        """The queue in a sentence."""
        return str(self.queue) if self.queue else "its queue"

    @property
    def delay(self) -> timedelta | None:
        """That of the latest publication, of which a queue keeps no more than its end."""
        stored, waiting = self.record.trail.delay_seconds, self.waiting
        if stored is not None:
            return timedelta(seconds=stored)
        is_untouched = waiting is not None and not waiting.receive_count
        return waiting.visible_at - waiting.published_at if waiting and is_untouched else None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a message is on its way, and what to do about that."""

    state: TraceState
    since: datetime | None
    where: str
    remedy: str = ""
    more: str = ""
    commands: tuple[str, ...] = ()


def conclusion_on_queued(place: OnQueue, policy: RoutingPolicy, now: datetime) -> Conclusion:
    """Where a message is that was put on its queue."""
    reason = reason_of(place.record, place.conversation, place.queue, policy, now)
    found = _place(place, now)
    # What is hidden from consumers cannot be read, so it cannot be moved.
    may_be_there = found.state is TraceState.QUEUED and not place.is_visible
    may_move = found.state is TraceState.READY or may_be_there
    moving = reason if may_move else Reason()
    remedies = ("" if moving.is_whole else found.remedy, moving.remedy)
    statement = Statement(
        f"{_recipient(place, reason.because)}{found.where}.",
        _joined(*(reversed(remedies) if reason.is_over else remedies)),
        _joined(found.more, reason.more, *_channel_words(place)),
        moving.how,
    )
    return Conclusion(found.state, found.since, statement, (*found.commands, *moving.commands))


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _recipient(place: OnQueue, because: str) -> str:
    if place.queue is None:
        return "It was put on its queue: "
    is_for_human = place.queue.kind is QueueKind.HANDOFF
    why = f", because {because}" if because else ""
    return f"It went to {'a human' if is_for_human else 'the AI'}{why}: "


def _place(place: OnQueue, now: datetime) -> _Place:
    if place.waiting is not None:
        return _waiting(place, place.waiting, now)
    name, queued_at = place.name, place.record.queued_at
    put = f"it was put on {name}" + (f" {ago(queued_at, now)}" if queued_at else "")
    look = f"If the customer got no answer, look in the log of the consumer of {name}."
    log = _log(place)
    if place.acknowledged:
        where = f"a consumer took it from {name} and acknowledged it: Frontdesk is done with it"
        return _Place(TraceState.ACKNOWLEDGED, queued_at, where, look, log)
    if place.is_visible:
        where = f"{put}, and is not there any more"
        return _Place(TraceState.QUEUED, queued_at, where, look, log)
    remedy = f"See whether messages pile up there. {look}"
    more = f"This queue does not show what is in it. {log}"
    return _Place(TraceState.QUEUED, queued_at, put, remedy, more, (shell("queues", "list"),))


def _waiting(place: OnQueue, waiting: WaitingContext, now: datetime) -> _Place:
    if waiting.visible_at > now:
        return (_taken if waiting.receive_count else _delayed)(place, waiting, now)
    return _ready(place, waiting, now)


def _taken(place: OnQueue, waiting: WaitingContext, now: datetime) -> _Place:
    name, taken, visible_at = place.name, waiting.receive_count, waiting.visible_at
    again = f", for the {_ordinal(taken)} time," if taken > 1 else ""
    left = duration((visible_at - now).total_seconds())
    where = (
        f"a consumer took it from {name}{again} and has not acknowledged it. It may hold it for "
        f"{left} more (until {readable(visible_at)})"
    )
    if visible_at - now < _LONG:
        more = f"After that it comes back to {name}. {_log(place)}"
        return _Place(TraceState.IN_FLIGHT, None, where, more=more)
    remedy = (
        f"Answer this customer by hand if {left} is too long: nothing frees the message before. "
        f"Restart the consumer, so that it keeps no other."
    )
    more = f"It comes back to {name} then: the consumer asked for that time. {_log(place)}"
    return _Place(TraceState.IN_FLIGHT, None, where, remedy, more)


def _delayed(place: OnQueue, waiting: WaitingContext, now: datetime) -> _Place:
    where = f"it is on {place.name}, and consumers see it {ahead(waiting.visible_at, now)}"
    return _Place(TraceState.DELAYED, waiting.published_at, where, more=_waits(place))


def _ready(place: OnQueue, waiting: WaitingContext, now: datetime) -> _Place:
    name, taken, since = place.name, waiting.receive_count, waiting.visible_at
    state, ready = TraceState.READY, lasting(since, now)
    if taken:
        where = (
            f"a consumer took it from {name} {times(taken)} and did not acknowledge it. It is back "
            f"there {ready}"
        )
        remedy = (
            f"Look in the log of the consumer of {name}: it crashes, or needs more time than it is "
            f"given."
        )
        return _Place(state, since, where, remedy, _log(place))
    if now - since < _SOON:
        where = f"it is on {name}, ready {ready}. A consumer takes it next"
        remedy = f"If it is still there in a minute, check that the consumer of {name} runs."
        return _Place(state, since, where, remedy, _waited(place))
    where = f"no consumer has taken it from {name} {ready}"
    is_for_human = place.queue is not None and place.queue.kind is QueueKind.HANDOFF
    check = "For an answer by a human, check" if is_for_human else "Check"
    remedy = f"{check} that the consumer of {name} runs, and start or repair it."
    return _Place(state, since, where, remedy, _waited(place))


def _log(place: OnQueue) -> str:
    request_id = place.record.request_id
    return f"The consumer's log has it under request id {request_id}."


def _waits(place: OnQueue) -> str:
    """Why a message waits. One that was released for another reason has no delay of a reply."""
    length = f" {duration(place.delay.total_seconds())}" if place.delay else ""
    return (
        f"REPLY_DELAY_SECONDS makes it wait{length}, so that several messages in a row are "
        f"answered once."
    )


def _waited(place: OnQueue) -> str:
    if place.delay is None or place.delay <= _SOON:
        return ""
    length = duration(place.delay.total_seconds())
    return f"Before that it waited {length}, which was REPLY_DELAY_SECONDS when it came."


def _channel_words(place: OnQueue) -> Iterator[str]:
    """On which channel it came, where that may surprise."""
    channel = place.record.message.channel
    if scheme := channel.rules.scheme:
        yield (
            f"Its addresses begin with '{scheme}', so it is a {channel} message, whichever path it "
            f"was posted to."
        )
    if place.elsewhere and place.conversation:
        other = place.elsewhere
        yield (
            f"It came by {channel}, so it is in the {channel} conversation "
            f"{place.conversation.conversation_id}, not in the {other.primary_channel} "
            f"conversation {other.conversation_id} of the same customer."
        )


def _ordinal(number: int) -> str:
    names = {1: "first", 2: "second", 3: "third"}
    return names.get(number, f"{number}th")
