"""The files that came with messages."""

from collections.abc import Callable
from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from domain.messages import MessageRecord
from entrypoints.http.api.dependencies import (
    Identifier,
    TheCaller,
    TheContainer,
    TheOperations,
)
from entrypoints.http.attachment_response import AttachmentResponse

router = APIRouter(prefix="/messages", tags=["messages"])

THREADS = 8
"""For the files that are read, and those that wait for a provider: others have their own."""

_CONTENT = {
    media_type: {"schema": {"type": "string", "format": "binary"}}
    for media_type in (
        *("application/octet-stream", "image/png", "image/jpeg"),
        *("image/gif", "image/webp"),
    )
}


def _company(
    record: MessageRecord, container: TheContainer, operations: TheOperations
) -> str | None:
    """The company of its conversation: the recipient may have changed hands since."""
    key, find_company = record.conversation, operations.find_company()
    conversation = container.conversation_store().get_conversation(key) if key else None
    if conversation is not None:
        return find_company.of_conversation(conversation)
    return find_company.of_message(record.message)


def _may_read(
    container: TheContainer, operations: TheOperations, caller: TheCaller
) -> Callable[[MessageRecord], bool]:
    return lambda record: caller.token.may_see(_company(record, container, operations))


MayRead = Annotated[Callable[[MessageRecord], bool], Depends(_may_read)]
"""Whether the caller may see a message."""


@router.get(
    "/{request_id}/attachments/{index}",
    response_class=Response,
    responses={200: {"description": "The file", "content": _CONTENT}},
)
async def open_attachment(
    request: Request,
    request_id: Identifier,
    index: Annotated[int, Path(ge=0, le=10_000, description="Its place in the list, from 0.")],
    may_read: MayRead,
    operations: TheOperations,
) -> Response:
    """A file of a message, from the store or from its provider, which may take 10 seconds.

    A browser saves it, and shows it only if its first bytes are those of a picture.
    """
    threads: CapacityLimiter = request.app.state.file_threads
    opened = await to_thread.run_sync(
        lambda: operations.open_attachment()(request_id, index, may_read=may_read),
        limiter=threads,
    )
    return AttachmentResponse(opened, threads)
