"""Erase one message: everything that it says, and everything that hangs on it."""

from dataclasses import dataclass

from application.ports.blobs import BlobStore
from application.ports.context_queue import SearchableQueue
from application.ports.retention import Retention
from domain.erasure import RetainedMessage, contexts_folder
from domain.messages import MessageState


@dataclass(frozen=True, slots=True)
class Erased:
    """How much of one message was removed."""

    message: bool
    blobs: int
    contexts: int


@dataclass(frozen=True)
class EraseMessage:
    """Safe to repeat: the message goes last, for it is how all the rest is found again.

    Without a ``queue`` that can be searched, contexts stay on their queues.
    """

    retention: Retention
    blobs: BlobStore
    queue: SearchableQueue | None

    def __call__(self, retained: RetainedMessage) -> Erased:
        """Remove files, contexts on queues, and the content of the record; not its request id.

        A handler or consumer that publishes the message meanwhile sees afterwards that it is
        erased, and takes its context back; or it was faster, and the context is on a queue by now.
        """
        contexts = 0 if retained.is_imported else self._erase_on_queues(retained.key)
        blobs = sum(map(self.blobs.delete, retained.blob_folders))
        erased = self.retention.erase(retained)
        if retained.is_imported:
            return Erased(erased, blobs, contexts)
        # A webhook that came again meanwhile has stored the files once more. The next one sees
        # that its message is erased.
        blobs += sum(map(self.blobs.delete, retained.blob_folders))
        if retained.state is MessageState.QUEUED:
            # Only a consumer that moved the context has published anything since.
            moved = self._erase_on_queues(retained.key)
            if not moved:
                return Erased(erased, blobs, contexts)
            contexts += moved
        late = self.erase_context(retained.key)
        return Erased(erased, blobs + late.blobs, contexts + late.contexts)

    def erase_context(self, request_id: str) -> Erased:
        """Remove a context and what is stored for it, whatever became of its message."""
        blobs = self.blobs.delete(contexts_folder(request_id))
        return Erased(message=False, blobs=blobs, contexts=self._erase_on_queues(request_id))

    def _erase_on_queues(self, request_id: str) -> int:
        return self.queue.erase(request_id) if self.queue else 0
