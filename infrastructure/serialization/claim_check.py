"""Claim check (Enterprise Integration Patterns): what is too large for a queue waits in a store."""

from collections.abc import Callable
from dataclasses import replace

from pydantic import TypeAdapter
from typing_extensions import override

from application.ports.blobs import BlobStore
from application.ports.context_queue import ContextPublisher
from domain.context import ContextObject
from domain.erasure import contexts_folder
from domain.errors import QueueRoutingError, StorageUnavailableError
from domain.history import Metadata, cut_to_bytes
from domain.messages import Attachment
from domain.routing import Route
from infrastructure.serialization.context_json import context_to_json

QUEUE_LIMIT_BYTES = 256 * 1024
ATTRIBUTES_RESERVE_BYTES = 4 * 1024
"""What a queue adds to a message counts too: attributes, group and deduplication ids."""

DEFAULT_LIMIT_BYTES = QUEUE_LIMIT_BYTES - ATTRIBUTES_RESERVE_BYTES
PREVIEW_BYTES = 1024

_METADATA: TypeAdapter[Metadata] = TypeAdapter(Metadata)
_ATTACHMENTS: TypeAdapter[tuple[Attachment, ...]] = TypeAdapter(tuple[Attachment, ...])


class ClaimCheckPublisher(ContextPublisher):
    """Publishes through ``publisher`` what is at most ``limit_bytes`` of JSON in UTF-8.

    Of anything larger the body goes to the blob store, then the metadata, then the list of
    attachments, then the subject, until the rest fits: see ``body_reference`` and
    ``metadata_reference`` of the message, and in its metadata ``attachments_reference`` and
    ``subject_reference``. A body or subject leaves a preview of at most 1 KB behind.
    """

    def __init__(
        self, publisher: ContextPublisher, blobs: BlobStore, limit_bytes: int = DEFAULT_LIMIT_BYTES
    ) -> None:
        self._publisher = publisher
        self._blobs = blobs
        self._limit_bytes = limit_bytes

    @override
    def publish(self, context: ContextObject, route: Route) -> None:
        try:
            fitting = self._fitted(context)
        except StorageUnavailableError as error:
            raise QueueRoutingError("a part of the context could not be stored") from error
        self._publisher.publish(fitting, route)

    @override
    def erase(self, request_id: str) -> int:
        """The context goes last: it leads to its parts."""
        return self._blobs.delete(contexts_folder(request_id)) + self._publisher.erase(request_id)

    def _fitted(self, context: ContextObject) -> ContextObject:
        steps: tuple[Callable[[ContextObject], ContextObject], ...] = (
            self._with_body_stored,
            self._with_metadata_stored,
            self._with_attachments_stored,
            self._with_subject_stored,
        )
        for step in steps:
            if self._fits(context):
                return context
            context = step(context)
        if not self._fits(context):
            raise QueueRoutingError("the context is too large for its queue in every form")
        return context

    def _fits(self, context: ContextObject) -> bool:
        if len(context.message.body) > self._limit_bytes:
            # Nothing need be written to know that: it may be 30 MB of text.
            return False
        return len(context_to_json(context).encode()) <= self._limit_bytes

    def _with_body_stored(self, context: ContextObject) -> ContextObject:
        preview = cut_to_bytes(context.message.body, PREVIEW_BYTES)
        if preview == context.message.body:
            return context
        message = replace(
            context.message,
            body=preview,
            body_truncated=True,
            body_reference=self._stored(context, "body", context.message.body.encode()),
        )
        return replace(context, message=message)

    def _with_metadata_stored(self, context: ContextObject) -> ContextObject:
        content = _METADATA.dump_json(context.message.metadata)
        message = replace(
            context.message,
            metadata={},
            metadata_reference=self._stored(context, "metadata", content),
        )
        return replace(context, message=message)

    def _with_attachments_stored(self, context: ContextObject) -> ContextObject:
        if not context.message.attachments:
            return context
        content = _ATTACHMENTS.dump_json(context.message.attachments)
        reference = self._stored(context, "attachments", content)
        message = replace(
            context.message,
            attachments=(),
            metadata={**context.message.metadata, "attachments_reference": reference},
        )
        return replace(context, message=message)

    def _with_subject_stored(self, context: ContextObject) -> ContextObject:
        subject = context.message.subject or ""
        preview = cut_to_bytes(subject, PREVIEW_BYTES)
        if preview == subject:
            return context
        reference = self._stored(context, "subject", subject.encode())
        message = replace(
            context.message,
            subject=preview,
            metadata={**context.message.metadata, "subject_reference": reference},
        )
        return replace(context, message=message)

    def _stored(self, context: ContextObject, part: str, content: bytes) -> str:
        """Store a part under a key that is the same on every republish of the message."""
        return self._blobs.put(f"{contexts_folder(context.request_id)}/{part}", content)
