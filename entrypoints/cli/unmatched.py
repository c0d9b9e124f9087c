"""``frontdesk unmatched``: what unknown senders wrote."""

from itertools import islice

import click

from application.recovery.redrive_unmatched import all_unmatched
from domain.conversations import Conversation
from domain.outbox import MessageRecord
from domain.times import rfc3339
from entrypoints.cli.terminal.commands import Group
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.listing import OldestFirst
from entrypoints.cli.terminal.output import (
    Column,
    count,
    cut,
    examples,
    json_option,
    limit_option,
    moment,
    plain,
    print_json,
    print_rich,
)
from entrypoints.cli.terminal.progress import progress


@click.group(cls=Group, short_help="What unknown senders wrote.")
def unmatched() -> None:
    """See what unknown senders wrote, and deliver it once they have a conversation."""


@unmatched.command(
    name="list",
    short_help="List what belongs to no conversation.",
    epilog=examples("frontdesk unmatched list --limit 20"),
)
@limit_option(100)
@json_option
def list_command(*, limit: int, as_json: bool) -> None:
    """List the messages that belong to no conversation, oldest first."""
    with open_container() as container:
        records = list(islice(all_unmatched(container.message_store()), limit))
    _UNMATCHED.print(records, limit, as_json=as_json)


def unmatched_record(record: MessageRecord) -> dict[str, object]:
    """An unmatched message, under the context object's names where they exist."""
    message = record.message
    return {
        "request_id": record.request_id,
        "channel_type": message.channel.value,
        "from": message.sender.value,
        "to": message.recipient.verbatim,
        "body": message.body,
        "message_id": message.provider_message_id,
        "timestamp": rfc3339(message.received_at),
        "subject": message.subject,
    }


def _cells(record: MessageRecord) -> tuple[object, ...]:
    message = record.message
    return (
        moment(message.received_at),
        message.channel,
        f"{message.sender.value} → {message.recipient.address}",
        message.provider_message_id,
        cut(message.subject or message.body, 40),
    )


_UNMATCHED = OldestFirst(
    columns=(
        Column("received (UTC)", whole=True),
        Column("channel", whole=True),
        Column("from → to"),
        Column("message id", essential=False),
        Column("text"),
    ),
    cells=_cells,
    record=unmatched_record,
    empty="Nothing is unmatched.",
)


@unmatched.command(
    short_help="Deliver what has a conversation now.",
    epilog=examples(
        "frontdesk conversations open --channel sms --sender +14155550123",
        "frontdesk unmatched redrive",
    ),
)
@json_option
def redrive(*, as_json: bool) -> None:
    """Match every unmatched message again, and deliver those that have a conversation now.

    Safe to stop at any point, and to run again. With --json: a line per message, its
    conversation_id null when it is still unmatched.
    """
    joined = left = 0
    with open_container() as container, progress("matching", quiet=True) as advance:
        for record, conversation in container.redrive_unmatched()():
            joined, left = joined + bool(conversation), left + (not conversation)
            advance(joined + left)
            if as_json:
                print_json(_redriven(record, conversation))
            elif conversation:
                click.echo(_joined_line(record, conversation))
    if not as_json:
        print_rich(plain(_summary(joined, left), "bold"))


def _redriven(record: MessageRecord, conversation: Conversation | None) -> dict[str, object]:
    joined = conversation.conversation_id if conversation else None
    return {**unmatched_record(record), "conversation_id": joined}


def _joined_line(record: MessageRecord, conversation: Conversation) -> str:
    message = record.message
    return plain(
        f"{message.provider_message_id} of {message.sender.value} "
        f"joined {conversation.conversation_id}"
    ).plain


def _summary(joined: int, left: int) -> str:
    if not joined + left:
        return "Nothing is unmatched."
    still = f"{left} still unmatched" if left else "nothing is unmatched any more"
    return f"{count(joined, 'message')} joined a conversation, {still}."
