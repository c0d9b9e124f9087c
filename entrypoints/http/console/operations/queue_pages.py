"""Queues: how much waits, and a look inside that takes nothing."""

from datetime import datetime, timedelta
from time import monotonic

from fastapi import APIRouter
from starlette.responses import Response

from application.ports.context_queue import (
    ContextReader,
    QueueDepth,
    UnknownDepth,
    VisibleQueue,
    WaitingContext,
    known_depth,
    known_depths,
)
from application.ports.pages import Page as PageOfContexts
from application.tracing.wording import duration, moving, other_queue
from domain.queues import QueueName
from entrypoints.http.api.dependencies import After, TheContainer, of_no_company
from entrypoints.http.api.queue_routes import TheLook, queue_named
from entrypoints.http.console.pace import seconds_until_next
from entrypoints.http.console.page_dependencies import ThePage
from entrypoints.http.console.rendering import Page
from entrypoints.operations.queue_checks import (
    LONGEST_WAIT,
    held_seconds,
    is_late,
    waiting_on,
    why_late,
)

router = APIRouter(prefix="/queues")

PAGE_SIZE = 20
EVERY_SECONDS = 5
"""To know how much waits, the embedded queue counts it: of very much the page asks less often."""

State = tuple[str, str]
"""A word for a badge, and its kind."""


@router.get("", dependencies=[of_no_company])
def list_queues(page: ThePage, container: TheContainer) -> Response:
    """How much waits on each queue, and whether that is healthy."""
    reader = container.context_queue()
    began_at = monotonic()
    found = known_depths(reader)
    every = seconds_until_next(monotonic() - began_at, EVERY_SECONDS)
    # On a phone the last ones are far below.
    depths = sorted(found, key=_is_empty)
    return page(
        "queues.html",
        every=every,
        depths=[(depth, _state_of(depth, page.now)) for depth in depths],
        late=[
            (
                depth.queue,
                _state_of(depth, page.now)[0],
                why_late(depth.in_flight, held_seconds(depth, page.now)),
            )
            for depth in depths
            if isinstance(depth, QueueDepth) and is_late(depth, page.now)
        ],
        longest_wait=duration(LONGEST_WAIT.total_seconds()),
        reply_delay=container.settings().reply_delay_seconds,
        is_visible=isinstance(reader, VisibleQueue),
    )


@router.get("/{queue}")
def look_inside(
    queue: str, page: ThePage, container: TheContainer, look: TheLook, after: After = None
) -> Response:
    """The contexts on a queue in the order in which they will be delivered. None is taken."""
    name = queue_named(queue)
    found = look(name, PAGE_SIZE, after) if look else None
    return page(
        "queue.html",
        queue=name,
        other=other_queue(name),
        found=found,
        depth=None if look else _depth_for(page, container.context_queue(), name),
        after=after,
        waiting=[(one, _place_of(one, page.now)) for one in found.items] if found else [],
        why_held=why_late(1, held) if (held := _held_seconds(found, page.now)) else None,
        commands=moving(name),
    )


def _depth_for(
    page: Page, reader: ContextReader, queue: QueueName
) -> QueueDepth | UnknownDepth | None:
    """The depth of a queue that shows no more. It belongs to no company."""
    return known_depth(reader, queue) if page.caller.token.companies is None else None


def _held_seconds(found: PageOfContexts[WaitingContext] | None, now: datetime) -> float:
    """For how long a consumer keeps a context of this page from others; 0 if that is not long."""
    taken = (one.visible_at - now for one in (found.items if found else ()) if one.receive_count)
    longest = max(taken, default=timedelta(0))
    return longest.total_seconds() if longest > LONGEST_WAIT else 0.0


def _is_empty(depth: QueueDepth | UnknownDepth) -> bool:
    return isinstance(depth, QueueDepth) and not waiting_on(depth)


def _state_of(depth: QueueDepth | UnknownDepth, now: datetime) -> State:
    if isinstance(depth, UnknownDepth):
        return "fails", "bad"
    if not waiting_on(depth):
        return "OK", "ok"
    if is_late(depth, now):
        is_held = held_seconds(depth, now) > LONGEST_WAIT.total_seconds()
        return "held for long" if is_held else "waits too long", "warn"
    return ("age unknown", "plain") if depth.oldest_at is None else ("OK", "ok")


def _place_of(waiting: WaitingContext, now: datetime) -> State:
    """Within its time it has no colour, whatever it waits for."""
    is_long = abs(now - waiting.visible_at) > LONGEST_WAIT
    if waiting.visible_at <= now:
        word = "ready again" if waiting.receive_count else "ready"
    elif not waiting.receive_count:
        return "delayed", "plain"
    else:
        word = "taken for long" if is_long else "taken"
        is_long = is_long or now - waiting.published_at > LONGEST_WAIT
    return word, "warn" if is_long else "plain"
