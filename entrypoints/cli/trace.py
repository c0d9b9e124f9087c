"""``frontdesk trace``: what became of a message."""

from collections.abc import Iterable, Iterator

import click

from application.ports.refusals import Refusal
from application.tracing.results import Detail, MessageTrace, Station, Trace, TraceKind
from application.tracing.station_words import DetailInWords, details_in_words
from entrypoints.cli.terminal.commands import Command, examples, json_option
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import (
    NO_BREAK,
    attributes,
    cut,
    fold,
    moment,
    moment_utc,
    plain,
    print_json,
    rich_console,
    say,
)
from entrypoints.cli.terminal.tables import Column, print_beside, print_table
from entrypoints.cli.trace_refusals import print_nothing_known, print_statement

_NO_TIME = " " * len("2026-11-29 14:05:30 UTC")


@click.command(
    cls=Command,
    epilog=examples(
        "frontdesk trace SM12dfdd676db54893aba083850c904bb4",
        "frontdesk trace '<4711@mail.example.com>'",
        "frontdesk trace +14155550123",
    ),
)
@click.argument("text", metavar="X")
@json_option
def trace(*, text: str, as_json: bool) -> None:
    """What became of a message: where it is, since when, and what to do.

    X is a provider's message id, a request id, the id of a conversation or of a dead letter, or
    a customer's address. Nothing is changed, and nothing is taken from a queue.
    """
    if not text.strip():
        raise click.BadParameter("expected an id or an address", param_hint="'X'")
    with open_container() as container:
        found, settings = container.operations().trace_message()(text), container.settings()
    if as_json:
        print_json(trace_record(found))
    elif found.messages:
        _print(found)
    else:
        print_nothing_known(found, settings)
    if not found.messages:
        raise click.ClickException(f"no message is known of {found.traced or text}")


def trace_record(found: Trace) -> dict[str, object]:
    """A trace as JSON."""
    return {
        **attributes(found, "traced", "kind"),
        **attributes(found.statement, "cause", "remedy", "sentence"),
        "company_id": found.company_id,
        "commands": list(found.commands),
        "messages": [_message_record(one) for one in found.messages],
        "refusals": [_refusal_record(one) for one in found.refusals],
        "notes": list(found.notes),
    }


def _message_record(one: MessageTrace) -> dict[str, object]:
    """Under the context object's names where they exist."""
    names = ("request_id", "message_id", "company_id", "conversation_id", "received_at")
    return {
        **attributes(one, *names),
        "channel_type": one.channel,
        "from": one.sender,
        **attributes(one.conclusion, "state", "since"),
        **attributes(one.conclusion.statement, "cause", "remedy", "sentence"),
        "commands": list(one.conclusion.commands),
        "stations": [
            {**attributes(station, "kind", "at"), "details": dict(station.details)}
            for station in one.stations
        ],
    }


def _refusal_record(one: Refusal) -> dict[str, object]:
    found = one.diagnosis
    names = ("channel", "account", "reason", "tried_urls", "count", "first_at", "last_at")
    return {
        **attributes(one, *names, "accepted_at"),
        "diagnosis": found and attributes(found, "code", "cause", "remedy", "is_certain", "at"),
    }


def _print(found: Trace) -> None:
    """The answer first, then how it came to be."""
    print_statement(found)
    say("")
    if len(found.messages) == 1:
        _print_way(found.messages[0])
    else:
        is_one_id = found.kind is TraceKind.MESSAGE_ID
        print_table(_OF_ONE_ID if is_one_id else _OF_A_CUSTOMER, found.messages)
    _print_notes(found)


def _print_way(one: MessageTrace) -> None:
    """The stations of one message, a line each."""
    channel = one.channel or "unknown channel"
    say(f"Message {one.message_id or one.request_id or '-'} ({channel})", "bold")
    for station in one.stations:
        at = moment_utc(station.at) or _NO_TIME
        kind = station.kind.replace("_", " ")
        head = f"  {at}  {kind:<12}  "
        details = _packed(details_in_words(station), rich_console().width - len(head))
        print_beside(plain(head), plain(details, lines=True))


def _packed(details: Iterable[DetailInWords], columns: int) -> str:
    """``details`` on lines of so many columns. None of them is broken where it fits on one."""
    return fold("  ".join(str(detail).replace(" ", NO_BREAK) for detail in details), columns)


def _where(one: MessageTrace) -> str:
    """Its queue says more than that it waits there."""
    state = one.conclusion.state.replace("_", " ")
    queue = next(_queues(one.stations), None)
    return f"{state} on {queue}" if queue else state


def _name(one: MessageTrace) -> Detail:
    """The id that shows the rest of it."""
    return one.request_id or next(_dead_letter_ids(one.stations), None)


def _queues(stations: tuple[Station, ...]) -> Iterator[Detail]:
    return (one.details["queue"] for one in reversed(stations) if one.details.get("queue"))


def _dead_letter_ids(stations: tuple[Station, ...]) -> Iterator[Detail]:
    return (one.details["dead_letter_id"] for one in stations if "dead_letter_id" in one.details)


_NAME = Column[MessageTrace]("request id", _name, whole=True)
_WHERE = Column[MessageTrace]("where", _where)
_OF_A_CUSTOMER = (
    Column[MessageTrace]("received (UTC)", lambda one: moment(one.received_at), whole=True),
    _NAME,
    _WHERE,
    Column[MessageTrace]("channel", lambda one: one.channel, essential=False),
)
_OF_ONE_ID = (
    _NAME,
    Column[MessageTrace]("from", lambda one: one.sender),
    Column[MessageTrace]("subject", lambda one: cut(one.subject or "-", 40)),
    _WHERE,
)


def _print_notes(found: Trace) -> None:
    for note in found.notes:
        say(f"Note: {note}.", "dim")
