"""Claim check (Enterprise Integration Patterns): what is too large for a queue waits in a store."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from application.ports.blobs import BlobStore
from domain.context import ContextObject
from domain.erasure import contexts_folder
from domain.errors import QueueRoutingError, StorageUnavailableError
from domain.messages import Attachment, Metadata, cut_to_bytes
from infrastructure.serialization.context_json import context_to_json

QUEUE_LIMIT_BYTES = 256 * 1024
ATTRIBUTES_RESERVE_BYTES = 4 * 1024
"""What a queue adds to a message counts too: attributes, group and deduplication ids."""

DEFAULT_LIMIT_BYTES = QUEUE_LIMIT_BYTES - ATTRIBUTES_RESERVE_BYTES
PREVIEW_BYTES = 1024

_METADATA: TypeAdapter[Metadata] = TypeAdapter(Metadata)
_ATTACHMENTS: TypeAdapter[tuple[Attachment, ...]] = TypeAdapter(tuple[Attachment, ...])


class ClaimCheck:
    """Encodes contexts for a queue that takes at most ``limit_bytes`` of JSON in UTF-8.

    Of anything larger the body goes to the blob store, then the metadata, then the list of
    attachments, then the subject, until the rest fits: see ``body_reference`` and
    ``metadata_reference`` of the message, and in its metadata ``attachments_reference`` and
    ``subject_reference``. A body or subject leaves a preview of at most 1 KB behind.
    """

    def __init__(self, blobs: BlobStore, limit_bytes: int = DEFAULT_LIMIT_BYTES) -> None:
        self._blobs = blobs
        self._limit_bytes = limit_bytes

    def __call__(self, context: ContextObject) -> str:
        """The JSON of ``context``, once its large parts are stored.

        Raises ``QueueRoutingError`` if a part cannot be stored, or no form of it fits.
        """
        try:
            return self._fitting(context)
        except StorageUnavailableError as error:
            raise QueueRoutingError("a part of the context could not be stored") from error

    def _fitting(self, context: ContextObject) -> str:
        steps: tuple[Callable[[ContextObject], ContextObject], ...] = (
            lambda whole: whole,
            self._with_body_stored,
            self._with_metadata_stored,
            self._with_attachments_stored,
            self._with_subject_stored,
        )
        for step in steps:
            context = step(context)
            # A body that is too long by itself need not be encoded: it may be 30 MB of text.
            if len(context.message.body) <= self._limit_bytes:
                text = context_to_json(context)
                if len(text.encode()) <= self._limit_bytes:
                    return text
        raise QueueRoutingError("the context is too large for its queue in every form")

    def _with_body_stored(self, context: ContextObject) -> ContextObject:
        body = context.message.body
        preview = cut_to_bytes(body, PREVIEW_BYTES)
        if preview == body:
            return context
        reference = self._stored(context, "body", body.encode())
        return _changed(context, body=preview, body_truncated=True, body_reference=reference)

    def _with_metadata_stored(self, context: ContextObject) -> ContextObject:
        content = _METADATA.dump_json(context.message.metadata)
        reference = self._stored(context, "metadata", content)
        return _changed(context, metadata={}, metadata_reference=reference)

    def _with_attachments_stored(self, context: ContextObject) -> ContextObject:
        attachments = context.message.attachments
        if not attachments:
            return context
        reference = self._stored(context, "attachments", _ATTACHMENTS.dump_json(attachments))
        metadata = {**context.message.metadata, "attachments_reference": reference}
        return _changed(context, attachments=(), metadata=metadata)

    def _with_subject_stored(self, context: ContextObject) -> ContextObject:
        subject = context.message.subject or ""
        preview = cut_to_bytes(subject, PREVIEW_BYTES)
        if preview == subject:
            return context
        reference = self._stored(context, "subject", subject.encode())
        metadata = {**context.message.metadata, "subject_reference": reference}
        return _changed(context, subject=preview, metadata=metadata)

    def _stored(self, context: ContextObject, part: str, content: bytes) -> str:
        """Store a part under a key that is the same on every republish of the message."""
        return self._blobs.put(f"{contexts_folder(context.request_id)}/{part}", content)


def _changed(
    context: ContextObject,
    **changes: Any,  # noqa: ANN401 - fields of the message, as replace takes them
) -> ContextObject:
    """``context`` with ``changes`` of its message."""
    return replace(context, message=replace(context.message, **changes))
