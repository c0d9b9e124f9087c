"""JSON of messages: in the context object (version 1.0, with its schema), and in a store.

Every webhook writes them, so that is done by hand. Pydantic reads them, and is imported then.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from domain.addresses import Address
from domain.channels import ChannelType
from domain.context import VERSION, ContextObject, MessageContext
from domain.conversations import Direction, Message
from domain.messages import Attachment, InboundMessage
from domain.times import parse_rfc3339, rfc3339

if TYPE_CHECKING:
    from pydantic import TypeAdapter

EncodeContext = Callable[[ContextObject], str]
"""Makes the message body of a context: ``context_to_json``, or a ``ClaimCheck``."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def context_to_json(context: ContextObject) -> str:
    """The message body put on a queue, in characters that every queue takes.

    SQS refuses what XML has no room for: control characters, which JSON escapes anyway, and
    U+FFFE and U+FFFF.
    """
    conversation, message, company = context.conversation, context.message, context.company
    text = _encode(
        {
            "meta": {
                "request_id": context.request_id,
                "publication": context.publication,
                "channel_type": context.channel_type,
                "timestamp": rfc3339(context.created_at),
                "version": VERSION,
            },
            "conversation": {
                "conversation_id": conversation.conversation_id,
                "primary_channel": conversation.primary_channel,
                "conversation_status": conversation.conversation_status,
                "hand_off_to_human": conversation.hand_off_to_human,
                "thread_id": conversation.thread_id,
            },
            "message": {
                "from": message.sender,
                "to": message.recipient,
                "body": message.body,
                "message_id": message.message_id,
                "timestamp": rfc3339(message.timestamp),
                "subject": message.subject,
                "attachments": [_attachment_fields(one) for one in message.attachments],
                "metadata": message.metadata,
                "body_truncated": message.body_truncated,
                "body_reference": message.body_reference,
                "metadata_reference": message.metadata_reference,
            },
            "company": {
                "company_id": company.company_id,
                "project_id": company.project_id,
                "company_name": company.company_name,
                "credentials_reference": company.credentials_reference,
            },
            "processing": {
                "validation_status": "valid",
                "ai_response": None,
                "sent_response": None,
                "processing_timestamps": {
                    "received": rfc3339(context.received_at),
                    "validated": rfc3339(context.validated_at),
                    "queued": rfc3339(context.queued_at),
                },
            },
        }
    )
    return text.replace("\ufffe", r"\ufffe").replace("\uffff", r"\uffff")


def context_from_json(text: str | bytes) -> ContextObject:
    """What ``context_to_json`` wrote; keys that are not known are ignored.

    Raises ``pydantic.ValidationError`` for anything that is not a context object.
    """
    from infrastructure.serialization.context_model import ContextJson

    context_json = ContextJson.model_validate_json(text)
    meta, times = context_json.meta, context_json.processing.processing_timestamps
    return ContextObject(
        request_id=meta.request_id,
        publication=meta.publication,
        channel_type=meta.channel_type,
        created_at=meta.timestamp,
        conversation=context_json.conversation,
        message=MessageContext(**dict(context_json.message)),
        company=context_json.company,
        received_at=times.received,
        validated_at=times.validated,
        queued_at=times.queued,
    )


def context_schema() -> dict[str, object]:
    """The JSON Schema of the context object, as it is published for consumers."""
    from infrastructure.serialization.context_model import ContextJson

    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ContextJson.model_json_schema(by_alias=True, mode="serialization"),
    }


def inbound_to_json(message: InboundMessage) -> str:
    """``message`` without its body, which a store keeps beside it, and without its mail metadata.

    The metadata only serves to decide on a fallback, which happens when the message comes in
    and never again.
    """
    recipient = message.recipient
    return _encode(
        {
            "channel": message.channel,
            "account": message.account,
            "provider_message_id": message.provider_message_id,
            "sender": _address_fields(message.sender),
            "sender_verbatim": message.sender_verbatim,
            "identities": [_address_fields(identity) for identity in message.identities],
            "recipient": {
                "verbatim": recipient.verbatim,
                "address": recipient.address,
                "keys": recipient.keys,
            },
            "body": "",
            "received_at": rfc3339(message.received_at),
            "subject": message.subject,
            "attachments": [_attachment_fields(one) for one in message.attachments],
            "metadata": message.metadata,
            "thread_references": message.thread_references,
            "author_authenticated": message.author_authenticated,
            "opt_out_type": message.opt_out_type,
            "mail": None,
            "content_hash": message.content_hash,
            "has_reused_id": message.has_reused_id,
        }
    )


def inbound_from_json(text: str, body: str) -> InboundMessage:
    """What ``inbound_to_json`` wrote, with its body."""
    return replace(_inbound_adapter().validate_json(text), body=body)


@cache
def _inbound_adapter() -> "TypeAdapter[InboundMessage]":
    from pydantic import TypeAdapter

    return TypeAdapter(InboundMessage)


def messages_to_json(messages: Sequence[Message]) -> str:
    """Entries of a history."""
    return _encode(
        [
            {
                "message_id": message.message_id,
                "direction": message.direction,
                "content": message.content,
                "timestamp": rfc3339(message.timestamp),
                "channel_type": message.channel_type,
                "metadata": message.metadata,
            }
            for message in messages
        ]
    )


def messages_from_json(text: str) -> tuple[Message, ...]:
    """What ``messages_to_json`` wrote."""
    return tuple(
        Message(
            message_id=fields["message_id"],
            direction=Direction(fields["direction"]),
            content=fields["content"],
            timestamp=parse_rfc3339(fields["timestamp"]),
            channel_type=ChannelType(fields["channel_type"]),
            metadata=fields["metadata"],
        )
        for fields in json.loads(text)
    )


def _address_fields(address: Address) -> dict[str, str]:
    return {"channel": address.channel, "kind": address.kind, "value": address.value}


def _attachment_fields(attachment: Attachment) -> dict[str, object]:
    return {
        "content_type": attachment.content_type,
        "filename": attachment.filename,
        "size_bytes": attachment.size_bytes,
        "sha256": attachment.sha256,
        "content_id": attachment.content_id,
        "inline": attachment.inline,
        "url": attachment.url,
        "reference": attachment.reference,
    }


def _encode(value: object) -> str:
    """``value`` as JSON. Raises ``ValueError`` for a text that is not Unicode."""
    text = _ENCODER.encode(value)
    text.encode()
    return text
