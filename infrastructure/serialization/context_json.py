"""JSON of messages: in the context object (version 1.0, with its schema), and in a store.

Domain objects and wire models map onto each other here and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    TypeAdapter,
    WithJsonSchema,
)

from domain.automated_mail import AutomatedKind
from domain.channels import ChannelType
from domain.context import VERSION, Company, ContextObject, ConversationContext, MessageContext
from domain.conversations import Message
from domain.messages import Attachment, InboundMessage
from domain.times import rfc3339

JsonTime = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$",
        }
    ),
]
"""RFC 3339 in UTC with six fractional digits, so that times compare as text."""

_INBOUND: TypeAdapter[InboundMessage] = TypeAdapter(InboundMessage)
_HISTORY: TypeAdapter[tuple[Message, ...]] = TypeAdapter(tuple[Message, ...])


def _object(**properties: object) -> dict[str, object]:
    return {"type": "object", "properties": properties}


_INDEX = {"type": "integer", "minimum": 0}
_MAIL_KEYS: dict[str, tuple[str, dict[str, object]]] = {
    "author_authenticated": ("Whether SPF or DKIM authenticates the author.", {"type": "boolean"}),
    "automated": (
        "Present when a program wrote: an AI must not answer it. The sign is what told so first.",
        _object(kind={"enum": [str(kind) for kind in AutomatedKind]}, sign={"type": "string"}),
    ),
    "rewritten_from": (
        "The mailing list that put its address in the author's place.",
        {"type": "string"},
    ),
    "reply_text": ("The body without the quoted history below it.", {"type": "string"}),
    "body_incomplete": (
        "Why the body may lack something, and the file that has it.",
        {"type": "array", "items": _object(reason={"type": "string"}, attachment_index=_INDEX)},
    ),
    "html_attachment_index": ("The attachment that is the HTML of the mail.", _INDEX),
}
JsonMetadata = Annotated[
    dict[str, object],
    WithJsonSchema(
        {
            **_object(
                **{key: {**kind, "description": text} for key, (text, kind) in _MAIL_KEYS.items()}
            ),
            "description": "What the provider tells. Of its keys, these are for consumers of mail.",
        }
    ),
]


class _JsonModel(BaseModel):
    model_config = ConfigDict(
        populate_by_name=True,
        serialize_by_alias=True,
        hide_input_in_errors=True,
        from_attributes=True,
    )


class MetaJson(_JsonModel):
    """What this object is. A republish has the same ``request_id`` and ``publication``.

    A context that is moved to another queue gets the next ``publication``.
    """

    # Always written. A context that waits since before there were publications has none.
    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    request_id: str
    publication: Annotated[int, Field(ge=1)] = 1
    channel_type: ChannelType
    timestamp: JsonTime
    version: Literal["1.0"]


class MessageJson(_JsonModel):
    """What the sender wrote. When ``body_truncated`` is true, read ``body_reference``."""

    sender: Annotated[str, Field(alias="from")]
    recipient: Annotated[str, Field(alias="to")]
    body: str
    message_id: str
    timestamp: JsonTime
    subject: str | None = None
    attachments: tuple[Attachment, ...] = ()
    metadata: JsonMetadata = {}
    body_truncated: bool = False
    body_reference: str | None = None
    metadata_reference: str | None = None


class TimestampsJson(_JsonModel):
    """When the message passed each step."""

    received: JsonTime
    validated: JsonTime
    queued: JsonTime


class ProcessingJson(_JsonModel):
    """What has been done with the message so far; consumers fill in the answers."""

    validation_status: Literal["valid"]
    ai_response: None
    sent_response: None
    processing_timestamps: TimestampsJson


class ContextJson(_JsonModel):
    """The standard context object: everything that a consumer needs to answer a message."""

    model_config = ConfigDict(title="Frontdesk context object")

    meta: MetaJson
    conversation: ConversationContext
    message: MessageJson
    company: Company
    processing: ProcessingJson


def context_to_json(context: ContextObject) -> str:
    """The message body put on a queue, in characters that every queue takes.

    SQS refuses what XML has no room for: control characters, which JSON escapes anyway, and
    U+FFFE and U+FFFF.
    """
    context_json = ContextJson(
        meta=MetaJson(
            request_id=context.request_id,
            publication=context.publication,
            channel_type=context.channel_type,
            timestamp=context.created_at,
            version=VERSION,
        ),
        conversation=context.conversation,
        message=MessageJson.model_validate(context.message),
        company=context.company,
        processing=ProcessingJson(
            validation_status="valid",
            ai_response=None,
            sent_response=None,
            processing_timestamps=TimestampsJson(
                received=context.received_at,
                validated=context.validated_at,
                queued=context.queued_at,
            ),
        ),
    )
    return context_json.model_dump_json().replace("\ufffe", r"\ufffe").replace("\uffff", r"\uffff")


def message_to_json(message: MessageContext) -> str:
    """The part of a context that is the message's own."""
    return MessageJson.model_validate(message).model_dump_json()


def context_from_json(text: str | bytes) -> ContextObject:
    """What ``context_to_json`` wrote; keys that are not known are ignored.

    Raises ``pydantic.ValidationError`` for anything that is not a context object.
    """
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
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **ContextJson.model_json_schema(by_alias=True, mode="serialization"),
    }


def inbound_to_json(message: InboundMessage) -> str:
    """``message`` without its body, which a store keeps beside it, and without its mail metadata.

    The metadata only serves to decide on a fallback, which happens when the message comes in
    and never again.
    """
    return _INBOUND.dump_json(replace(message, body="", mail=None)).decode()


def inbound_from_json(text: str, body: str) -> InboundMessage:
    """What ``inbound_to_json`` wrote, with its body."""
    return replace(_INBOUND.validate_json(text), body=body)


def messages_to_json(messages: Sequence[Message]) -> str:
    """Entries of a history."""
    return _HISTORY.dump_json(tuple(messages)).decode()


def messages_from_json(text: str) -> tuple[Message, ...]:
    """What ``messages_to_json`` wrote."""
    return _HISTORY.validate_json(text)
