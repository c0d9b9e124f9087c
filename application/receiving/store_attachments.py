"""Store the files that came inside a webhook, before any record names them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from application.clock import Deadline
from application.ports.blobs import BlobStore
from application.ports.webhook_parser import ParsedMessage
from domain.erasure import attachments_folder
from domain.messages import InboundMessage


@dataclass(frozen=True)
class StoreFiles:
    """Stores the files of each message under that message, so that they go when it goes."""

    blobs: BlobStore

    def __call__(
        self, parsed: Sequence[ParsedMessage], deadline: Deadline
    ) -> tuple[InboundMessage, ...]:
        """The messages of one webhook, with references to their files.

        A key holds the hash of the content: a retry finds its files in place, and a forged
        repetition of a message id cannot replace them. Raises ``TemporaryError``.
        """
        references: dict[str, str] = {}
        for one in parsed:
            for file in one.files:
                key = _key(one.message, file.attachment.sha256)
                if key not in references:
                    deadline.check()
                    references[key] = self.blobs.put(key, file.content)
        return tuple(_with_references(one, references) for one in parsed)

    def delete(self, message: InboundMessage) -> None:
        """Delete the files of a message that was erased before: nothing refers to them."""
        self.blobs.delete(attachments_folder(message))


def _key(message: InboundMessage, sha256: str | None) -> str:
    return f"{attachments_folder(message)}/{sha256}"


def _with_references(parsed: ParsedMessage, references: dict[str, str]) -> InboundMessage:
    message = parsed.message
    stored = tuple(
        replace(file.attachment, reference=references[_key(message, file.attachment.sha256)])
        for file in parsed.files
    )
    return replace(message, attachments=message.attachments + stored) if stored else message
