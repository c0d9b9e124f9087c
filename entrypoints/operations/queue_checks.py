"""Does anything consume what waits on the queues?"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from application.ports.checks import CheckStatus
from application.ports.context_queue import QueueDepth
from application.tracing.wording import duration
from domain.times import readable
from entrypoints.composition.container import Container

LONGEST_WAIT = timedelta(minutes=15)
"""How long a context may wait before it seems that no consumer runs; the alarm's default too."""

Found = tuple[CheckStatus, str]


def check_consumers(container: Container) -> Iterator[Found]:
    """A line for each queue whose oldest context is old, and one for all others."""
    now = container.clock()()
    waiting = [depth for depth in container.context_queue().depths() if waiting_on(depth)]
    late = [depth for depth in waiting if is_late(depth, now)]
    for depth in late:
        yield CheckStatus.WARNING, _late_line(depth, now)
    ageless = [depth for depth in waiting if depth.oldest_at is None]
    if ageless:
        yield (
            CheckStatus.SKIPPED,
            f"{_counts(ageless, now)}: the backend does not say since when; on SQS see "
            "ApproximateAgeOfOldestMessage of each queue in CloudWatch, and the alarm queue-age",
        )
    if busy := [depth for depth in waiting if depth not in (*late, *ageless)]:
        yield CheckStatus.OK, _counts(busy, now)
    if not waiting:
        yield CheckStatus.OK, "all six queues are empty"


def waiting_on(depth: QueueDepth) -> int:
    """How many contexts are on the queue, whatever they wait for."""
    return depth.ready + depth.delayed + depth.in_flight


def is_late(depth: QueueDepth, now: datetime) -> bool:
    """Whether a context is there for longer than ``LONGEST_WAIT``, or will be."""
    could_be_done = depth.ready or depth.in_flight
    is_old = bool(could_be_done and depth.oldest_at and now - depth.oldest_at > LONGEST_WAIT)
    return is_old or held_seconds(depth, now) > LONGEST_WAIT.total_seconds()


def held_seconds(depth: QueueDepth, now: datetime) -> float:
    """For how long a taken context is still kept from other consumers, as far as is known."""
    return (depth.held_until - now).total_seconds() if depth.held_until else 0.0


def _counts(depths: Sequence[QueueDepth], now: datetime) -> str:
    return ", ".join(
        f"{depth.queue} {waiting_on(depth)}"
        + (f" (oldest {_minutes(now - depth.oldest_at)})" if depth.oldest_at else "")
        for depth in depths
    )


def _late_line(depth: QueueDepth, now: datetime) -> str:
    oldest_at = depth.oldest_at or now
    cause, remedy = late_words(str(depth.queue), depth.in_flight, held_seconds(depth, now))
    return (
        f"{depth.queue}: {depth.ready} ready, {depth.in_flight} taken, the oldest is there since "
        f"{readable(oldest_at)} ({_minutes(now - oldest_at)}): {cause}. "
        f"{remedy.removesuffix('.')}"
    )


def why_late(taken: float, held_seconds: float) -> str:
    """What is probably wrong with the consumer of a queue, and what to do: in sentences."""
    return ". ".join(late_words("this queue", taken, held_seconds))


def late_words(queue: str, taken: float, held_seconds: float) -> tuple[str, str]:
    """What is probably wrong with the consumer of ``queue``, on which a context is late.

    Then what to do about it, in sentences. ``taken`` are the contexts that the consumer has, and
    has not acknowledged, and ``held_seconds`` is for how long it still keeps one of them.
    """
    if held_seconds > LONGEST_WAIT.total_seconds():
        return (
            f"a consumer took a context and keeps it for {duration(held_seconds)} more, or until "
            "it acknowledges it",
            "Restart the consumer that took it. The context comes back after that time all the "
            "same: answer by hand if that is too late. Let the consumer take contexts for a "
            "shorter time.",
        )
    if taken:
        return (
            "a consumer takes contexts and does not acknowledge all",
            f"See in the log of the consumer of {queue} why, and repair it.",
        )
    return "no consumer takes its contexts", f"Start or repair the consumer of {queue}."


def _minutes(waiting: timedelta) -> str:
    minutes = max(waiting // timedelta(minutes=1), 0)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"  # noqa: PLR2004 - two hours
