"""Messages: as a provider delivers them, and as the store records them."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

from domain.addresses import Address
from domain.automated_mail import NotableHeaders
from domain.channels import ChannelType
from domain.idempotency import idempotency_hash, request_id_of
from domain.queues import QueueName
from domain.trail import NO_TRAIL, Trail

Metadata = Mapping[str, object]
"""What is known about a message, in JSON types."""


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


@dataclass(frozen=True)
class InboundMessage:
    """What a customer wrote, as an authenticated provider account delivered it.

    ``account`` is the provider account that the signature proved. ``sender`` is the address
    to answer; ``identities`` are the addresses that identify the sender, best first (a
    WhatsApp user id before the phone number that may change or be hidden).
    ``provider_message_id`` is the provider's id, or a hash of the content where there is none.
    ``received_at`` is when Frontdesk received it: providers do not sign a time, and clocks of
    senders lie. ``content_hash`` is of author, subject and text, where the author chooses the
    message id; with ``has_reused_id`` another message had the id before. Without slots, for its
    keys are hashed only once.
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
    content_hash: str | None = None
    has_reused_id: bool = False

    @cached_property
    def request_id(self) -> str:
        """The key under which this message is recorded once, ever: a UUID.

        Independent of the conversation. Mail is delivered per recipient, so there the recipient
        is part of it. With a reused id the content is part of it too.
        """
        content = [self.content_hash or ""] if self.has_reused_id else []
        return request_id_of([*self._idempotency_parts, *content])

    @cached_property
    def source_key(self) -> str:
        """The name under which what came with this message is stored: 64 hex digits.

        Another one for each recipient of a mail, as each has a message of its own, and for each
        author and content, whatever message id a mail claims: what belongs to one message can be
        deleted without touching another's.
        """
        content = [self.content_hash] if self.content_hash else []
        return idempotency_hash([*self._idempotency_parts, self.sender.value, *content])

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

    def is_by(self, values: Collection[str]) -> bool:
        """Whether its author is known by one of these addresses."""
        return any(address.value in values for address in self.author_addresses)

    @property
    def regrouping_suspected(self) -> bool:
        """Whether its fields may be those of another message, put together anew."""
        return self.metadata.get("regrouping_suspected") is True

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


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """What identifies a conversation: its id and the channel that it runs on."""

    conversation_id: str
    primary_channel: ChannelType


class MessageState(StrEnum):
    """How far a recorded message has come."""

    PENDING = "pending"
    QUEUED = "queued"
    UNMATCHED = "unmatched"
    UNDELIVERABLE = "undeliverable"
    ERASED = "erased"


STUCK_AFTER = timedelta(seconds=30)
"""How long only its first handler may publish a pending message."""

LEASE = timedelta(seconds=30)
"""How long only the process that republishes a message for the first time may do so."""

LONGEST_LEASE = timedelta(minutes=10)
"""Each attempt has twice the time of the one before, up to this."""

MAX_ATTEMPTS = 100
"""How often a message is republished before an operator must look at it: most of a day."""


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """An inbound message in the store, under its request id.

    ``recorded_at`` is when it was verified and recorded. A record without a conversation is
    *unmatched*: its sender is not known (yet). ``attempts`` counts how often it was leased.
    ``publication`` counts how often its context was put on a queue on purpose. From the second
    time on, ``queue`` says on which one. ``trail`` is for its trace: nothing depends on it.
    """

    message: InboundMessage
    conversation: ConversationKey | None
    state: MessageState
    recorded_at: datetime
    lease_until: datetime | None = None
    queued_at: datetime | None = None
    attempts: int = 0
    publication: int = 1
    queue: QueueName | None = None
    trail: Trail = NO_TRAIL

    @property
    def request_id(self) -> str:
        """The key of the record: the request id of its message, on every republish too."""
        return self.message.request_id

    def is_another_than(self, message: InboundMessage) -> bool:
        """Whether ``message``, which has the same message id, is not this one once more.

        Some programs give every mail one id. It is another mail if its author is another one, or
        both its subject and its text are others. A mailing list's copy of a mail differs in one
        of them alone. Providers make the ids of other channels, and never use one twice.
        """
        recorded = self.message
        if not message.channel.rules.author_chooses_message_id:
            return False
        same_content = message.subject == recorded.subject or message.body == recorded.body
        return message.sender.value != recorded.sender.value or not same_content

    def assigned_to(self, conversation: ConversationKey | None) -> "MessageRecord":
        """This record as the store has it after moving to ``conversation``, or to unmatched."""
        state = MessageState.PENDING if conversation else MessageState.UNMATCHED
        return replace(self, conversation=conversation, state=state)

    @property
    def due_at(self) -> datetime:
        """From when on, while it is pending, its last handler must have died."""
        first_handler = self.recorded_at + STUCK_AFTER
        return max(first_handler, self.lease_until) if self.lease_until else first_handler

    def is_stuck(self, now: datetime) -> bool:
        """Whether its handler must have died: pending for long, and no process holds the lease."""
        return self.state is MessageState.PENDING and self.due_at <= now

    def leased(self, now: datetime) -> "MessageRecord":
        """This record as the store has it after a process took it at ``now``: one more attempt."""
        time_left = min(LEASE * 2 ** min(self.attempts, 10), LONGEST_LEASE)
        return replace(self, lease_until=now + time_left, attempts=self.attempts + 1)

    def moved_to(self, queue: QueueName, now: datetime) -> "MessageRecord":
        """This record as the store has it after its context was moved at ``now``.

        Its next publication is pending for ``queue``, leased by the process that moves it.
        """
        trail = replace(self.trail, failure=None)  # what failed was an earlier publication
        unpublished = replace(self, state=MessageState.PENDING, queued_at=None, attempts=0)
        moved = replace(unpublished, publication=self.publication + 1, queue=queue, trail=trail)
        return moved.leased(now)


def cut_to_bytes(text: str, size_bytes: int) -> str:
    """The longest beginning of ``text`` that is at most ``size_bytes`` long in UTF-8."""
    beginning = text[:size_bytes].encode()  # a character has a byte at least
    return beginning[:size_bytes].decode(errors="ignore")
