"""Queues: how much waits, and a look inside that takes nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.responses import Response

from application.ports.context_queue import (
    ContextReader,
    Delivery,
    QueueDepth,
    UnknownDepth,
    VisibleQueue,
    WaitingContext,
    known_depth,
    known_depths,
)
from application.ports.pages import Page as PageOfContexts
from application.recovery.move_context import MoveOutcome
from application.tracing.wording import duration, moving, other_queue
from domain.errors import ContextNotMovedError
from domain.queues import QueueName
from entrypoints.composition.container import Container
from entrypoints.composition.operations_container import OperationsContainer
from entrypoints.http.api.dependencies import After, TheContainer, TheOperations, of_no_company
from entrypoints.http.api.queue_routes import LookInside, TheLook, queue_named
from entrypoints.http.console.notices import Link, Notice
from entrypoints.http.console.pace import seconds_until_next
from entrypoints.http.console.page_dependencies import ThePage
from entrypoints.http.console.places import trace_page
from entrypoints.http.console.posted_forms import ThePostedForm
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

_MOST_DIGITS = 10
_TAKEN = (
    "Nothing was done: a consumer took the message meanwhile, or it is not on this queue any more."
)
_NOT_MOVED = {
    MoveOutcome.STALE: "It had been moved before, and is not here any more.",
    MoveOutcome.UNMATCHED: "Its conversation is closed or gone, so its message is unmatched now.",
    MoveOutcome.ERASED: "Its message was erased, so it is on no queue any more.",
}

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


@dataclass(frozen=True)
class _Desk:
    """What the page of a queue is made with."""

    page: Page
    container: Container
    operations: OperationsContainer
    look: LookInside | None

    def show(
        self,
        name: QueueName,
        notice: Notice | None = None,
        status: int = 200,
        after: str | None = None,
    ) -> Response:
        now, look = self.page.now, self.look
        found = look(name, PAGE_SIZE, after) if look else None
        address = f"/queues/{name}" + (f"?{urlencode({'after': after})}" if after else "")
        response = self.page(
            "queue.html",
            status,
            queue=name,
            other=other_queue(name),
            found=found,
            depth=None if look else _depth_for(self.page, self.container.context_queue(), name),
            after=after,
            waiting=[(one, _place_of(one, now)) for one in found.items] if found else [],
            why_held=why_late(1, held) if (held := _held_seconds(found, now)) else None,
            commands=moving(name),
            notice=notice,
            address=address,
        )
        if self.page.request.method == "POST":
            # The page of a trace moves a context too.
            response.headers["hx-replace-url"] = address
        return response

    def take(self, name: QueueName, request_id: str, publication: int) -> Delivery | None:
        """The context, if the caller may see it and no consumer has it."""
        reader, company_of = self.container.context_queue(), self.operations.find_company()
        may_see = self.page.caller.token.may_see
        if isinstance(reader, VisibleQueue) and any(
            one.queue == name and may_see(company_of.of_context(one.context))
            for one in reader.locate(request_id)
        ):
            return reader.take(name, request_id, publication)
        return None


def _desk(
    page: ThePage, container: TheContainer, operations: TheOperations, look: TheLook
) -> _Desk:
    return _Desk(page, container, operations, look)


_TheDesk = Annotated[_Desk, Depends(_desk)]


@router.get("/{queue}")
def look_inside(queue: str, desk: _TheDesk, after: After = None) -> Response:
    """The contexts on a queue in the order in which they will be delivered. None is taken."""
    return desk.show(queue_named(queue), after=after)


@router.post("/{queue}/move")
def move(queue: str, desk: _TheDesk, form: ThePostedForm) -> Response:
    """Take one context, which no consumer has, and put it on the other queue of its channel."""
    name = queue_named(queue)
    target, publication = other_queue(name), form.text("publication")
    taken = None
    if publication.isdecimal() and len(publication) < _MOST_DIGITS:
        taken = desk.take(name, form.text("request_id"), int(publication))
    if taken is None:
        return desk.show(name, Notice(_TAKEN, "warn"), 409)
    try:
        outcome = desk.operations.move_context()(taken.key, target.kind)
    except ContextNotMovedError as error:
        return desk.show(name, Notice(f"Not moved: {error}.", "warn"), 409)
    if outcome is MoveOutcome.MOVED:
        links = (
            Link(f"/queues/{target}", f"See what waits on {target}"),
            Link(trace_page(form.text("request_id")), "Trace this message"),
        )
        return desk.show(name, Notice(f"Moved to {target}.", links=links))
    return desk.show(name, Notice(_NOT_MOVED[outcome], "warn"))


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
