"""Queues: how much waits, and a look inside that takes nothing."""

import json

from fastapi import APIRouter

from application.ports.context_queue import VisibleQueue, WaitingContext
from application.ports.pages import page_of_wanted
from domain.queues import ALL_QUEUES
from entrypoints.http.access.problems import ProblemError, not_found
from entrypoints.http.api.dependencies import (
    After,
    Limit,
    TheCaller,
    TheContainer,
    TheCursors,
    TheOperations,
    of_no_company,
)
from entrypoints.http.api.records import DepthRecord, PageRecord, WaitingRecord
from infrastructure.serialization.context_json import context_to_json

router = APIRouter(prefix="/queues", tags=["queues"])

_BY_NAME = {str(queue): queue for queue in ALL_QUEUES}


@router.get("", dependencies=[of_no_company])
def list_queues(container: TheContainer) -> PageRecord[DepthRecord]:
    """How much waits on each queue, and since when."""
    depths = tuple(
        DepthRecord(
            queue=str(depth.queue),
            ready=depth.ready,
            delayed=depth.delayed,
            in_flight=depth.in_flight,
            oldest_at=depth.oldest_at,
        )
        for depth in container.context_queue().depths()
    )
    return PageRecord[DepthRecord](items=depths, cursor=None)


@router.get(
    "/{queue}/contexts",
    responses={501: {"description": "SQS shows a context to its consumer alone"}},
)
def look_inside(
    queue: str,
    container: TheContainer,
    operations: TheOperations,
    caller: TheCaller,
    cursors: TheCursors,
    *,
    limit: Limit = 20,
    after: After = None,
) -> PageRecord[WaitingRecord]:
    """The contexts on a queue in the order in which they will be delivered. None is taken."""
    name = _BY_NAME.get(queue)
    if name is None:
        raise not_found("queue")
    context_queue = container.context_queue()
    if not isinstance(context_queue, VisibleQueue):
        raise ProblemError(501, "this backend shows a context to its consumer alone")
    company_of = operations.find_company().of_context
    page = page_of_wanted(
        lambda size, cursor: context_queue.look(name, size, after=cursor),
        lambda waiting: caller.token.may_see(company_of(waiting.context)),
        limit,
        cursors.opened(after),
    )
    return PageRecord[WaitingRecord](
        items=tuple(map(_shown, page.items)), cursor=cursors.sealed(page.cursor)
    )


def _shown(waiting: WaitingContext) -> WaitingRecord:
    return WaitingRecord(
        queue=str(waiting.queue),
        published_at=waiting.published_at,
        visible_at=waiting.visible_at,
        receive_count=waiting.receive_count,
        context=json.loads(context_to_json(waiting.context)),
    )
