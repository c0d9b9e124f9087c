"""Messages: as a provider delivers them, as the store records them, as the history shows them."""

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

from domain.addresses import Address
from domain.automated_mail import NotableHeaders
from domain.channels import ChannelType
from domain.history import ConversationKey, Direction, Message, Metadata


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that came with a message.

    Either the provider holds it (``url``; fetching may need the company's credentials) or
    Frontdesk stored it (``reference``, as the blob store names it). ``filename`` is what the
    sender called it: a label to show, never a path.
    """

    content_type: str
    filename: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    content_id: str | None = None
    inline: bool = False
    url: str | None = None
    reference: str | None = None

    @property
    def metadata(self) -> Metadata:
        """What is known about the file, under the names of the attributes."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name: value for name, value in values if value not in (None, False)}


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """An attachment whose bytes arrived inside the webhook and still have to be stored."""

    attachment: Attachment
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a message was sent to.

    ``verbatim`` is the provider's text. ``keys`` are the normalised forms under which a
    conversation or the tenant directory may know it, most specific first: the address, then
    a Messaging Service or a mail domain.
    """

    verbatim: str
    address: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """What a customer wrote, as an authenticated provider account delivered it.

    ``account`` is the provider account that the signature proved. ``sender`` is the address
    to answer; ``identities`` are the addresses that identify the sender, best first (a
    WhatsApp user id before the phone number that may change or be hidden).
    ``provider_message_id`` is the provider's id, or a hash of the content where there is none.
    ``received_at`` is when Frontdesk received it: providers do not sign a time, and clocks of
    senders lie.
    """

    channel: ChannelType
    account: str
    provider_message_id: str
    sender: Address
    sender_verbatim: str
    identities: tuple[Address, ...]
    recipient: Recipient
    body: str
    received_at: datetime
    subject: str | None = None
    attachments: tuple[Attachment, ...] = ()
    metadata: Metadata = field(default_factory=dict)
    thread_references: tuple[str, ...] = ()
    author_authenticated: bool = True
    opt_out_type: str | None = None
    mail: NotableHeaders | None = None

    @property
    def request_id(self) -> str:
        """The key under which this message is recorded once, ever: a UUID.

        Independent of the conversation, so that a message cannot enter twice by way of
        another one. Mail is delivered per recipient, so there the recipient is part of it.
        """
        return request_id_of(self._idempotency_parts)

    @property
    def source_key(self) -> str:
        """The name under which what came with this message is stored: 64 hex digits.

        Another one for each recipient of a mail, as each has a message of its own, and for each
        author, whatever message id a mail claims: what belongs to one message can be deleted
        without touching another's.
        """
        return idempotency_hash([*self._idempotency_parts, self.sender.value])

    @property
    def _idempotency_parts(self) -> list[str]:
        parts = [self.channel, self.account, self.provider_message_id]
        if self.channel.rules.one_message_per_recipient:
            parts.append(self.recipient.address)
        return parts

    @property
    def is_automated(self) -> bool:
        """Whether a program wrote it; only mail tells."""
        return "automated" in self.metadata

    @property
    def is_of_unknown_author(self) -> bool:
        """Whether a mailing list sent it without a word about who wrote it."""
        return self.metadata.get("rewritten_from") == self.sender.value

    @property
    def author_addresses(self) -> tuple[Address, ...]:
        """Every address that its author is known by."""
        return (self.sender, *self.identities)

    @property
    def provider_files(self) -> tuple[str, ...]:
        """The URLs of files that the provider holds."""
        return tuple(file.url for file in self.attachments if file.url)

    @property
    def log_id(self) -> str:
        """The provider's id as logs may show it: of mail a hash, for the author chose the id."""
        if not self.channel.rules.author_chooses_message_id:
            return self.provider_message_id
        return f"sha256:{hashlib.sha256(self.provider_message_id.encode()).hexdigest()[:32]}"

    @property
    def look_up_values(self) -> tuple[str, ...]:
        """Every value under which a conversation of this sender may be filed, best first."""
        values = (value for identity in self.identities for value in identity.look_up_values)
        return tuple(dict.fromkeys(values))

    @property
    def thread_id(self) -> str | None:
        """The mail that began this message's thread; ``None`` on channels without threads."""
        if not self.channel.rules.has_threads:
            return None
        return next(iter(self.thread_references), self.provider_message_id)

    @property
    def full_metadata(self) -> Metadata:
        """The metadata, and who wrote to whom in the provider's own words."""
        addresses = {"sender": self.sender_verbatim, "recipient": self.recipient.verbatim}
        return {**self.metadata, **addresses}

    def in_history(self) -> "Message":
        """This message as an entry of its conversation's history.

        What an entry has no attribute for is in its metadata: ``subject`` and ``attachments``.
        """
        extras: dict[str, object] = {}
        if self.subject is not None:
            extras["subject"] = self.subject
        if self.attachments:
            extras["attachments"] = [attachment.metadata for attachment in self.attachments]
        return Message(
            message_id=self.provider_message_id,
            direction=Direction.INBOUND,
            content=self.body,
            timestamp=self.received_at,
            channel_type=self.channel,
            metadata={**self.full_metadata, **extras},
        )


def imported_key(conversation: ConversationKey, message: Message) -> str:
    """The key under which an entry of an older system's history is imported: a UUID.

    The content is part of it, since other systems may give an id twice, or none. It is never
    the request id of an inbound message, which is made of other parts.
    """
    parts = ["imported", conversation.conversation_id, conversation.primary_channel]
    parts += [message.direction, message.message_id, message.content]
    return request_id_of(parts)


def request_id_of(parts: Sequence[str]) -> str:
    """The key of a record that is made of ``parts``: a UUID of version 8 (RFC 9562, 5.8).

    Its 122 free bits are the first 122 bits of the parts' hash. The same parts always give
    the same key, so the record can be read without an index.
    """
    free = int(idempotency_hash(parts)[:32], base=16) >> 6
    high, middle, low = free >> 74, free >> 62 & 0xFFF, free & (1 << 62) - 1
    return str(uuid.UUID(int=high << 80 | 8 << 76 | middle << 64 | 2 << 62 | low))


def idempotency_hash(parts: Sequence[str]) -> str:
    """64 hex digits for ``parts``, which cannot flow into each other."""
    return hashlib.sha256(json.dumps(list(parts)).encode()).hexdigest()
