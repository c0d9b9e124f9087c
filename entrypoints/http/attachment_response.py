"""The answer that carries a file of a message, so that it does no harm where it arrives."""

import asyncio
import logging
from collections.abc import AsyncIterator
from urllib.parse import quote

from anyio import CapacityLimiter, to_thread
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from application.conversations.open_attachment import OpenedAttachment
from application.ports.byte_stream import ByteStream
from domain.errors import WebhookHandlerError, safe_reason

logger = logging.getLogger(__name__)

SEND_SECONDS = 300.0
"""How long a reader may take for one file, and hold a place that others wait for."""

_UNQUOTED = "!#$&+-.^_`|~"
"""What RFC 8187 leaves as it is, beside letters and digits."""


class AttachmentResponse(StreamingResponse):
    """Sends an opened file, a chunk at a time, and closes it whatever happens.

    A file that breaks off ends the connection: the reader must not take it for whole. ``threads``
    are for files alone, so that a slow provider keeps no other request waiting.
    """

    def __init__(self, opened: OpenedAttachment, threads: CapacityLimiter) -> None:
        super().__init__(
            _chunks(opened.content, threads),
            headers=attachment_headers(opened),
            media_type=opened.media_type,
        )
        self._content = opened.content

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await super().__call__(scope, receive, send)
        except TimeoutError:
            _log_end("its reader took too long")
        except WebhookHandlerError as error:
            _log_end(safe_reason(error))
        finally:
            # On a thread, for it waits while another thread reads. The loop does not wait for it.
            asyncio.get_running_loop().run_in_executor(None, self._content.close)


async def _chunks(content: ByteStream, threads: CapacityLimiter) -> AsyncIterator[bytes]:
    while (chunk := await to_thread.run_sync(next, content, None, limiter=threads)) is not None:
        yield chunk


def _log_end(reason: str) -> None:
    """The status has been sent. What is left is to say why the rest never came."""
    logger.warning("attachment broke off", extra={"reason": reason})


def attachment_headers(opened: OpenedAttachment) -> dict[str, str]:
    """What tells a browser to save a file, or at most to show a picture, and to run nothing.

    No cache keeps it: it may be erased.
    """
    headers = {
        "Content-Disposition": content_disposition(
            "inline" if opened.may_be_shown else "attachment", opened.file_name
        ),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; frame-ancestors 'none'",
        "Cache-Control": "private, no-store",
    }
    size = opened.content.size_bytes
    return headers if size is None else {**headers, "Content-Length": str(size)}


def content_disposition(kind: str, file_name: str) -> str:
    """The header of RFC 6266: the name in ASCII, and where that is not all of it, in UTF-8."""
    plain = "".join(
        c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in file_name
    )
    value = f'{kind}; filename="{plain}"'
    if plain == file_name:
        return value
    return f"{value}; filename*=UTF-8''{quote(file_name, safe=_UNQUOTED)}"
