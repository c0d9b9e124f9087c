"""``frontdesk unmatched``: what unknown senders wrote."""

import click

from domain.messages import MessageRecord
from entrypoints.cli.terminal.commands import (
    Group,
    after_option,
    bad_parameters,
    examples,
    json_option,
    limit_option,
)
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import count, cut, moment, print_json, progress, say
from entrypoints.cli.terminal.tables import Column, Listing


def _record(record: MessageRecord) -> dict[str, object]:
    """Under the context object's names where they exist."""
    message = record.message
    return {
        "request_id": record.request_id,
        "channel_type": message.channel,
        "from": message.sender.value,
        "to": message.recipient.verbatim,
        "body": message.body,
        "message_id": message.provider_message_id,
        "timestamp": message.received_at,
        "subject": message.subject,
    }


_UNMATCHED = Listing[MessageRecord](
    (
        Column("received (UTC)", lambda one: moment(one.message.received_at), whole=True),
        Column("channel", lambda one: one.message.channel, whole=True),
        Column(
            "from → to", lambda one: f"{one.message.sender.value} → {one.message.recipient.address}"
        ),
        Column("message id", lambda one: one.message.provider_message_id, essential=False),
        Column("text", lambda one: cut(one.message.subject or one.message.body, 40)),
    ),
    record=_record,
    empty="Nothing is unmatched.",
)


@click.group(cls=Group)
def unmatched() -> None:
    """What unknown senders wrote: see it, and deliver it."""


@unmatched.command(name="list", epilog=examples("frontdesk unmatched list --limit 20"))
@limit_option(100)
@after_option
@json_option
def list_command(*, limit: int, after: str | None, as_json: bool) -> None:
    """List what belongs to no conversation, oldest first."""
    with open_container() as container, bad_parameters():
        page = container.operations().list_unmatched()(limit, after=after)
    _UNMATCHED.print_page(page, limit, as_json=as_json)


@unmatched.command(
    epilog=examples(
        "frontdesk conversations open --channel sms --sender +14155550123",
        "frontdesk unmatched redrive",
    )
)
@json_option
def redrive(*, as_json: bool) -> None:
    """Deliver what has a conversation now.

    Safe to stop at any point, and to run again. With --json: a line per message, its
    conversation_id null when it is still unmatched.
    """
    joined = left = 0
    with open_container() as container, progress("matching") as advance:
        for record, conversation in container.operations().redrive_unmatched()():
            joined, left = joined + bool(conversation), left + (not conversation)
            advance(joined + left)
            conversation_id = conversation.conversation_id if conversation else None
            if as_json:
                print_json({**_record(record), "conversation_id": conversation_id})
            elif conversation_id:
                message = record.message
                who = f"{message.provider_message_id} of {message.sender.value}"
                say(f"{who} joined {conversation_id}")
    if not as_json and joined + left:
        still = f"{left} still unmatched" if left else "nothing is unmatched any more"
        say(f"{count(joined, 'message')} joined a conversation, {still}.", "bold")
    elif not as_json:
        say(_UNMATCHED.empty, "bold")
