"""What a trace tells: stations as data, and a conclusion in words, with commands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from application.ports.refusals import Refusal
from domain.channels import ChannelType

Detail: TypeAlias = str | int | float | bool | None


class StationKind(StrEnum):
    """What happened to a message, or where it is."""

    RECEIVED = "received"
    SPOOLED = "spooled"
    RECORDED = "recorded"
    MATCHED = "matched"
    UNMATCHED = "unmatched"
    FALLBACK = "fallback"
    ATTEMPTED = "attempted"
    QUEUED = "queued"
    WAITING = "waiting"
    TAKEN = "taken"
    ACKNOWLEDGED = "acknowledged"
    DEAD_LETTER = "dead_letter"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Station:
    """One step on the way of a message. ``at`` is ``None`` where the time is not stored.

    ``details`` are codes, ids, addresses, numbers and reasons in our own words, under constant
    names, and never a text of a message.
    """

    kind: StationKind
    at: datetime | None
    details: Mapping[str, Detail] = field(default_factory=dict)


class TraceState(StrEnum):
    """Where a message is.

    ``DELAYED``, ``READY``, ``IN_FLIGHT`` and ``ACKNOWLEDGED`` are what a queue knows that can
    show what waits. ``QUEUED`` is all that is known where it cannot.
    """

    DELAYED = "delayed"
    READY = "ready"
    IN_FLIGHT = "in_flight"
    ACKNOWLEDGED = "acknowledged"
    QUEUED = "queued"
    PENDING = "pending"
    UNDELIVERABLE = "undeliverable"
    UNMATCHED = "unmatched"
    SPOOLED = "spooled"
    DEAD_LETTER = "dead_letter"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Statement:
    """What an operator has to know of a message, in sentences.

    ``cause`` is where it is, since when and why. ``remedy`` is what to do, the likely one first,
    and empty if there is nothing to do. ``more`` is background, and may be empty. ``how`` says
    what the commands need, where they need something.
    """

    cause: str
    remedy: str = ""
    more: str = ""
    how: str = ""

    @property
    def sentence(self) -> str:
        """All of it."""
        return " ".join(filter(None, (self.cause, self.remedy, self.more, self.how)))


@dataclass(frozen=True, slots=True)
class Conclusion:
    """Where a message is, since when, and in plain words what to do.

    ``commands`` are the ones that do it, in their order. ``RECEIPT`` in one of them stands for
    what the command before it shows.
    """

    state: TraceState
    since: datetime | None
    statement: Statement
    commands: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The statement as one text."""
        return self.statement.sentence


@dataclass(frozen=True, slots=True)
class MessageTrace:
    """The way of one message. What is not known is ``None``.

    ``company_id`` is that of its conversation, else of the company that its recipient or its
    account belongs to. ``message_id`` is the provider's, and ``sender`` is an address. A
    ``subject`` has mail alone. ``other_conversation_id`` is that of its sender's conversation that
    did not take an unmatched message.
    """

    stations: tuple[Station, ...]
    conclusion: Conclusion
    request_id: str | None = None
    message_id: str | None = None
    channel: ChannelType | None = None
    sender: str | None = None
    company_id: str | None = None
    conversation_id: str | None = None
    received_at: datetime | None = None
    subject: str | None = None
    other_conversation_id: str | None = None


class TraceKind(StrEnum):
    """What was traced. ``UNKNOWN`` is known to no store, and may be any of them."""

    MESSAGE_ID = "message_id"
    REQUEST_ID = "request_id"
    CONVERSATION_ID = "conversation_id"
    DEAD_LETTER_ID = "dead_letter_id"
    ADDRESS = "address"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Trace:
    """What became of what was ``traced``: its messages, the latest first.

    ``statement`` and ``commands`` are about all of it. ``refusals`` are the latest that may have
    to do with it, if nothing is known. ``notes`` say what could not be seen, and more of
    interest. ``company_id`` is that of a conversation without messages. With ``failure``, which
    says why the store could not be asked, there may be more.
    """

    traced: str
    kind: TraceKind
    messages: tuple[MessageTrace, ...]
    statement: Statement
    refusals: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()
    company_id: str | None = None
    commands: tuple[str, ...] = ()
    failure: str | None = None

    @property
    def sentence(self) -> str:
        """The statement as one text."""
        return self.statement.sentence

    @property
    def is_known(self) -> bool:
        """Whether anything is known of what was traced."""
        return self.kind is not TraceKind.UNKNOWN
