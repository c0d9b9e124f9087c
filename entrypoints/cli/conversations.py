"""``frontdesk conversations``: open, list, show and hand off conversations."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from application.conversations.search_conversations import ANY_CONVERSATION, ConversationFilter
from domain.channels import ChannelType
from domain.conversations import Conversation, Direction, Message
from domain.errors import InvalidAddressError
from entrypoints.cli.addresses import CHANNELS, recipient_or_service, sender_address
from entrypoints.cli.terminal.commands import (
    Group,
    after_option,
    bad_parameters,
    examples,
    json_option,
    limit_option,
)
from entrypoints.cli.terminal.container_context import open_container
from entrypoints.cli.terminal.output import (
    age,
    attributes,
    count,
    cut,
    moment_utc,
    plain,
    print_json,
    print_rich,
    say,
    to_json,
)
from entrypoints.cli.terminal.tables import VALUE_COLUMNS, Column, Listing, print_fields

ID = "4b0c1d2e-0f1a-5b2c-8d3e-4f5a6b7c8d9e"
_LEFT_OUT = {
    *("sender", "recipient", "provider", "channel_metadata", "add_ons"),
    *("num_segments", "wa_id", "forwarded", "frequently_forwarded", "message_type"),
    *("envelope", "message_id", "date", "sender_ip", "spam_score", "html_available"),
}
"""Metadata that no person wants to know about a message; ``--json`` has it all."""


def message_record(message: Message) -> dict[str, object]:
    """A message under the names of the published record."""
    names = ("message_id", "direction", "content", "timestamp", "channel_type")
    return {**attributes(message, *names), "metadata": dict(message.metadata)}


def conversation_record(conversation: Conversation) -> dict[str, object]:
    """A conversation under the names of the published record."""
    last = conversation.last_message
    return {
        **attributes(
            conversation,
            *("conversation_id", "primary_channel", "conversation_status", "hand_off_to_human"),
            *("thread_id", "company_id", "project_id", "company_name", "credentials_reference"),
            *("sender_id", "recipient_id", "last_user_message_at", "last_activity_at"),
        ),
        "last_message": message_record(last) if last else None,
    }


def _who_answers(conversation: Conversation) -> str:
    return "human" if conversation.hand_off_to_human else "AI"


def _last_active(conversation: Conversation) -> str:
    since = age(conversation.last_activity_at)
    return f"{since} ago" if since else "never"


CONVERSATIONS = Listing[Conversation](
    (
        Column("id", lambda one: one.conversation_id, whole=True),
        Column("channel", lambda one: one.primary_channel, whole=True),
        Column("from → to", lambda one: f"{one.sender_id or '?'} → {one.recipient_id or 'any'}"),
        Column("status", lambda one: one.conversation_status, essential=False),
        Column("answers", _who_answers, whole=True),
        Column("last active", _last_active, essential=False),
    ),
    record=conversation_record,
    empty="No conversations yet: 'frontdesk conversations open' or 'frontdesk demo' opens one.",
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
@click.option("--hand-off", "hand_off_to_human", is_flag=True, help="A human answers at once.")
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
    with open_container(may_create=True) as container:
        conversation, created = container.open_conversation()(wanted)
    if as_json:
        print_json({**conversation_record(conversation), "created": created})
        return
    say("Opened." if created else "It was open already: nothing changed.", "bold")
    print_conversation(conversation)


@conversations.command(
    name="list",
    epilog=examples(
        "frontdesk conversations list --limit 20",
        "frontdesk conversations list --address +14155550123 --channel whatsapp",
    ),
)
@click.option("--address", help="Only those of this customer, in any form of the address.")
@click.option("--channel", type=click.Choice(CHANNELS), help="Only those on this channel.")
@click.option("--company", metavar="ID", help="Only those of the company with this id.")
@click.option("--status", help="Only those with this status.")
@click.option("--answers", type=click.Choice(["human", "ai"]), help="Only those that it answers.")
@limit_option(50)
@after_option
@json_option
def list_command(
    *,
    address: str | None,
    channel: str | None,
    company: str | None,
    status: str | None,
    answers: str | None,
    limit: int,
    after: str | None,
    as_json: bool,
) -> None:
    """List conversations, latest activity first.

    One page: it looks at 1,000 conversations at most, and says how to go on. On DynamoDB only an
    address is found by an index, and there is no order among pages.
    """
    wanted = ConversationFilter(
        address=address,
        channel=ChannelType(channel) if channel else None,
        status=status,
        company_ids=None if company is None else (company,),
        hand_off_to_human=None if answers is None else answers == "human",
    )
    with open_container() as container, bad_parameters(address=InvalidAddressError):
        page = container.operations().search_conversations()(wanted, limit, after=after)
    empty = None if wanted == ANY_CONVERSATION else "No conversation fits."
    CONVERSATIONS.print_page(page, limit, as_json=as_json, empty=empty)


@conversations.command(epilog=examples(f"frontdesk conversations show {ID}"))
@click.argument("conversation_id", metavar="ID")
@limit_option(100)
@json_option
def show(*, conversation_id: str, limit: int, as_json: bool) -> None:
    """Show a conversation and its latest messages, oldest first.

    With --json: one line per record, its history under "messages".
    """
    with open_container() as container:
        found = container.operations().show_conversation()(conversation_id, limit)
    for conversation, history in found:
        if as_json:
            messages = [message_record(message) for message in history]
            print_json({**conversation_record(conversation), "messages": messages})
            continue
        print_conversation(conversation, history)
        if len(history) == limit:
            say(f"The latest {limit}: a larger --limit shows more.", "dim")


@conversations.command("hand-off", epilog=examples(f"frontdesk conversations hand-off {ID} on"))
@click.argument("conversation_id", metavar="ID")
@click.argument("state", metavar="on|off", type=click.Choice(["on", "off"]))
@json_option
def hand_off(*, conversation_id: str, state: str, as_json: bool) -> None:
    """Let a human answer (on), or the AI again (off).

    Every message that arrives afterwards goes to the queue of the human or the AI.
    """
    with open_container() as container:
        changed = container.operations().switch_hand_off()(conversation_id, on=state == "on")
    if as_json:
        CONVERSATIONS.print(changed, as_json=True)
        return
    who = "a human" if state == "on" else "the AI"
    say(f"{conversation_id}: {who} answers from now on ({count(len(changed), 'record')})")


def print_conversation(
    conversation: Conversation, history: Sequence[Message] | None = None
) -> None:
    """A record as a card, then its history as a chat."""
    say(f"Conversation {conversation.conversation_id}", "bold")
    company = (conversation.company_name, conversation.company_id)
    print_fields(
        ("channel", conversation.primary_channel),
        ("customer", conversation.sender_id),
        ("writes to", conversation.recipient_id or "any of our addresses, until the first message"),
        ("status", conversation.conversation_status),
        ("answers", _who_answers(conversation)),
        ("company", " / ".join(filter(None, company)) or None),
        ("project", conversation.project_id),
        ("credentials", conversation.credentials_reference),
        ("thread", conversation.thread_id),
        ("last active", moment_utc(conversation.last_activity_at)),
    )
    if history is not None and not history:
        say("\nNobody has written yet.", "dim", lines=True)
    for message in history or ():
        _print_message(message)


def _print_message(message: Message) -> None:
    from rich.padding import Padding
    from rich.text import Text

    inbound = message.direction is Direction.INBOUND
    sender = str(message.metadata.get("sender", "customer"))
    who = sender.removeprefix(message.channel_type.rules.scheme) if inbound else "company"
    head = Text.assemble(
        "\n",
        plain(f"{moment_utc(message.timestamp)}  ", "dim"),
        plain(f"{'←' if inbound else '→'} {who}", "bold cyan" if inbound else "bold green"),
        plain(f"  {message.message_id}", "dim"),
    )
    parts = [plain(message.content, lines=True)]
    parts += (plain(line, "dim") for line in _extras(message.metadata))
    print_rich(head, *(Padding(part, (0, 0, 0, 4), expand=False) for part in parts))


def _extras(metadata: Mapping[str, object]) -> Iterator[str]:
    """What a person may want to know about a message; ``--json`` has it all."""
    shown = {name: value for name, value in metadata.items() if value and name not in _LEFT_OUT}
    attachments = shown.pop("attachments", ())
    if shown:
        yield cut(to_json(shown), VALUE_COLUMNS)
    for each in attachments if isinstance(attachments, list) else ():
        name = each.get("filename") or each.get("content_type")
        yield f"file {cut(str(name))}: {each.get('reference') or each.get('url')}"
