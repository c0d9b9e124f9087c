"""What is kept of a message, and the little that is left of it once it is erased."""

from dataclasses import dataclass
from datetime import datetime

from domain.idempotency import idempotency_hash, text_hash
from domain.messages import ConversationKey, InboundMessage, MessageRecord, MessageState

_MARK_DIGITS = 4


def content_marks(request_id: str, message: InboundMessage) -> str | None:
    """Three marks of a mail: of its author, its subject and its text; ``None`` on other channels.

    Each mark is 16 bits of a hash with the request id: four hex digits. Enough to tell another
    mail from this one, far too little to say who wrote it or what it said: thousands of people
    share each mark, and each message has marks of its own.
    """
    if not message.channel.rules.author_chooses_message_id:
        return None
    parts = {"author": message.sender.value, "subject": message.subject, "text": message.body}
    hashes = (
        idempotency_hash([request_id, name, text_hash(part or "")]) for name, part in parts.items()
    )
    return "-".join(digits[:_MARK_DIGITS] for digits in hashes)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of an erased message: its key, so that it is a duplicate for ever.

    Nothing says who wrote it or what it said. ``marks`` tell another mail with its id from it.
    """

    request_id: str
    marks: str | None

    def is_another_than(self, message: InboundMessage) -> bool:
        """Whether ``message``, which has the same message id, is not the erased one once more.

        The rule is that of ``MessageRecord``. In one of 65,536 cases two authors
        have one mark.
        """
        marks = content_marks(self.request_id, message)
        if not (self.marks and marks):
            return False
        author, subject, text = map(str.__ne__, self.marks.split("-"), marks.split("-"))
        return author or (subject and text)


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


def attachments_folder(message: InboundMessage) -> str:
    """Where the files of ``message`` are kept, and no other message's."""
    return f"attachments/{message.source_key}"


def contexts_folder(request_id: str) -> str:
    """Where the parts of a context are kept that are too large for its queue."""
    return f"contexts/{request_id}"


def own_contexts_folder(message: InboundMessage) -> str:
    """The folder in it that no other message has which claims the same id."""
    return f"{contexts_folder(message.request_id)}/{message.source_key[:32]}"
