"""Conversation records and their history, as JSON and as a person reads them."""

from collections.abc import Iterator, Mapping, Sequence

from domain.conversations import Conversation
from domain.history import Direction, Message
from entrypoints.cli.terminal.output import age, attributes, cut, moment, plain, print_rich, say
from entrypoints.cli.terminal.tables import Column, Listing, print_facts

_LEFT_OUT = frozenset(
    {
        *("sender", "recipient", "provider", "channel_metadata", "add_ons"),
        *("num_segments", "wa_id", "forwarded", "frequently_forwarded", "message_type"),
        *("envelope", "message_id", "date", "sender_ip", "spam_score", "html_available"),
    }
)
_FACT_COLUMNS = 60


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


def _parties(conversation: Conversation) -> str:
    return f"{conversation.sender_id or '?'} → {conversation.recipient_id or 'any'}"


def _last_active(conversation: Conversation) -> str:
    since = age(conversation.last_activity_at)
    return f"{since} ago" if since else "never"


def _who_answers(conversation: Conversation) -> str:
    return "human" if conversation.hand_off_to_human else "AI"


CONVERSATIONS = Listing[Conversation](
    (
        Column("id", lambda conversation: conversation.conversation_id, whole=True),
        Column("channel", lambda conversation: conversation.primary_channel, whole=True),
        Column("from → to", _parties),
        Column("status", lambda conversation: conversation.conversation_status, essential=False),
        Column("answers", _who_answers, whole=True),
        Column("last active", _last_active, essential=False),
    ),
    record=conversation_record,
    empty="No conversations yet: 'frontdesk conversations open' or 'frontdesk demo' opens one.",
    order="latest",
)


def print_conversation(
    conversation: Conversation, history: Sequence[Message] | None = None
) -> None:
    """A record as a card, then its history as a chat."""
    say(f"Conversation {conversation.conversation_id}", "bold")
    company = (conversation.company_name, conversation.company_id)
    facts = {
        "channel": conversation.primary_channel,
        "customer": conversation.sender_id,
        "writes to": conversation.recipient_id or "any of our addresses, until the first message",
        "status": conversation.conversation_status,
        "answers": _who_answers(conversation),
        "company": " / ".join(filter(None, company)) or None,
        "project": conversation.project_id,
        "credentials": conversation.credentials_reference,
        "thread": conversation.thread_id,
        "last active": moment(conversation.last_activity_at),
    }
    print_facts(facts.items())
    if history is not None and not history:
        say("\nNobody has written yet.", "dim", lines=True)
    for message in history or ():
        _print_message(message)


def _print_message(message: Message) -> None:
    from rich.padding import Padding
    from rich.text import Text

    inbound = message.direction is Direction.INBOUND
    who = str(message.metadata.get("sender", "customer")) if inbound else "company"
    head = Text.assemble(
        "\n",
        plain(f"{moment(message.timestamp)}  ", "dim"),
        plain(f"{'←' if inbound else '→'} {who}", "bold cyan" if inbound else "bold green"),
        plain(f"  {message.message_id}", "dim"),
    )
    parts = [plain(message.content, lines=True)]
    parts += (plain(line, "dim") for line in _extras(message.metadata))
    print_rich(head, *(Padding(part, (0, 0, 0, 4), expand=False) for part in parts))


def _extras(metadata: Mapping[str, object]) -> Iterator[str]:
    """What a person may want to know about a message; ``--json`` has it all."""
    facts = ", ".join(
        f"{name}={cut(str(value), _FACT_COLUMNS)}"
        for name, value in _ungrouped(metadata)
        if isinstance(value, str | int | float) and value != ""
    )
    if facts:
        yield facts
    attachments = metadata.get("attachments")
    for each in attachments if isinstance(attachments, list) else ():
        name = each.get("filename") or each.get("content_type")
        yield f"file {cut(str(name), _FACT_COLUMNS)}: {each.get('reference') or each.get('url')}"


def _ungrouped(metadata: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in metadata.items():
        if name in _LEFT_OUT:
            continue
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, value
