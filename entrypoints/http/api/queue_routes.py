"""Queues: how much waits, and a look inside that takes nothing."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends

from application.ports.context_queue import (
    QueueDepth,
    UnknownDepth,
    VisibleQueue,
    WaitingContext,
    known_depths,
)
from application.ports.pages import Page, page_of_wanted
from domain.queues import ALL_QUEUES, QueueName
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


def queue_named(text: str) -> QueueName:
    """The queue with this name. Raises ``ProblemError`` (404)."""
    name = _BY_NAME.get(text)
    if name is None:
        raise not_found("queue")
    return name


LookInside = Callable[[QueueName, int, str | None], Page[WaitingContext]]
"""Reads a page of the contexts on a queue: at most how many, after which sealed cursor."""


def _look(
    container: TheContainer, operations: TheOperations, caller: TheCaller, cursors: TheCursors
) -> LookInside | None:
    reader, company_of = container.context_queue(), operations.find_company().of_context
    if not isinstance(reader, VisibleQueue):
        return None

    def look(name: QueueName, limit: int, after: str | None) -> Page[WaitingContext]:
        page = page_of_wanted(
            lambda size, cursor: reader.look(name, size, after=cursor),
            lambda waiting: caller.token.may_see(company_of(waiting.context)),
            limit,
            cursors.opened(after),
        )
        return replace(page, cursor=cursors.sealed(page.cursor))

    return look


TheLook = Annotated[LookInside | None, Depends(_look)]
"""A look at the contexts that the caller may see; ``None`` where the backend shows none."""


@router.get("", dependencies=[of_no_company])
def list_queues(container: TheContainer) -> PageRecord[DepthRecord]:
    """How much waits on each queue, and since when."""
    depths = tuple(map(_depth, known_depths(container.context_queue())))
    return PageRecord[DepthRecord](items=depths, cursor=None)


def _depth(depth: QueueDepth | UnknownDepth) -> DepthRecord:
    if isinstance(depth, UnknownDepth):
        return DepthRecord(queue=str(depth.queue), error=depth.reason)
    return DepthRecord(
        queue=str(depth.queue),
        ready=depth.ready,
        delayed=depth.delayed,
        in_flight=depth.in_flight,
        oldest_at=depth.oldest_at,
    )


@router.get(
    "/{queue}/contexts",
    responses={501: {"description": "SQS shows a context to its consumer alone"}},
)
def look_inside(
    queue: str, look: TheLook, limit: Limit = 20, after: After = None
) -> PageRecord[WaitingRecord]:
    """The contexts on a queue in the order in which they will be delivered. None is taken."""
    name = queue_named(queue)
    if look is None:
        raise ProblemError(501, "this backend shows a context to its consumer alone")
    page = look(name, limit, after)
    return PageRecord[WaitingRecord](items=tuple(map(_shown, page.items)), cursor=page.cursor)


def _shown(waiting: WaitingContext) -> WaitingRecord:
    return WaitingRecord(
        queue=str(waiting.queue),
        published_at=waiting.published_at,
        visible_at=waiting.visible_at,
        receive_count=waiting.receive_count,
        context=json.loads(context_to_json(waiting.context)),
    )
