"""``frontdesk demo``: a conversation on each channel, so that there is something to try."""

import click

from domain.channels import ChannelType
from domain.conversations import Conversation
from entrypoints.cli.conversation_views import conversation_record
from entrypoints.cli.terminal.commands import Command
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import (
    Column,
    examples,
    json_option,
    print_json,
    print_table,
)

DEMO_SENDERS = {channel: channel.rules.example_sender for channel in ChannelType}
DEMO_RECIPIENTS = {channel: channel.rules.example_recipient for channel in ChannelType}


@click.command(
    cls=Command,
    short_help="Open a conversation on each channel to try.",
    epilog=examples("frontdesk demo"),
)
@json_option
def demo(*, as_json: bool) -> None:
    """Open one demo conversation per channel, and say what to try next.

    Running it again changes nothing. 'frontdesk send' writes to the same recipients.
    """
    with open_container() as container:
        opened = [container.open_conversation()(_wanted(channel)) for channel in ChannelType]
    if as_json:
        for conversation, created in opened:
            print_json({**conversation_record(conversation), "created": created})
        return
    print_table(
        (
            Column("channel", whole=True),
            Column("from → to"),
            Column("conversation", whole=True),
            Column("", essential=False),
        ),
        (
            (
                conversation.primary_channel,
                f"{conversation.sender_id} → {conversation.recipient_id}",
                conversation.conversation_id,
                "opened" if created else "open",
            )
            for conversation, created in opened
        ),
        empty="",
    )
    click.echo(_next_steps(opened[0][0]))


def _wanted(channel: ChannelType) -> Conversation:
    return Conversation(
        conversation_id="",
        primary_channel=channel,
        sender_id=DEMO_SENDERS[channel],
        recipient_id=DEMO_RECIPIENTS[channel],
    )


def _next_steps(conversation: Conversation) -> str:
    channel = conversation.primary_channel
    show = f"frontdesk conversations show {conversation.conversation_id}"
    hand_off = f"frontdesk conversations hand-off {conversation.conversation_id} on"
    return f"""
With 'frontdesk serve' running, try in another terminal:

  frontdesk send {channel} --from {DEMO_SENDERS[channel]} --body "Is my order on its way?"
  frontdesk queues read {channel}-replies --include-delayed
  {show}
  {hand_off}
  frontdesk send {channel} --from {DEMO_SENDERS[channel]} --body "Hello?" --times 100
  frontdesk queues list"""
