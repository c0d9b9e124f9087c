"""What is kept of a message, and the little that is left of it once it is erased."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from domain.addresses import Address
from domain.messages import ConversationKey, InboundMessage, MessageRecord, MessageState

_MARK_DIGITS = 4


def author_mark(request_id: str, sender: Address) -> str:
    """16 bits of a hash of a message's author: four hex digits.

    Enough to tell another author from this one, far too little to say who it was: thousands
    of people share each mark, and each message has marks of its own.
    """
    return hashlib.sha256(f"{request_id} {sender.value}".encode()).hexdigest()[:_MARK_DIGITS]


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of an erased message: its key, so that it is a duplicate for ever.

    Nothing says who wrote it or what it said.
    """

    request_id: str
    author_mark: str

    def is_by(self, sender: Address) -> bool:
        """Whether ``sender`` may be the author: of 65,536 others one seems to be."""
        return self.author_mark == author_mark(self.request_id, sender)


@dataclass(frozen=True, slots=True)
class RetainedMessage:
    """A message that has not been erased, or an imported entry: all that leads to its traces.

    ``key`` is the request id of a message, or the key of an imported entry. ``message`` has
    neither body nor metadata. An entry has no message and no state, and a message that cannot
    be read any more is missing.
    """

    key: str
    timestamp: datetime
    conversation: ConversationKey | None
    state: MessageState | None = None
    message: InboundMessage | None = None

    @classmethod
    def of(cls, record: MessageRecord) -> "RetainedMessage":
        """What there is to erase of ``record``."""
        return cls(
            key=record.request_id,
            timestamp=record.message.received_at,
            conversation=record.conversation,
            state=record.state,
            message=record.message,
        )

    @property
    def is_imported(self) -> bool:
        """Whether it was imported, and so was never recorded as a message."""
        return self.state is None

    @property
    def blob_folders(self) -> tuple[str, ...]:
        """Where its files lie, and what was too large for a queue."""
        if self.message is None:
            return ()
        contexts = contexts_folder(self.key)
        has_files = any(file.reference for file in self.message.attachments)
        return (attachments_folder(self.message), contexts) if has_files else (contexts,)

    @property
    def author_mark(self) -> str:
        """See ``author_mark``; empty without a message, so that no sender matches it."""
        return author_mark(self.key, self.message.sender) if self.message else ""


def attachments_folder(message: InboundMessage) -> str:
    """Where the files of ``message`` are kept, and no other message's."""
    return f"attachments/{message.source_key}"


def contexts_folder(request_id: str) -> str:
    """Where the parts of a context are kept that are too large for its queue."""
    return f"contexts/{request_id}"
