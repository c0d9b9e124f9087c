"""``frontdesk conversations``: open, list, show and hand off conversations."""

import click

from domain.channels import ChannelType
from domain.conversations import Conversation
from entrypoints.cli.addresses import CHANNELS, recipient_or_service, sender_address
from entrypoints.cli.conversation_views import (
    conversation_record,
    message_record,
    print_conversation,
    print_conversations,
)
from entrypoints.cli.terminal.commands import Group
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import (
    count,
    examples,
    json_option,
    limit_option,
    plain,
    print_json,
    print_rich,
)


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
@click.option("--hand-off", is_flag=True, help="A human answers from the start.")
@json_option
def open_command(
    *,
    channel: str,
    sender: str,
    recipient: str | None,
    company_id: str | None,
    project_id: str | None,
    company_name: str | None,
    credentials_reference: str | None,
    thread_id: str | None,
    hand_off: bool,
    as_json: bool,
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
        hand_off_to_human=hand_off,
        thread_id=thread_id,
        company_id=company_id,
        project_id=project_id,
        company_name=company_name,
        credentials_reference=credentials_reference,
    )
    with open_container() as container:
        conversation, created = container.open_conversation()(wanted)
    if as_json:
        print_json({**conversation_record(conversation), "created": created})
        return
    print_rich(
        plain("Opened." if created else "It was open already:  nothing changed.", "bold"),
    )
    print_conversation(conversation)


@conversations.command(name="list", epilog=examples("frontdesk conversations list --limit 20"))
@limit_option(50)
@json_option
def list_command(*, limit: int, as_json: bool) -> None:
    """List conversations, latest activity first."""
    with open_container() as container:
        found = container.conversation_store().list_conversations(limit)
    if as_json:
        for conversation in found:
            print_json(conversation_record(conversation))
        return
    print_conversations(found)
    if len(found) == limit:
        print_rich(plain(f"These are the latest {limit}: a larger --limit shows more.", "dim"))


@conversations.command(
    epilog=examples("frontdesk conversations show 4b0c1d2e-0f1a-5b2c-8d3e-4f5a6b7c8d9e")
)
@click.argument("conversation_id", metavar="ID")
@limit_option(100, "Latest messages.")
@json_option
def show(*, conversation_id: str, limit: int, as_json: bool) -> None:
    """Show a conversation and its history, oldest message first.

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
            print_rich(plain(f"The latest {limit}: a larger --limit shows more.", "dim"))


@conversations.command(
    name="hand-off",
    epilog=examples("frontdesk conversations hand-off 4b0c1d2e-0f1a-5b2c-8d3e-4f5a6b7c8d9e on"),
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
        for conversation in changed:
            print_json(conversation_record(conversation))
        return
    who = "a human answers" if state == "on" else "the AI answers"
    print_rich(plain(f"{conversation_id}: {who} from now on ({count(len(changed), 'record')})"))
