"""What became of a message, as a picture."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from http import HTTPStatus
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from application.tracing.nothing_known import NONE_OF_THESE, likely_refusal
from application.tracing.results import (
    Detail,
    MessageTrace,
    Statement,
    StationKind,
    Trace,
    TraceState,
)
from application.tracing.trace_message import LONGEST
from application.tracing.wording import other_queue
from domain.channels import ChannelType
from domain.errors import (
    PayloadTooLargeError,
    StorageUnavailableError,
    UnsupportedChannelError,
)
from domain.queues import QueueName
from entrypoints.http.access.request_heads import header
from entrypoints.http.api.dependencies import TheCaller, TheContainer, TheOperations
from entrypoints.http.api.trace_routes import visible_trace
from entrypoints.http.console.notices import Link
from entrypoints.http.console.pace import seconds_until_next
from entrypoints.http.console.page_dependencies import ThePage
from entrypoints.http.console.places import conversation_page, segment
from entrypoints.http.console.tracing.way import way_of
from entrypoints.operations.refusal_checks import refusal_line
from infrastructure.configuration.secrets.access_tokens import Scope

router = APIRouter(prefix="/trace")

EVERY_SECONDS = 2
"""An address may be that of every webhook among the dead letters: then all of them are read, and
the page asks less often."""

_CHECKS = Link("/checks", "See the checks")
_BY_RECEIPT = (["queues", "read"], ["queues", "move"])
"""Commands that need the receipt of who has taken a context: no page has it."""

_NO_ANSWER = Statement(
    "It is not known whether this is recorded: the store does not answer.", "Trace it again later."
)
_CODES = {PayloadTooLargeError.reason: 413, UnsupportedChannelError.reason: 404}
"""What was answered to a refused request, by its reason; to all others a 401."""

Subject = Annotated[str, Query(max_length=LONGEST)]


@router.get("")
def trace_message(
    page: ThePage,
    container: TheContainer,
    operations: TheOperations,
    caller: TheCaller,
    subject: Subject = "",
) -> Response:
    """The way of each message that ``subject`` leads to, or what can be asked."""
    if not (wanted := subject.strip()):
        return page("trace_form.html")
    began_at = monotonic()
    found = operations.trace_message()(wanted, caller.token.may_see)
    every = seconds_until_next(monotonic() - began_at, EVERY_SECONDS)
    is_renewed = header(page.request.scope, "hx-request") is not None
    if found.failure and is_renewed:
        # The page keeps what it shows, and says why.
        raise StorageUnavailableError(f"the store could not be asked: {found.failure}")
    shown = visible_trace(found, caller)
    if found.failure and found is not shown and not shown.is_known:
        # The reason may name files and tables of this server.
        shown = replace(shown, statement=_NO_ANSWER)
    settings = container.settings()
    latest = shown.messages[0] if shown.messages else None
    sees_all = caller.token.companies is None
    links, commands = _steps(shown.commands, latest, sees_all=sees_all)
    move = _move_of(shown.commands, latest) if Scope.WRITE in caller.token.scopes else None
    if move:
        commands = [one for one in commands if shlex.split(one)[1:3] not in _BY_RECEIPT]
    if shown.failure and sees_all:
        links.append(_CHECKS)
    return page(
        "trace.html",
        # A browser reports each answer that is an error, and this one is asked for again and again.
        HTTPStatus.OK if is_renewed else _status(shown),
        subject=wanted,
        found=shown,
        every=every,
        traces=[(one, way_of(one, page.now)) for one in shown.messages],
        links=[*dict.fromkeys((*links, *_conversation_of(latest)))],
        commands=commands,
        move=move,
        redrive=_redrive_address(shown.commands),
        refused_with=_code(shown),
        has_signature=_is_about_signature(shown),
        otherwise=next((one for one in shown.notes if one.startswith(NONE_OF_THESE)), ""),
        # Each message has a link to its own page.
        notes=[note for note in shown.notes if not note.startswith("'frontdesk trace ")],
        refusals=[refusal_line(one, settings) for one in shown.refusals],
    )


def _status(found: Trace) -> int:
    if found.is_known:
        return HTTPStatus.OK
    return HTTPStatus.SERVICE_UNAVAILABLE if found.failure else HTTPStatus.NOT_FOUND


def _code(found: Trace) -> int | None:
    if found.messages or not found.refusals:
        return None
    return _CODES.get(likely_refusal(found.refusals).reason, HTTPStatus.UNAUTHORIZED)


def _is_about_signature(found: Trace) -> bool:
    return bool(found.refusals) and likely_refusal(found.refusals).reason.startswith("signature_")


def _redrive_address(commands: Iterable[str]) -> str | None:
    """Where a dead letter is redriven, if that is all that is left to do with it."""
    each = (shlex.split(command)[1:] for command in commands)
    match next((words for words in each if words[0] == "dead-letters"), None):
        case [_, "redrive", dead_letter]:
            return f"/dead-letters/{segment(dead_letter)}/redrive"
    return None


def _move_of(
    commands: Iterable[str], one: MessageTrace | None
) -> tuple[QueueName, QueueName, str, Detail] | None:
    """What the button that moves the context of ``one`` needs, if a command moves it.

    These are the queue that it is on, the other one, its request id and its publication. ``None``
    where a consumer has it, and where the queue does not show whether one has.
    """
    if one is None or one.request_id is None or one.conclusion.state is not TraceState.READY:
        return None
    publication = next(
        s.details["publication"] for s in one.stations if s.kind is StationKind.QUEUED
    )
    for command in commands:
        match shlex.split(command)[1:]:
            case ["queues", "move", name, *_]:
                queue = QueueName.parse(name)
                return queue, other_queue(queue), one.request_id, publication
    return None


def _steps(
    commands: Iterable[str], one: MessageTrace | None, *, sees_all: bool
) -> tuple[list[Link], list[str]]:
    """The pages for ``commands``, and the commands that no page can do without."""
    channel = one.channel if one else None
    links, left = [], []
    for command in commands:
        words = shlex.split(command)[1:]
        link = _page_of(words, channel)
        if link and not sees_all and link.address in {"/checks", "/queues"}:
            link = None
        if link:
            links.append(link)
        if link is None or words[:2] in _BY_RECEIPT:
            left.append(command)
    return links, left


def _conversation_of(one: MessageTrace | None) -> Iterator[Link]:
    """Where a human answers, whether a command names it or not; or what did not take it."""
    is_deleted = one and any(station.details.get("is_deleted") for station in one.stations)
    if one and one.channel and one.conversation_id and not is_deleted:
        address = f"/conversations/{one.channel}/{segment(one.conversation_id)}"
        yield Link(address, "Open the conversation")
    elif one and one.channel and one.other_conversation_id:
        address = conversation_page(one.channel, one.other_conversation_id)
        yield Link(address, "Open the sender's conversation")


def _page_of(words: list[str], channel: ChannelType | None) -> Link | None:
    """The page that does what a command of these words does, if there is one."""
    address = name = ""
    match words:
        case ["doctor", *_]:
            return _CHECKS
        case ["unmatched", *_] | ["conversations", "open", *_]:
            address, name = "/unmatched", "Open the unmatched messages"
        case ["dead-letters", _, dead_letter]:
            address, name = f"/dead-letters/{segment(dead_letter)}", "Open the dead letter"
        case ["conversations", "hand-off", one, _] if channel:
            address, name = conversation_page(channel, one), "Open the conversation"
        case ["queues", "list"]:
            address, name = "/queues", "Open the queues"
        case ["queues", _, queue, *_]:
            address, name = f"/queues/{segment(queue)}", f"Open {queue}"
    return Link(address, name) if address else None
