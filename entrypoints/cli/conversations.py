"""``frontdesk conversations``: open, list, show and hand off conversations."""

from typing import Any

import click

from domain.channels import ChannelType
from domain.conversations import Conversation
from entrypoints.cli.addresses import CHANNELS, recipient_or_service, sender_address
from entrypoints.cli.conversation_views import (
    CONVERSATIONS,
    conversation_record,
    message_record,
    print_conversation,
)
from entrypoints.cli.terminal.commands import Group, examples, json_option, limit_option
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import count, print_json, say

ID = "4b0c1d2e-0f1a-5b2c-8d3e-4f5a6b7c8d9e"


@click.group(cls=Group)
def conversations() -> None:
    """Open, list, show and hand off conversations."""


@conversations.command(
    name="open",
    epilog=examples(
        "frontdesk conversations open --channel sms --sender +14155550123 --recipient +15005550006",
        "frontdesk conversations open --channel email --sender ana@example.com --hand-off",
    ),
)
@click.option("--channel", type=click.Choice(CHANNELS), required=True, help="Where they write.")
@click.option("--sender", required=True, help="The customer's address.")
@click.option("--recipient", help="Our address; if left out, the first message fills it in.")
@click.option("--company-id", help="Whose conversation it is.")
@click.option("--project-id", help="Which of the company's projects.")
@click.option("--company-name", help="The company's name.")
@click.option("--credentials-reference", help="Where consumers find the company's credentials.")
@click.option("--thread-id", help="The Message-ID of the mail that began the thread.")
@click.option(
    "--hand-off", "hand_off_to_human", is_flag=True, help="A human answers from the start."
)
@json_option
def open_command(
    *,
    channel: str,
    sender: str,
    recipient: str | None,
    as_json: bool,
    **others: Any,  # noqa: ANN401 - the other options are attributes of the record
) -> None:
    """Open the conversation of a sender, once.

    From then on what they write there joins it. Opening it again changes nothing and shows
    the record that there is.
    """
    on = ChannelType(channel)
    wanted = Conversation(
        conversation_id="",
        primary_channel=on,
        sender_id=sender_address(on, sender, "--sender"),
        recipient_id=recipient_or_service(on, recipient, "--recipient") if recipient else None,
        **others,
    )
    with open_container() as container:
        conversation, created = container.open_conversation()(wanted)
    if as_json:
        print_json({**conversation_record(conversation), "created": created})
        return
    say("Opened." if created else "It was open already: nothing changed.", "bold")
    print_conversation(conversation)


@conversations.command(name="list", epilog=examples("frontdesk conversations list --limit 20"))
@limit_option(50)
@json_option
def list_command(*, limit: int, as_json: bool) -> None:
    """List conversations, latest activity first."""
    with open_container() as container:
        found = container.conversation_store().list_conversations(limit)
    CONVERSATIONS.print(found, as_json=as_json, limit=limit)


@conversations.command(epilog=examples(f"frontdesk conversations show {ID}"))
@click.argument("conversation_id", metavar="ID")
@limit_option(100)
@json_option
def show(*, conversation_id: str, limit: int, as_json: bool) -> None:
    """Show a conversation and its latest messages, oldest first.

    With --json: one line per record, its history under "messages".
    """
    with open_container() as container:
        found = container.show_conversation()(conversation_id, limit)
    for conversation, history in found:
        if as_json:
            messages = [message_record(message) for message in history]
            print_json({**conversation_record(conversation), "messages": messages})
            continue
        print_conversation(conversation, history)
        if len(history) == limit:
            say(f"The latest {limit}: a larger --limit shows more.", "dim")


@conversations.command(
    name="hand-off", epilog=examples(f"frontdesk conversations hand-off {ID} on")
)
@click.argument("conversation_id", metavar="ID")
@click.argument("state", metavar="on|off", type=click.Choice(["on", "off"]))
@json_option
def hand_off(*, conversation_id: str, state: str, as_json: bool) -> None:
    """Let a human answer (on), or the AI again (off).

    Every message that arrives afterwards goes to the queue of whoever answers now.
    """
    with open_container() as container:
        changed = container.switch_hand_off()(conversation_id, on=state == "on")
    if as_json:
        CONVERSATIONS.print(changed, as_json=True)
        return
    who = "a human answers" if state == "on" else "the AI answers"
    say(f"{conversation_id}: {who} from now on ({count(len(changed), 'record')})")
