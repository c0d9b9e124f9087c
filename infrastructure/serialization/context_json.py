"""JSON of messages: in the context object (version 1.0, with its schema), and in a store.

Every webhook writes them, so that is done by hand. Pydantic reads and describes contexts, and is
imported only then.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from domain.addresses import Address
from domain.channels import AddressKind, ChannelType
from domain.context import VERSION, ContextObject, MessageContext
from domain.conversations import Direction, Message
from domain.messages import Attachment, InboundMessage, Metadata, Recipient
from domain.times import parse_rfc3339, rfc3339

_ATTACHMENT = tuple(field.name for field in fields(Attachment))

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def context_to_json(context: ContextObject) -> str:
    """The message body put on a queue, in characters that every queue takes.

    SQS refuses what XML has no room for: control characters, which JSON escapes anyway, and
    U+FFFE and U+FFFF.
    """
    conversation, company = context.conversation, context.company
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
            "message": _message_fields(context.message),
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
    return _for_every_queue(text)


def message_to_json(message: MessageContext) -> str:
    """The part of a context that is the message's own."""
    return _for_every_queue(_encode(_message_fields(message)))


def metadata_to_json(metadata: Metadata) -> str:
    """The metadata of a message, where they are stored apart from it."""
    return _encode(metadata)


def attachments_to_json(attachments: Sequence[Attachment]) -> str:
    """The list of a message's attachments, where it is stored apart from it."""
    return _encode([_attachment_fields(one) for one in attachments])


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
    """What ``inbound_to_json`` wrote, with its body. Keys that are not known are ignored."""
    stored = json.loads(text)
    recipient = stored["recipient"]
    return InboundMessage(
        channel=ChannelType(stored["channel"]),
        account=stored["account"],
        provider_message_id=stored["provider_message_id"],
        sender=_address(stored["sender"]),
        sender_verbatim=stored["sender_verbatim"],
        identities=tuple(map(_address, stored["identities"])),
        recipient=Recipient(recipient["verbatim"], recipient["address"], tuple(recipient["keys"])),
        body=body,
        received_at=parse_rfc3339(stored["received_at"]),
        subject=stored.get("subject"),
        attachments=tuple(map(_attachment, stored.get("attachments", ()))),
        metadata=stored.get("metadata", {}),
        thread_references=tuple(stored.get("thread_references", ())),
        author_authenticated=stored.get("author_authenticated", True),
        opt_out_type=stored.get("opt_out_type"),
        content_hash=stored.get("content_hash"),
        has_reused_id=stored.get("has_reused_id", False),
    )


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
    if text == "[]":
        return ()
    return tuple(
        Message(
            message_id=stored["message_id"],
            direction=Direction(stored["direction"]),
            content=stored["content"],
            timestamp=parse_rfc3339(stored["timestamp"]),
            channel_type=ChannelType(stored["channel_type"]),
            metadata=stored.get("metadata", {}),
        )
        for stored in json.loads(text)
    )


def _message_fields(message: MessageContext) -> dict[str, object]:
    return {
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
    }


def _address_fields(address: Address) -> dict[str, str]:
    return {"channel": address.channel, "kind": address.kind, "value": address.value}


def _address(stored: Mapping[str, str]) -> Address:
    channel, kind = ChannelType(stored["channel"]), AddressKind(stored["kind"])
    return Address(channel, kind, stored["value"])


def _attachment_fields(attachment: Attachment) -> dict[str, object]:
    return {name: getattr(attachment, name) for name in _ATTACHMENT}


def _attachment(stored: Mapping[str, Any]) -> Attachment:
    return Attachment(**{name: stored[name] for name in _ATTACHMENT if name in stored})


def _for_every_queue(text: str) -> str:
    return text.replace("\ufffe", r"\ufffe").replace("\uffff", r"\uffff")


def _encode(value: object) -> str:
    """``value`` as JSON. Raises ``ValueError`` for a text that is not Unicode."""
    text = _ENCODER.encode(value)
    text.encode()
    return text
