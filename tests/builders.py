"""Domain objects with sensible values, for tests that care about one or two of them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from application.ports.webhook_parser import VerifiedWebhook, WebhookRequest
from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.fallback import OwnAddresses
from domain.idempotency import content_hash_of
from domain.messages import (
    ConversationKey,
    InboundMessage,
    MessageRecord,
    MessageState,
    Recipient,
)
from domain.tenants import Tenant, TenantDirectory
from infrastructure.configuration.provider_accounts import ProviderAccounts
from infrastructure.configuration.secrets.accounts import SendgridAccount, TwilioAccount

NOW = datetime(2026, 3, 4, 12, 0, 0, 250_000, tzinfo=UTC)
ACCOUNT = "AC00000000000000000000000000000001"
KEY = ConversationKey("conversation-1", ChannelType.SMS)
SENDER = {
    ChannelType.SMS: "+14155550123",
    ChannelType.WHATSAPP: "+14155550123",
    ChannelType.EMAIL: "ana@example.com",
}
RECIPIENT = {
    ChannelType.SMS: "+15005550006",
    ChannelType.WHATSAPP: "+15005550006",
    ChannelType.EMAIL: "help@acme.example",
}


def provider_accounts(*accounts: TwilioAccount | SendgridAccount) -> ProviderAccounts:
    """``accounts`` of no company."""
    return ProviderAccounts(
        TenantDirectory(()),
        OwnAddresses(()),
        twilio=tuple(one for one in accounts if isinstance(one, TwilioAccount)),
        sendgrid=tuple(one for one in accounts if isinstance(one, SendgridAccount)),
    )


def verified(
    request: WebhookRequest, account: str = ACCOUNT, channel: ChannelType = ChannelType.SMS
) -> VerifiedWebhook:
    """``request`` as if ``account`` had signed its body."""
    return VerifiedWebhook.signed(channel, account, request, request.body)


def an_inbound_message(
    channel: ChannelType = ChannelType.SMS,
    *,
    sender: str | None = None,
    recipient: str | None = None,
    message_id: str = "SM00000000000000000000000000000001",
    **changes: Any,
) -> InboundMessage:
    """A message from ``SENDER`` to ``RECIPIENT``, received at ``NOW``."""
    address = Address.parse(channel, sender or SENDER[channel])
    to = Address.parse(channel, recipient or RECIPIENT[channel])
    prefix = "whatsapp:" if channel is ChannelType.WHATSAPP else ""
    fields: dict[str, Any] = {
        "channel": channel,
        "account": ACCOUNT,
        "provider_message_id": message_id,
        "sender": address,
        "sender_verbatim": prefix + address.value,
        "identities": (address,),
        "recipient": Recipient(prefix + to.value, to.value, (to.value,)),
        "body": "Is my order on its way?",
        "received_at": NOW,
    }
    message = InboundMessage(**{**fields, **changes})
    if not channel.rules.author_chooses_message_id:
        return message
    content_hash = content_hash_of(message.sender, message.subject, message.body)
    return replace(message, content_hash=content_hash)


def a_conversation(channel: ChannelType = ChannelType.SMS, **changes: Any) -> Conversation:
    """An open conversation between ``SENDER`` and ``RECIPIENT``."""
    fields: dict[str, Any] = {
        "conversation_id": "conversation-1",
        "primary_channel": channel,
        "sender_id": SENDER[channel],
        "recipient_id": RECIPIENT[channel],
        "company_id": "acme",
        "project_id": "support",
        "company_name": "Acme",
        "credentials_reference": "acme-credentials",
    }
    return Conversation(**{**fields, **changes})


def a_record(
    message: InboundMessage | None = None,
    conversation: ConversationKey | None = KEY,
    **changes: Any,
) -> MessageRecord:
    """A record of a message as its first handler writes it."""
    fields: dict[str, Any] = {
        "message": message or an_inbound_message(),
        "conversation": conversation,
        "state": MessageState.PENDING if conversation else MessageState.UNMATCHED,
        "recorded_at": NOW,
    }
    return MessageRecord(**{**fields, **changes})


def a_tenant(**changes: Any) -> Tenant:
    """The only company: every recipient of ``ACCOUNT`` is its own."""
    return Tenant(**{"accounts": frozenset({ACCOUNT}), **changes})
