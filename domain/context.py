"""The context object: everything that a consumer needs to answer, in one standard form."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Self

from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.messages import Attachment, InboundMessage, MessageRecord, Metadata
from domain.tenants import Tenant

VERSION: Final = "1.0"

_NO_COMPANY: Final = Tenant()


@dataclass(frozen=True, slots=True)
class ConversationContext:
    """The conversation as it stood when the message was routed."""

    conversation_id: str
    primary_channel: ChannelType
    conversation_status: str
    hand_off_to_human: bool
    thread_id: str | None


@dataclass(frozen=True, slots=True)
class MessageContext:
    """What the customer wrote. ``body`` is a preview when ``body_truncated`` is true."""

    sender: str
    recipient: str
    body: str
    message_id: str
    timestamp: datetime
    subject: str | None = None
    attachments: tuple[Attachment, ...] = ()
    metadata: Metadata = field(default_factory=dict)
    body_truncated: bool = False
    body_reference: str | None = None
    metadata_reference: str | None = None

    @classmethod
    def of(cls, message: InboundMessage) -> Self:
        """All of ``message`` that consumers get."""
        return cls(
            sender=message.sender.value,
            recipient=message.recipient.verbatim,
            body=message.body,
            message_id=message.provider_message_id,
            timestamp=message.received_at,
            subject=message.subject,
            attachments=message.attachments,
            metadata=message.full_metadata,
        )


@dataclass(frozen=True, slots=True)
class Company:
    """The company that the customer wrote to, with a reference to its credentials."""

    company_id: str | None
    project_id: str | None
    company_name: str | None
    credentials_reference: str | None

    @classmethod
    def of(cls, conversation: Conversation, tenant: Tenant | None) -> Self:
        """The company that the record names. ``tenant`` fills what the record leaves open."""
        known = tenant or _NO_COMPANY
        return cls(
            company_id=conversation.company_id or known.company_id,
            project_id=conversation.project_id or known.project_id,
            company_name=conversation.company_name or known.company_name,
            credentials_reference=(
                conversation.credentials_reference or known.credentials_reference
            ),
        )


@dataclass(frozen=True, slots=True)
class ContextObject:
    """One message with the state of its conversation, as it goes on a queue.

    ``request_id`` and ``publication`` are the same on every republish of a message; consumers are
    idempotent on both together. A context that is moved to another queue gets the next
    ``publication``.
    """

    request_id: str
    publication: int
    channel_type: ChannelType
    created_at: datetime
    conversation: ConversationContext
    message: MessageContext
    company: Company
    received_at: datetime
    validated_at: datetime
    queued_at: datetime

    @classmethod
    def of(
        cls,
        record: MessageRecord,
        conversation: Conversation,
        tenant: Tenant | None,
        now: datetime,
        content: MessageContext | None = None,
    ) -> Self:
        """The context of a recorded message: all of it, or the ``content`` that fits on a queue.

        Its company is ``tenant`` as far as it is known.
        """
        return cls(
            request_id=record.request_id,
            publication=record.publication,
            channel_type=record.message.channel,
            created_at=now,
            conversation=ConversationContext(
                conversation_id=conversation.conversation_id,
                primary_channel=conversation.primary_channel,
                conversation_status=conversation.conversation_status,
                hand_off_to_human=conversation.hand_off_to_human,
                thread_id=conversation.thread_id,
            ),
            message=content or MessageContext.of(record.message),
            company=Company.of(conversation, tenant),
            received_at=record.message.received_at,
            validated_at=record.recorded_at,
            queued_at=now,
        )
