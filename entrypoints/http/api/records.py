"""What the API answers, as JSON: the names of the published records."""

from datetime import datetime
from typing import Annotated, Generic, TypeVar

from pydantic import AliasPath, BaseModel, ConfigDict, Field, PlainSerializer

from application.ports.checks import CheckStatus
from application.ports.dead_letters import DeadLetterKind
from application.recovery.redrive_dead_letters import RedriveOutcome
from domain.channels import ChannelType
from domain.conversations import Direction
from domain.messages import MessageState
from domain.times import rfc3339

Item = TypeVar("Item")

Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str, when_used="json")]
"""RFC 3339 in UTC with six fractional digits, as everywhere."""


class Record(BaseModel):
    """Read from the attributes of what a use case returns."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class FieldError(Record):
    """What is wrong with one field."""

    field: str
    detail: str


class Problem(Record):
    """An error answer (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: tuple[FieldError, ...] = ()


class PageRecord(Record, Generic[Item]):
    """A page of a list. ``cursor`` leads to the next one; it is ``null`` at the end."""

    items: tuple[Item, ...]
    cursor: str | None


class SessionRecord(Record):
    """Who asks. ``csrf_token`` and ``ends_at`` are those of a browser's session."""

    token_name: str
    scopes: tuple[str, ...]
    companies: tuple[str, ...] | None
    csrf_token: str | None
    ends_at: Moment | None


class MessageRecord(Record):
    """An entry of a history. ``metadata`` has its subject and its attachments, if it has any."""

    message_id: str
    direction: Direction
    content: str
    timestamp: Moment
    channel_type: ChannelType
    metadata: dict[str, object]


class ConversationRecord(Record):
    """A conversation. ``etag`` is of its status and its hand-off alone."""

    conversation_id: str
    primary_channel: ChannelType
    conversation_status: str
    hand_off_to_human: bool
    thread_id: str | None
    company_id: str | None
    project_id: str | None
    company_name: str | None
    credentials_reference: str | None
    sender_id: str | None
    recipient_id: str | None
    last_user_message_at: Moment | None
    last_activity_at: Moment | None
    last_message: MessageRecord | None
    etag: Annotated[str, Field(validation_alias=AliasPath("state", "etag"))]


class HistoryRecord(Record):
    """A message of a conversation, and how far it has come where Frontdesk has recorded it.

    ``request_id``, ``state`` and ``recorded_at`` are ``null`` for entries of older systems.
    """

    message: MessageRecord
    request_id: Annotated[str | None, Field(validation_alias=AliasPath("record", "request_id"))] = (
        None
    )
    state: Annotated[MessageState | None, Field(validation_alias=AliasPath("record", "state"))] = (
        None
    )
    recorded_at: Annotated[
        Moment | None, Field(validation_alias=AliasPath("record", "recorded_at"))
    ] = None
    queued_at: Annotated[
        Moment | None, Field(validation_alias=AliasPath("record", "queued_at"))
    ] = None


class DepthRecord(Record):
    """How much waits on a queue. ``oldest_at`` is ``null`` where the backend does not tell.

    Of a queue that an operator has to mend nothing is known: ``error`` says why, and what to do.
    """

    queue: str
    ready: int | None = None
    delayed: int | None = None
    in_flight: int | None = None
    oldest_at: Moment | None = None
    error: str | None = None


class WaitingRecord(Record):
    """A context on its queue, which nobody took by this look at it."""

    queue: str
    published_at: Moment
    visible_at: Moment
    receive_count: int
    context: dict[str, object]


class UnmatchedRecord(Record):
    """A message whose sender has no open conversation."""

    request_id: str
    channel: ChannelType
    account: str
    sender: str
    recipient: str
    company_id: str | None
    subject: str | None
    body: str
    received_at: Moment
    message_id: str


class RedrivenUnmatchedRecord(Record):
    """The conversation that a message was routed for; ``null`` if it is still unmatched."""

    request_id: str
    conversation_id: str | None
    channel: ChannelType


class DeadLetterRecord(Record):
    """A dead letter, and what its messages say of themselves today."""

    dead_letter_id: str
    kind: DeadLetterKind
    reason: str
    attempts: int
    created_at: Moment
    channel: ChannelType | None
    senders: tuple[str, ...]
    account: str | None
    company_id: str | None
    request_id: str | None
    size_bytes: int | None


class DeadLetterPage(PageRecord[DeadLetterRecord]):
    """A page of dead letters. ``unreadable`` are the places of those that cannot be read."""

    unreadable: tuple[str, ...]


class WholeDeadLetterRecord(DeadLetterRecord):
    """A dead letter with its request. ``body_base64`` is ``null`` over 1 MiB."""

    url: str | None
    headers: tuple[tuple[str, str], ...] | None
    received_at: Moment | None
    body_base64: str | None


class ReceiptRecord(Record):
    """What became of one message."""

    outcome: str
    request_id: str
    conversation_id: str | None


class RedrivenDeadLetterRecord(Record):
    """What became of a dead letter. If it failed, ``reason`` is the new one."""

    dead_letter_id: str
    outcome: RedriveOutcome
    reason: str
    messages: tuple[ReceiptRecord, ...]


class DiagnosisRecord(Record):
    """What the diagnosis of a refused request says."""

    code: str
    cause: str
    remedy: str
    is_certain: bool
    at: Moment


class RefusalRecord(Record):
    """Equal refusals. `channel` is null where the path named none.

    `accepted_at` is when the latest message of the account that was accepted before had come.
    """

    channel: ChannelType | None
    account: str
    reason: str
    tried_urls: str
    count: int
    first_at: Moment
    last_at: Moment
    accepted_at: Moment | None
    diagnosis: DiagnosisRecord | None


class RefusalsRecord(Record):
    """The latest refusals. ``notice`` says why some may be missing."""

    items: tuple[RefusalRecord, ...]
    notice: str | None


class CheckRecord(Record):
    """One thing that ``frontdesk doctor`` checks."""

    check: str
    status: CheckStatus
    text: str


class ChecksRecord(Record):
    """Everything that ``frontdesk doctor`` checks."""

    items: tuple[CheckRecord, ...]
