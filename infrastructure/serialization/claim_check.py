"""The claim check over a blob store."""

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from typing_extensions import override

from application.ports.blobs import BlobStore
from application.ports.claim_check import ClaimCheck
from domain.context import MessageContext
from domain.erasure import contexts_folder
from domain.errors import QueueRoutingError, StorageUnavailableError
from domain.idempotency import text_hash
from domain.messages import InboundMessage, cut_to_bytes
from infrastructure.serialization.context_json import (
    attachments_to_json,
    message_to_json,
    metadata_to_json,
)

QUEUE_LIMIT_BYTES = 256 * 1024
ATTRIBUTES_RESERVE_BYTES = 4 * 1024
"""What a queue adds to a message counts too: attributes, group and deduplication ids."""

CONVERSATION_RESERVE_BYTES = 16 * 1024
"""What the rest of a context may have: the conversation and the company."""

DEFAULT_LIMIT_BYTES = QUEUE_LIMIT_BYTES - ATTRIBUTES_RESERVE_BYTES - CONVERSATION_RESERVE_BYTES
PREVIEW_BYTES = 1024

_LONGEST_CHARACTER_BYTES = 6
"""In JSON, as an escape: what is longer in UTF-8 is not escaped."""

_PARTS = ("body", "metadata", "attachments", "subject")


@dataclass(frozen=True)
class BlobClaimCheck(ClaimCheck):
    """Leaves at most ``limit_bytes`` of a message in its context, as JSON in UTF-8.

    Of anything larger the body goes to the blob store, then the metadata, then the list of
    attachments, then the subject, until the rest fits: see ``body_reference`` and
    ``metadata_reference`` of the message, and in its metadata ``attachments_reference`` and
    ``subject_reference``. A body or subject leaves a preview of at most 1 KB behind.
    """

    blobs: BlobStore
    limit_bytes: int = DEFAULT_LIMIT_BYTES

    @override
    def store(self, message: InboundMessage) -> MessageContext:
        content = MessageContext.of(message)
        if self._fits(content):
            return content
        folder = _folder(message)
        try:
            for part in _PARTS:
                content = self._with_stored(part, content, folder)
                if self._fits(content):
                    return content
        except StorageUnavailableError as error:
            raise QueueRoutingError("a part of the context could not be stored") from error
        raise QueueRoutingError("the context is too large for its queue in every form")

    @override
    def delete(self, message: InboundMessage) -> None:
        if not self._fits(MessageContext.of(message)):
            self.blobs.delete(_folder(message))

    def _fits(self, content: MessageContext) -> bool:
        # Nearly all do by far: they need not be encoded to know it. Nor need a very long body.
        if len(content.body) > self.limit_bytes:
            return False
        texts = len(repr(content)) + len(content.body)
        if texts * _LONGEST_CHARACTER_BYTES <= self.limit_bytes:
            return True
        return len(message_to_json(content).encode()) <= self.limit_bytes

    def _with_stored(self, part: str, message: MessageContext, folder: str) -> MessageContext:
        """``message`` with a reference to one part of it in its place."""
        changes: dict[str, Any]
        match part:
            case "body":
                content = message.body.encode()
                changes = {"body": _preview(message.body), "body_truncated": True}
            case "metadata":
                content, changes = metadata_to_json(message.metadata).encode(), {"metadata": {}}
            case "attachments":
                content, changes = (
                    attachments_to_json(message.attachments).encode(),
                    {"attachments": ()},
                )
            case _:
                subject = message.subject or ""
                content, changes = subject.encode(), {"subject": _preview(subject)}
        if getattr(message, part) in (None, changes[part]):
            return message
        reference = self.blobs.put(f"{folder}/{part}", content)
        if part in {"body", "metadata"}:
            changes[f"{part}_reference"] = reference
        else:
            changes["metadata"] = {**message.metadata, f"{part}_reference": reference}
        return replace(message, **changes)


def _folder(message: InboundMessage) -> str:
    """Where the parts of ``message`` are, and those of no other message with its request id.

    They are stored before the store can say whether it is that message once more.
    """
    digest = hashlib.sha256(message.source_key.encode())
    # A body of 30 MB with one wide character takes 120: no copy is made of it.
    body = text_hash(message.body)
    for part in (body, message.subject, message.full_metadata, message.attachments):
        digest.update(repr(part).encode("utf-8", "surrogatepass"))
    return f"{contexts_folder(message.request_id)}/{digest.hexdigest()[:32]}"


def _preview(text: str) -> str:
    return cut_to_bytes(text, PREVIEW_BYTES)
