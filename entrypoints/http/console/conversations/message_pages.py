"""One message: all of its text, and a mail as it was designed."""

from collections.abc import Callable
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, Response

from application.conversations.open_attachment import OpenedAttachment
from application.ports.byte_stream import ByteStream
from domain.conversations import HistoryEntry, Message
from domain.errors import AttachmentNotFoundError
from domain.messages import MessageRecord
from entrypoints.composition.operations_container import OperationsContainer
from entrypoints.http.access.problems import not_found
from entrypoints.http.api.attachment_routes import MayRead
from entrypoints.http.api.dependencies import Identifier, TheContainer, TheOperations
from entrypoints.http.console.conversations.thread import Reading
from entrypoints.http.console.conversations.thread_pages import files_held
from entrypoints.http.console.page_dependencies import ThePage
from entrypoints.http.console.rendering import environment
from infrastructure.mail.mail_files import referenced_content_ids
from infrastructure.mail.safe_html import MAX_PICTURE_BYTES, SafeHtml
from infrastructure.mail.sanitizing import MAX_HTML_BYTES, sanitized

router = APIRouter(prefix="/messages/{request_id}")

MAILS_AT_ONCE = 2

_SHEET_HEADERS = {
    "content-security-policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        "frame-ancestors 'self'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


def _visible(request_id: Identifier, container: TheContainer, may_read: MayRead) -> MessageRecord:
    record = container.message_store().find_record(request_id)
    if not isinstance(record, MessageRecord) or not may_read(record):
        raise not_found("message")
    return record


VisibleMessage = Annotated[MessageRecord, Depends(_visible)]
"""The message that the path names, if the caller may see it."""


@router.get("")
def show_message(record: VisibleMessage, page: ThePage, operations: TheOperations) -> Response:
    """All of a message."""
    reading = Reading(files_held(operations), is_whole=True)
    entry = HistoryEntry(Message.of(record.message), record)
    return page("message_page.html", record=record, one=reading.shown(entry))


@router.get("/mail")
async def show_mail(
    request: Request, record: VisibleMessage, operations: TheOperations
) -> Response:
    """A mail as it was designed, for a frame: nothing of it runs, nothing is fetched."""
    index = record.message.metadata.get("html_attachment_index")
    if not isinstance(index, int):
        raise not_found("mail with a design")
    text = await to_thread.run_sync(
        lambda: _sheet_page(operations, record, index), limiter=request.app.state.mail_threads
    )
    return HTMLResponse(text, headers=_SHEET_HEADERS)


def _sheet_page(operations: OperationsContainer, record: MessageRecord, index: int) -> str:
    template = environment().get_template("mail_sheet.html")
    sheet = _sheet(operations, record, index)
    return template.render(sheet=sheet, subject=record.message.subject or "")


def _sheet(operations: OperationsContainer, record: MessageRecord, index: int) -> SafeHtml | None:
    """``None`` if the mail is too large or too costly."""

    def opened(place: int) -> OpenedAttachment:
        return operations.open_attachment()(record.request_id, place, may_read=lambda _: True)

    content = _bytes_of(opened(index).content, MAX_HTML_BYTES)
    if content is None:
        return None
    html = content.decode(errors="replace")
    return sanitized(html, _pictures(record, referenced_content_ids(html), opened))


def _pictures(
    record: MessageRecord,
    wanted: frozenset[str],
    opened: Callable[[int], OpenedAttachment],
) -> dict[str, bytes]:
    """The pictures that came with the mail and are ``wanted``, as far as they are small enough."""
    pictures: dict[str, bytes] = {}
    left = MAX_PICTURE_BYTES
    for place, attachment in enumerate(record.message.attachments):
        content_id = attachment.content_id
        if content_id in wanted and content_id not in pictures:
            try:
                content = _bytes_of(opened(place).content, left)
            except AttachmentNotFoundError:
                continue  # it is not stored any more: the mail is shown without it
            if content is not None:
                pictures[content_id] = content
                left -= len(content)
    return pictures


def _bytes_of(stream: ByteStream, most: int) -> bytes | None:
    """All of a file, or ``None`` if it is larger than ``most``."""
    content = bytearray()
    try:
        for chunk in stream:
            content += chunk
            if len(content) > most:
                return None
    finally:
        stream.close()
    return bytes(content)
