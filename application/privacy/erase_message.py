"""Erase one message: everything that it says, and everything that hangs on it."""

from dataclasses import dataclass

from application.ports.blobs import BlobStore
from application.ports.context_queue import ContextReader
from application.ports.retention import Retention
from domain.erasure import RetainedMessage, contexts_folder
from domain.outbox import MessageState


@dataclass(frozen=True, slots=True)
class Erased:
    """How much of one message was removed."""

    message: bool
    blobs: int
    contexts: int


@dataclass(frozen=True)
class EraseMessage:
    """Safe to repeat: the message goes last, because all the rest is found through it."""

    retention: Retention
    blobs: BlobStore
    contexts: ContextReader

    def __call__(self, retained: RetainedMessage) -> Erased:
        """Remove files, contexts on queues, and the content of the record; not its request id.

        A handler that publishes the message meanwhile sees afterwards that it is erased, and
        takes its context back; or it was faster, and the context is on the queue by now.
        """
        contexts = 0 if retained.is_imported else self.contexts.erase(retained.key)
        blobs = sum(map(self.blobs.delete, retained.blob_folders))
        erased = self.retention.erase(retained)
        if retained.is_imported or retained.state is MessageState.QUEUED:
            return Erased(erased, blobs, contexts)
        late = self.erase_context(retained.key)
        return Erased(erased, blobs + late.blobs, contexts + late.contexts)

    def erase_context(self, request_id: str) -> Erased:
        """Remove a context and what is stored for it, whatever became of its message."""
        blobs = self.blobs.delete(contexts_folder(request_id))
        return Erased(message=False, blobs=blobs, contexts=self.contexts.erase(request_id))
