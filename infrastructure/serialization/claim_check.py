"""Claim check (Enterprise Integration Patterns): what is too large for a queue waits in a store."""

from dataclasses import replace
from typing import Any

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
        for part in (None, "body", "metadata", "attachments", "subject"):
            context = self._with_stored(part, context) if part else context
            # A body that is too long by itself need not be encoded: it may be 30 MB of text.
            if len(context.message.body) <= self._limit_bytes:
                text = context_to_json(context)
                if len(text.encode()) <= self._limit_bytes:
                    return text
        raise QueueRoutingError("the context is too large for its queue in every form")

    def _with_stored(self, part: str, context: ContextObject) -> ContextObject:
        """``context`` with a reference to one part of its message instead of it."""
        message = context.message
        changes: dict[str, Any]
        match part:
            case "body":
                content = message.body.encode()
                changes = {"body": _preview(message.body), "body_truncated": True}
            case "metadata":
                content, changes = _json(Metadata, message.metadata), {"metadata": {}}
            case "attachments":
                content = _json(tuple[Attachment, ...], message.attachments)
                changes = {"attachments": ()}
            case _:
                subject = message.subject or ""
                content, changes = subject.encode(), {"subject": _preview(subject)}
        if getattr(message, part) in (None, changes[part]):
            return context
        # The same key on every republish of the message.
        reference = self._blobs.put(f"{contexts_folder(context.request_id)}/{part}", content)
        if part in {"body", "metadata"}:
            changes[f"{part}_reference"] = reference
        else:
            changes["metadata"] = {**message.metadata, f"{part}_reference": reference}
        return replace(context, message=replace(message, **changes))


def _json(kind: Any, value: object) -> bytes:  # noqa: ANN401 - as pydantic takes a type
    # Hardly any context is that large: the others do not wait for the import.
    from pydantic import TypeAdapter

    return TypeAdapter(kind).dump_json(value)


def _preview(text: str) -> str:
    return cut_to_bytes(text, PREVIEW_BYTES)
