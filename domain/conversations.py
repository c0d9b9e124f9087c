"""The conversation, and which one a message belongs to."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

from domain.addresses import normal_value
from domain.channels import ChannelType
from domain.idempotency import request_id_of
from domain.messages import (
    ConversationKey,
    InboundMessage,
    MessageRecord,
    Metadata,
    Recipient,
    cut_to_bytes,
)
from domain.tenants import Tenant, TenantDirectory
from domain.trail import MatchRule

ACTIVE = "active"
USER_REPLY_RECEIVED = "user_reply_received"
CLOSED = "closed"
"""Closed conversations do not match. Any other status, also one that we do not know, does."""

SETTABLE_STATUSES = (ACTIVE, USER_REPLY_RECEIVED, CLOSED)
"""What an operator may set. Other systems may write any other text, which stays as it is."""

LAST_MESSAGE_BYTES = 2048
"""How much of a message's content the conversation record repeats."""


class Direction(StrEnum):
    """Who wrote an entry of the history: the customer or the company."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of a conversation's history."""

    message_id: str
    direction: Direction
    content: str
    timestamp: datetime
    channel_type: ChannelType
    metadata: Metadata = field(default_factory=dict)

    @classmethod
    def of(cls, message: InboundMessage) -> "Message":
        """The entry of what a customer wrote.

        What an entry has no attribute for is in its metadata: ``subject`` and ``attachments``.
        """
        files = [attachment.metadata for attachment in message.attachments] or None
        extras = {"subject": message.subject, "attachments": files}
        given = {name: value for name, value in extras.items() if value is not None}
        return cls(
            message_id=message.provider_message_id,
            direction=Direction.INBOUND,
            content=message.body,
            timestamp=message.received_at,
            channel_type=message.channel,
            metadata={**message.full_metadata, **given},
        )

    @classmethod
    def preview_of(cls, message: InboundMessage) -> "Message":
        """What the conversation record keeps of its last message: at most 2 KB, no metadata."""
        return cls(
            message_id=message.provider_message_id,
            direction=Direction.INBOUND,
            content=cut_to_bytes(message.body, LAST_MESSAGE_BYTES),
            timestamp=message.received_at,
            channel_type=message.channel,
        )


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A message of a conversation, with the ``record`` that tells how far it has come.

    What was imported from an older system, or is still in a list of one, has no record.
    """

    message: Message
    record: MessageRecord | None = None

    @property
    def timestamp(self) -> datetime:
        """When Frontdesk, or the older system, received or sent it."""
        return self.message.timestamp


@dataclass(frozen=True, slots=True)
class ConversationState:
    """What operators and consumers set in a conversation: its status, and who answers."""

    conversation_status: str
    hand_off_to_human: bool

    @property
    def etag(self) -> str:
        """Another text for each state: what a caller saw, for a change that depends on it."""
        text = f"{self.hand_off_to_human:d} {self.conversation_status}"
        return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class StateChange:
    """What to set in a conversation; ``None`` leaves it as it is."""

    conversation_status: str | None = None
    hand_off_to_human: bool | None = None

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a change sets the status, who answers, or both")

    @property
    def values(self) -> Mapping[str, str | bool]:
        """What is set, by the names of the attributes."""
        given = {
            "conversation_status": self.conversation_status,
            "hand_off_to_human": self.hand_off_to_human,
        }
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation record, also as other systems write it: most attributes may be missing.

    ``found_by`` are the sender values by which a look-up found it; they are not stored.
    ``legacy_messages`` is the list that records of older systems carry inside them. It is
    read as the start of the history and never written.
    """

    conversation_id: str
    primary_channel: ChannelType
    sender_id: str | None
    recipient_id: str | None = None
    conversation_status: str = ACTIVE
    hand_off_to_human: bool = False
    thread_id: str | None = None
    company_id: str | None = None
    project_id: str | None = None
    company_name: str | None = None
    credentials_reference: str | None = None
    last_user_message_at: datetime | None = None
    last_activity_at: datetime | None = None
    last_message: Message | None = None
    legacy_messages: tuple[Message, ...] = ()
    found_by: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def key(self) -> ConversationKey:
        """What identifies this conversation."""
        return ConversationKey(self.conversation_id, self.primary_channel)

    @property
    def state(self) -> ConversationState:
        """Its status, and who answers."""
        return ConversationState(self.conversation_status, self.hand_off_to_human)

    @property
    def is_open(self) -> bool:
        """Whether messages may still join."""
        return self.conversation_status != CLOSED

    def is_for(self, recipients: Collection[str]) -> bool:
        """Whether its recipient is one of ``recipients`` or not known; always if there are none."""
        known = self.recipient_id
        if not (recipients and known) or known in recipients:
            return True
        return normal_value(self.primary_channel, known) in recipients

    def changed(self, change: StateChange) -> "Conversation":
        """This record with what ``change`` sets."""
        hand_off = change.hand_off_to_human
        return replace(
            self,
            conversation_status=change.conversation_status or self.conversation_status,
            hand_off_to_human=self.hand_off_to_human if hand_off is None else hand_off,
        )

    def received(self, message: InboundMessage) -> "Conversation":
        """The state after ``message``, or the present one if a later message came before it."""
        seen = self.last_user_message_at
        if seen is not None and seen >= message.received_at:
            return self
        return replace(
            self,
            recipient_id=self.recipient_id or message.recipient.address,
            conversation_status=USER_REPLY_RECEIVED,
            last_user_message_at=message.received_at,
            last_activity_at=message.received_at,
            last_message=Message.preview_of(message),
        )

    def owned_by(self, tenant: Tenant) -> "Conversation":
        """This record, with what it leaves open about its company as ``tenant`` has it."""
        return replace(
            self,
            company_id=self.company_id or tenant.company_id,
            project_id=self.project_id or tenant.project_id,
            company_name=self.company_name or tenant.company_name,
            credentials_reference=self.credentials_reference or tenant.credentials_reference,
        )

    def accepts(self, message: InboundMessage, tenant: Tenant, directory: TenantDirectory) -> bool:
        """Whether ``message``, which belongs to ``tenant``, may join its sender's conversation.

        Same channel, same recipient, same company; that the sender is the same is the store's
        to say, which knows every identity of theirs. A record without a recipient
        joins in only where no other company could own it: when there is one company, or when
        its credentials reference names the one that the signature proved.
        """
        return (
            self.is_open
            and self.primary_channel is message.channel
            and not self.is_of_another_company(tenant, directory)
            and self._is_with(message.recipient, tenant, directory)
        )

    def _is_with(self, recipient: Recipient, tenant: Tenant, directory: TenantDirectory) -> bool:
        if self.recipient_id is not None:
            keys, known = tenant.keys_of(recipient), self.recipient_id
            return known in keys or normal_value(self.primary_channel, known) in keys
        named = self.credentials_reference in directory.names_of(tenant)
        return directory.has_one_company or named

    def is_of_another_company(self, tenant: Tenant, directory: TenantDirectory) -> bool:
        """Whether the record names a company, or credentials, that are not ``tenant``'s."""
        if self.company_id and tenant.company_id and self.company_id != tenant.company_id:
            return True
        named = self.credentials_reference
        known = tenant.credentials_reference
        return bool(named and known and named not in directory.names_of(tenant))


def choose_conversation(
    candidates: Iterable[Conversation],
    message: InboundMessage,
    tenant: Tenant,
    directory: TenantDirectory,
) -> tuple[Conversation | None, MatchRule]:
    """The conversation among ``candidates`` that ``message`` joins, if any, and by which rule.

    Where several would take it: the one that the mail's thread names, else one that names
    the recipient, else the one with the latest activity.
    """
    accepting = [c for c in candidates if c.accepts(message, tenant, directory)]
    if len(accepting) <= 1:
        return (accepting[0], MatchRule.ONLY) if accepting else (None, MatchRule.NO_CONVERSATION)

    def preference(conversation: Conversation) -> tuple[bool, bool, datetime, str]:
        return (
            conversation.thread_id is not None
            and conversation.thread_id in message.thread_references,
            conversation.recipient_id is not None,
            conversation.last_activity_at or datetime.min.replace(tzinfo=UTC),
            conversation.conversation_id,
        )

    best, second, *_ = sorted(accepting, key=preference, reverse=True)
    (by_thread, by_recipient, *_), (other_thread, other_recipient, *_) = map(
        preference, (best, second)
    )
    if by_thread and not other_thread:
        return best, MatchRule.THREAD
    is_only_one = by_recipient and not other_recipient
    return best, MatchRule.RECIPIENT if is_only_one else MatchRule.LATEST


def imported_key(conversation: ConversationKey, message: Message) -> str:
    """The key under which an entry of an older system's history is imported: a UUID.

    The content is part of it, since other systems may give an id twice, or none. It is never
    the request id of an inbound message, which is made of other parts.
    """
    parts = ["imported", conversation.conversation_id, conversation.primary_channel]
    parts += [message.direction, message.message_id, message.content]
    return request_id_of(parts)
