"""What became of a message."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter
from pydantic import AliasPath, Field

from application.tracing.nothing_known import NOBODY_HAS_WRITTEN, nothing_from
from application.tracing.results import (
    MessageTrace,
    Statement,
    StationKind,
    Trace,
    TraceKind,
    TraceState,
)
from domain.channels import ChannelType
from domain.errors import StorageUnavailableError
from entrypoints.http.access.access import Caller
from entrypoints.http.access.problems import ProblemError
from entrypoints.http.api.dependencies import Identifier, TheCaller, TheOperations
from entrypoints.http.api.records import Moment, Record, RefusalRecord

router = APIRouter(prefix="/trace", tags=["trace"])

_UNKNOWN = Statement("nothing is known of this")
_UNMATCHED = Statement(
    "It is unmatched: its sender has no open conversation with its recipient.",
    "Open one, then redrive the message.",
)
_SPOOLED = Statement(
    "It is in the spool: it is safe, and not recorded yet.",
    more="It is recorded by itself as soon as the store takes it.",
)


class StationRecord(Record):
    """One step on the way of a message. `at` is `null` where the time is not stored."""

    kind: StationKind
    at: Moment | None
    details: dict[str, str | int | float | bool | None]


class TracedMessageRecord(Record):
    """The way of one message: where it is, since when, and what to do, with the commands for it.

    `sentence` has `cause`, `remedy` and more. `remedy` is empty if there is nothing to do.
    """

    request_id: str | None
    message_id: str | None
    company_id: str | None
    conversation_id: str | None
    received_at: Moment | None
    channel_type: Annotated[ChannelType | None, Field(validation_alias="channel")]
    sender: Annotated[str | None, Field(serialization_alias="from")]
    state: Annotated[TraceState, Field(validation_alias=AliasPath("conclusion", "state"))]
    since: Annotated[Moment | None, Field(validation_alias=AliasPath("conclusion", "since"))]
    cause: Annotated[str, Field(validation_alias=AliasPath("conclusion", "statement", "cause"))]
    remedy: Annotated[str, Field(validation_alias=AliasPath("conclusion", "statement", "remedy"))]
    sentence: Annotated[str, Field(validation_alias=AliasPath("conclusion", "sentence"))]
    commands: Annotated[
        tuple[str, ...], Field(validation_alias=AliasPath("conclusion", "commands"))
    ]
    stations: tuple[StationRecord, ...]


class TraceRecord(Record):
    """What became of what was traced: its messages, the latest first.

    `sentence` has `cause`, `remedy` and more. `remedy` is empty if there is nothing to do.
    """

    traced: str
    kind: TraceKind
    cause: Annotated[str, Field(validation_alias=AliasPath("statement", "cause"))]
    remedy: Annotated[str, Field(validation_alias=AliasPath("statement", "remedy"))]
    sentence: str
    commands: tuple[str, ...]
    company_id: str | None
    messages: tuple[TracedMessageRecord, ...]
    refusals: tuple[RefusalRecord, ...]
    notes: tuple[str, ...]


@router.get("/{subject}")
def trace(subject: Identifier, operations: TheOperations, caller: TheCaller) -> TraceRecord:
    """What became of a message, as `frontdesk trace` says it.

    `subject` is a provider's message id, a request id, the id of a conversation or of a dead
    letter, or a customer's address. Nothing is taken from a queue. Of an unknown one the problem
    has the refusals that may have to do with it.
    """
    found = operations.trace_message()(subject, caller.token.may_see)
    if found.failure and not found.is_known:
        raise StorageUnavailableError(found.sentence)
    shown = visible_trace(found, caller)
    record = TraceRecord.model_validate(shown)
    if not shown.is_known:
        members = record.model_dump(mode="json", include={"refusals", "notes"})
        raise ProblemError(404, record.sentence, members)
    return record


def visible_trace(found: Trace, caller: Caller) -> Trace:
    """What ``caller`` may know of it.

    A token of some companies is told neither of refusals, nor of what could not be seen.
    """
    if caller.token.companies is None:
        return found
    messages = tuple(map(_without_others, _of_companies(found, caller)))
    is_theirs = bool(messages) if found.messages else caller.token.may_see(found.company_id)
    if not is_theirs:
        unknown = replace(found, kind=TraceKind.UNKNOWN, messages=(), company_id=None)
        return replace(unknown, statement=_UNKNOWN, commands=(), refusals=(), notes=())
    shown = replace(found, messages=messages, refusals=(), notes=())
    if not messages:
        # Refusals belong to no one company.
        is_customer = found.kind is TraceKind.ADDRESS
        nothing = nothing_from(found.traced) if is_customer else NOBODY_HAS_WRITTEN
        return replace(shown, statement=Statement(nothing), commands=())
    if messages == found.messages:
        return shown
    # What is said about all of it may tell of messages that are another company's.
    latest = messages[0].conclusion
    return replace(shown, statement=latest.statement, commands=latest.commands)


def _of_companies(found: Trace, caller: Caller) -> Iterator[MessageTrace]:
    return (one for one in found.messages if caller.token.may_see(one.company_id))


def _without_others(message: MessageTrace) -> MessageTrace:
    """Why it is unmatched may name conversations of its sender with another company.

    Why it is not recorded may name files and tables of this server.
    """
    statements = {TraceState.UNMATCHED: _UNMATCHED, TraceState.SPOOLED: _SPOOLED}
    statement = statements.get(message.conclusion.state)
    if statement is None:
        return message
    conclusion = replace(message.conclusion, statement=statement, commands=())
    stations = tuple(
        replace(one, details={**one.details, "reason": None})
        if one.kind is StationKind.SPOOLED
        else one
        for one in message.stations
    )
    return replace(message, stations=stations, conclusion=conclusion, other_conversation_id=None)
