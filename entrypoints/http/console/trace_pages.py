"""What became of a message, as a picture."""

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import replace
from http import HTTPStatus
from time import monotonic
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Query
from starlette.responses import Response

from application.tracing.results import MessageTrace, Trace
from application.tracing.trace_message import LONGEST
from domain.channels import ChannelType
from domain.errors import StorageUnavailableError
from entrypoints.http.access.request_heads import header
from entrypoints.http.api.dependencies import TheCaller, TheContainer, TheOperations
from entrypoints.http.api.trace_routes import visible_trace
from entrypoints.http.console.page_dependencies import ThePage
from entrypoints.http.console.trace_way import way_of
from entrypoints.http.console.words import segment
from entrypoints.operations.refusal_checks import refusal_line

router = APIRouter(prefix="/trace")

_SHARE = 50
"""An open page may keep one of so many processors busy."""

_NO_ANSWER = "It is not known whether this is recorded: the store does not answer."

Subject = Annotated[str, Query(max_length=LONGEST)]


class PageLink(NamedTuple):
    """A page that does what a command does."""

    address: str
    name: str


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
    every = seconds_until_next(monotonic() - began_at)
    if found.failure and header(page.request.scope, "hx-request"):
        # The page keeps what it shows, and says why.
        raise StorageUnavailableError(f"the store could not be asked: {found.failure}")
    shown = visible_trace(found, caller)
    if found.failure and found is not shown and not shown.is_known:
        # The reason may name files and tables of this server.
        shown = replace(shown, sentence=_NO_ANSWER)
    settings = container.settings()
    return page(
        "trace.html",
        _status(shown),
        found=shown,
        every=every,
        traces=[(one, way_of(one, page.now)) for one in shown.messages],
        links=list(_links(shown, sees_all=caller.token.companies is None)),
        refusals=[refusal_line(one, settings) for one in shown.refusals],
    )


def seconds_until_next(took: float) -> int:
    """How soon the page asks again: what is searched for long is searched seldom.

    An address may be that of every webhook among the dead letters, so they are all read.
    """
    return min(max(2, round(took * _SHARE)), 60)


def _status(found: Trace) -> int:
    if found.is_known:
        return HTTPStatus.OK
    return HTTPStatus.SERVICE_UNAVAILABLE if found.failure else HTTPStatus.NOT_FOUND


def _links(found: Trace, *, sees_all: bool) -> Iterator[PageLink]:
    """The pages for the commands of ``found``, each once."""
    latest = found.messages[0] if found.messages else None
    links = _each_link(found.commands, latest, sees_all=sees_all)
    yield from dict.fromkeys(links)


def _each_link(
    commands: Iterable[str], one: MessageTrace | None, *, sees_all: bool
) -> Iterator[PageLink]:
    channel = one.channel if one else None
    for command in commands:
        link = _page_of(shlex.split(command)[1:], channel)
        if link and (sees_all or link.address not in {"/checks", "/queues"}):
            yield link


def _page_of(words: list[str], channel: ChannelType | None) -> PageLink | None:
    match words:
        case ["doctor", *_]:
            return PageLink("/checks", "See the checks")
        case ["unmatched", *_] | ["conversations", "open", *_]:
            return PageLink("/unmatched", "Open the unmatched messages")
        case ["dead-letters", _, name]:
            return PageLink(f"/dead-letters/{segment(name)}", "Open the dead letter")
        case ["conversations", "hand-off", name, _] if channel:
            address = f"/conversations/{channel}/{segment(name)}"
            return PageLink(address, "Open the conversation")
        case ["queues", *_]:
            return PageLink("/queues", "Open the queues")
    return None
