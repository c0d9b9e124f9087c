"""``frontdesk demo``: a conversation on each channel, so that there is something to try."""

import shlex

import click

from domain.conversations import Conversation
from entrypoints.cli.conversations import conversation_record
from entrypoints.cli.terminal.commands import Command, examples, json_option
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import printable
from entrypoints.cli.terminal.tables import Column, Listing
from entrypoints.simulation.demo import DEMO_SENDERS, DEMO_TEXT, open_demo

_DEMO = Listing[tuple[Conversation, bool]](
    (
        Column("channel", lambda pair: pair[0].primary_channel, whole=True),
        Column("from → to", lambda pair: f"{pair[0].sender_id} → {pair[0].recipient_id}"),
        Column("conversation", lambda pair: pair[0].conversation_id, whole=True),
        Column("", lambda pair: "opened" if pair[1] else "open", essential=False),
    ),
    record=lambda pair: {**conversation_record(pair[0]), "created": pair[1]},
)


@click.command(
    cls=Command, epilog=examples("frontdesk demo", "frontdesk demo --url http://127.0.0.1:9000")
)
@click.option("--url", metavar="URL", help="The server of the commands to try, if not port 8000.")
@json_option
def demo(*, url: str | None, as_json: bool) -> None:
    """Open a conversation on each channel to try.

    Says what to try next. Running it again changes nothing. 'frontdesk send' writes to the
    same recipients.
    """
    with open_container(may_create=True) as container:
        opened = open_demo(container.open_conversation())
    _DEMO.print(opened, as_json=as_json)
    if as_json:
        return
    first = opened[0][0]
    channel, conversation_id = first.primary_channel, first.conversation_id
    to_server = f" --url {shlex.quote(printable(url))}" if url else ""
    send = f"frontdesk send {channel} --from {DEMO_SENDERS[channel]}{to_server}"
    click.echo(f"""
With 'frontdesk serve' running, try in another terminal:

  {send} --body "{DEMO_TEXT}"
  frontdesk queues read {channel}-replies --include-delayed
  frontdesk conversations hand-off {conversation_id} on
  {send} --body "Can I talk to a person?"
  frontdesk queues list
  frontdesk conversations show {conversation_id}""")
