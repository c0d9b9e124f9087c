"""The context object as it is read, and as its published schema describes it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema

from domain.automated_mail import AutomatedKind
from domain.channels import ChannelType
from domain.context import Company, ConversationContext
from domain.messages import Attachment
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
    model_config = ConfigDict(hide_input_in_errors=True)


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
