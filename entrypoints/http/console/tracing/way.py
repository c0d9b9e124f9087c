"""Which stations of the way of every webhook a message has passed, and where it is."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import chain

from application.tracing.results import MessageTrace, Station, StationKind, TraceState
from application.tracing.station_words import details_in_words
from domain.queues import QueueKind, QueueName
from domain.times import parse_rfc3339
from entrypoints.http.console.tracing.stops import Stop, StopState, Way, with_gaps
from entrypoints.operations.queue_checks import LONGEST_WAIT

VERIFIED, OTHER_QUEUE = "verified", "other_queue"

_LINE: tuple[tuple[str, tuple[str, ...]], ...] = (
    (StationKind.RECEIVED, ()),
    (VERIFIED, (StationKind.SPOOLED, StationKind.DEAD_LETTER)),
    (StationKind.RECORDED, (StationKind.UNMATCHED, StationKind.FALLBACK)),
    (StationKind.MATCHED, (StationKind.ATTEMPTED,)),
    (StationKind.QUEUED, (OTHER_QUEUE,)),
    (StationKind.WAITING, ()),
    (StationKind.TAKEN, ()),
    (StationKind.ACKNOWLEDGED, ()),
)
"""The line of stations, and beside each of them where a message goes that leaves the line."""

_NAMES: Mapping[str, str] = {
    StationKind.RECEIVED: "Received",
    VERIFIED: "Verified",
    StationKind.SPOOLED: "Spool",
    StationKind.DEAD_LETTER: "Dead letter",
    StationKind.RECORDED: "Recorded",
    StationKind.UNMATCHED: "Unmatched",
    StationKind.FALLBACK: "Fallback",
    StationKind.MATCHED: "Matched",
    StationKind.ATTEMPTED: "Attempts",
    StationKind.QUEUED: "Queued",
    StationKind.WAITING: "Waiting",
    StationKind.TAKEN: "Taken",
    StationKind.ACKNOWLEDGED: "Acknowledged",
    StationKind.ERASED: "Erased",
}
_QUEUED_FOR = {QueueKind.REPLIES: "Queued for the AI", QueueKind.HANDOFF: "Queued for a human"}

_IMPLIED: Mapping[str, tuple[str, ...]] = {
    StationKind.TAKEN: (StationKind.WAITING,),
    StationKind.ACKNOWLEDGED: (StationKind.WAITING, StationKind.TAKEN),
    StationKind.ERASED: (StationKind.RECEIVED, StationKind.RECORDED),
}
"""What a message must have passed before, though no more is stored of it."""

_HERE: Mapping[TraceState, tuple[str, ...]] = {
    TraceState.DELAYED: (StationKind.WAITING,),
    TraceState.READY: (StationKind.WAITING,),
    TraceState.IN_FLIGHT: (StationKind.TAKEN,),
    TraceState.ACKNOWLEDGED: (StationKind.ACKNOWLEDGED,),
    TraceState.QUEUED: (StationKind.QUEUED,),
    TraceState.PENDING: (StationKind.ATTEMPTED, StationKind.MATCHED, StationKind.RECORDED),
    TraceState.UNDELIVERABLE: (StationKind.DEAD_LETTER, StationKind.ATTEMPTED),
    TraceState.UNMATCHED: (StationKind.UNMATCHED,),
    TraceState.SPOOLED: (StationKind.SPOOLED,),
    TraceState.DEAD_LETTER: (StationKind.DEAD_LETTER,),
    TraceState.ERASED: (StationKind.ERASED,),
}
"""Where a message is, by its state: at the first of these that it has reached."""

_GOES_ON = frozenset(
    {
        TraceState.DELAYED,
        TraceState.READY,
        TraceState.IN_FLIGHT,
        TraceState.PENDING,
        TraceState.SPOOLED,
    }
)
"""In these states a message moves on without an operator."""

_SENT = frozenset({"sent", "written_to_file", "uncertain"})
_ONLY_WHERE_REACHED = frozenset({StationKind.ATTEMPTED})
_AFTER_QUEUE = frozenset({StationKind.WAITING, StationKind.TAKEN, StationKind.ACKNOWLEDGED})
_QUICK = timedelta(seconds=2)
"""A webhook that was recorded sooner was neither in the spool nor a dead letter before."""


def way_of(one: MessageTrace, now: datetime) -> Way:
    """The picture of the way of ``one``."""
    drawing = _Drawing(one, now)
    return Way(tuple(with_gaps(drawing.stops())), drawing.is_late)


class _Drawing:
    """Decides of each stop what is to be seen of it."""

    def __init__(self, one: MessageTrace, now: datetime) -> None:
        self._now = now
        self._state = one.conclusion.state
        self._stations: Mapping[str, Station] = {one.kind: one for one in one.stations}
        implied = (_IMPLIED.get(kind, ()) for kind in self._stations)
        self._reached = {*self._stations, VERIFIED, *chain.from_iterable(implied)}
        if self._detail(StationKind.DEAD_LETTER, "dead_letter_kind") == "exhausted":
            self._reached.add(StationKind.SPOOLED)
        self._here = next((k for k in _HERE[self._state] if k in self._reached), VERIFIED)

    def stops(self) -> Iterator[Stop]:
        """The line, each stop with those beside it."""
        line = self._line()
        last = max(number for number, (kind, _) in enumerate(line) if kind in self._reached)
        for number, (kind, beside) in enumerate(line):
            sides = (self._side(one) for one in beside if self._is_shown(one))
            yield replace(self._main(kind, is_ahead=number > last), sides=tuple(sides))

    @property
    def is_late(self) -> bool:
        """Whether it is ready, or taken by one consumer, for too long."""
        kind = {
            TraceState.READY: StationKind.WAITING,
            TraceState.IN_FLIGHT: StationKind.TAKEN,
        }.get(self._state)
        visible_at = self._detail(kind, "visible_at") if kind else None
        return bool(visible_at) and abs(self._now - parse_rfc3339(str(visible_at))) > LONGEST_WAIT

    def _line(self) -> list[tuple[str, tuple[str, ...]]]:
        if self._state is TraceState.ERASED:
            return [(k, ()) for k in ("received", VERIFIED, "recorded", StationKind.ERASED)]
        line = dict(_LINE)
        if self._state is TraceState.UNDELIVERABLE:
            # It left the line later than other dead letters.
            line[VERIFIED] = (StationKind.SPOOLED,)
            line[StationKind.MATCHED] += (StationKind.DEAD_LETTER,)
        return list(line.items())

    def _is_shown(self, kind: str) -> bool:
        if kind == OTHER_QUEUE:
            return StationKind.QUEUED not in self._reached or self._queue_kind is not None
        return kind in self._reached or kind not in _ONLY_WHERE_REACHED

    def _main(self, kind: str, *, is_ahead: bool) -> Stop:
        if kind in self._reached:
            return self._reached_stop(kind)
        if kind in _AFTER_QUEUE and self._state is TraceState.QUEUED:
            return self._stop(kind, StopState.UNKNOWN, "not known")
        if is_ahead and self._state in _GOES_ON:
            return self._stop(kind, StopState.AHEAD, "not yet")
        return self._stop(kind, StopState.MISSED, "not reached")

    def _side(self, kind: str) -> Stop:
        if kind == StationKind.FALLBACK and kind in self._stations:
            result = self._detail(kind, "result")
            return (
                self._reached_stop(kind)
                if result in _SENT
                else replace(self._reached_stop(kind), state=StopState.MISSED, word="not sent")
            )
        if kind in self._reached:
            return self._reached_stop(kind)
        if kind == OTHER_QUEUE and self._was_moved:
            return self._stop(kind, StopState.PASSED, "moved on")
        if kind == StationKind.FALLBACK and StationKind.UNMATCHED in self._stations:
            return self._stop(kind, StopState.UNKNOWN, "see the log")
        if kind in {StationKind.SPOOLED, StationKind.DEAD_LETTER} and not self._was_quick:
            return self._stop(kind, StopState.UNKNOWN, "not stored")
        return self._stop(kind, StopState.MISSED, "not passed")

    def _reached_stop(self, kind: str) -> Stop:
        is_here = kind == self._here
        stop = (
            self._stop(kind, StopState.HERE, "")
            if is_here
            else self._stop(kind, StopState.PASSED, "passed")
        )
        station = self._stations.get(kind)
        if station is None:
            return stop
        until = station.details.get("visible_at") or station.details.get("lease_until")
        ends_at = parse_rfc3339(str(until)) if until else None
        return replace(
            stop,
            at=station.at,
            until=ends_at if ends_at and ends_at > self._now else None,
            details=tuple(details_in_words(station)),
        )

    def _stop(self, kind: str, state: StopState, word: str) -> Stop:
        return Stop(kind, self._name(kind), state, word)

    def _name(self, kind: str) -> str:
        if kind not in {StationKind.QUEUED, OTHER_QUEUE}:
            return _NAMES[kind]
        is_known = StationKind.QUEUED not in self._reached or self._queue_kind is not None
        if not is_known:
            return _NAMES[StationKind.QUEUED]
        is_for_human = self._queue_kind is QueueKind.HANDOFF
        is_human_stop = is_for_human == (kind == StationKind.QUEUED)
        return _QUEUED_FOR[QueueKind.HANDOFF if is_human_stop else QueueKind.REPLIES]

    @property
    def _queue_kind(self) -> QueueKind | None:
        queue = self._detail(StationKind.QUEUED, "queue")
        return QueueName.parse(str(queue)).kind if queue else None

    @property
    def _was_moved(self) -> bool:
        """Whether it lay on the other queue before, from which alone it can come."""
        publication = self._detail(StationKind.QUEUED, "publication")
        return isinstance(publication, int) and publication > 1

    @property
    def _was_quick(self) -> bool:
        """Whether it was recorded as soon as it came. Of an unrecorded one all is stored."""
        received, recorded = (
            self._stations.get(kind) for kind in (StationKind.RECEIVED, StationKind.RECORDED)
        )
        if recorded is None:
            return self._state is not TraceState.ERASED
        times = (received.at if received else None, recorded.at)
        return times[0] is not None and times[1] is not None and times[1] - times[0] < _QUICK

    def _detail(self, kind: str, name: str) -> object:
        station = self._stations.get(kind)
        return station.details.get(name) if station else None
