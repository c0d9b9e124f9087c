"""Conversation records and their history, as JSON and as a person reads them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from domain.conversations import Conversation
from domain.history import Direction, Message
from domain.times import rfc3339
from entrypoints.cli.terminal.output import (
    Column,
    age,
    cut,
    moment,
    plain,
    print_rich,
    print_table,
)

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

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
    return {
        "message_id": message.message_id,
        "direction": message.direction.value,
        "content": message.content,
        "timestamp": rfc3339(message.timestamp),
        "channel_type": message.channel_type.value,
        "metadata": dict(message.metadata),
    }


def conversation_record(conversation: Conversation) -> dict[str, object]:
    """A conversation under the names of the published record."""
    user_at, activity_at = conversation.last_user_message_at, conversation.last_activity_at
    last = conversation.last_message
    return {
        "conversation_id": conversation.conversation_id,
        "primary_channel": conversation.primary_channel.value,
        "conversation_status": conversation.conversation_status,
        "hand_off_to_human": conversation.hand_off_to_human,
        "thread_id": conversation.thread_id,
        "company_id": conversation.company_id,
        "project_id": conversation.project_id,
        "company_name": conversation.company_name,
        "credentials_reference": conversation.credentials_reference,
        "sender_id": conversation.sender_id,
        "recipient_id": conversation.recipient_id,
        "last_user_message_at": rfc3339(user_at) if user_at else None,
        "last_activity_at": rfc3339(activity_at) if activity_at else None,
        "last_message": message_record(last) if last else None,
    }


def print_conversations(conversations: Iterable[Conversation]) -> None:
    """A table of conversations."""
    print_table(
        (
            Column("id", whole=True),
            Column("channel", whole=True),
            Column("from → to"),
            Column("status", essential=False),
            Column("answers", whole=True),
            Column("last active", essential=False),
        ),
        (
            (
                conversation.conversation_id,
                conversation.primary_channel,
                f"{conversation.sender_id or '?'} → {conversation.recipient_id or 'any'}",
                conversation.conversation_status,
                answering(conversation),
                f"{age(conversation.last_activity_at)} ago"
                if conversation.last_activity_at
                else "never",
            )
            for conversation in conversations
        ),
        empty="No conversations yet: 'frontdesk conversations open' or 'frontdesk demo' opens one.",
    )


def answering(conversation: Conversation) -> str:
    """Who answers."""
    return "human" if conversation.hand_off_to_human else "AI"


def print_conversation(
    conversation: Conversation, history: Sequence[Message] | None = None
) -> None:
    """A record as a card, then its history as a chat."""
    print_rich(plain(f"Conversation {conversation.conversation_id}", "bold"), _card(conversation))
    if history is None:
        return
    if not history:
        print_rich(plain("\nNobody has written yet.", "dim", lines=True))
    for message in history:
        print_rich(*_entry(message))


def _card(conversation: Conversation) -> "Table":
    from rich.table import Table

    fields: Mapping[str, str | None] = {
        "channel": conversation.primary_channel,
        "customer": conversation.sender_id,
        "writes to": conversation.recipient_id or "any of our addresses, until the first message",
        "status": conversation.conversation_status,
        "answers": answering(conversation),
        "company": " / ".join(filter(None, (conversation.company_name, conversation.company_id))),
        "project": conversation.project_id,
        "credentials": conversation.credentials_reference,
        "thread": conversation.thread_id,
        "last active": moment(conversation.last_activity_at),
    }
    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in fields.items():
        if value:
            table.add_row(plain(f"  {name}", "dim"), plain(value))
    return table


def _entry(message: Message) -> "tuple[RenderableType, ...]":
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
    parts: list[RenderableType] = [
        head,
        Padding(plain(message.content, lines=True), (0, 0, 0, 4), expand=False),
    ]
    extras = _extras(message.metadata)
    if extras:
        parts.append(Padding(plain(extras, "dim"), (0, 0, 0, 4), expand=False))
    parts += (
        Padding(plain(line, "dim"), (0, 0, 0, 4), expand=False)
        for line in _attachment_lines(message.metadata.get("attachments"))
    )
    return tuple(parts)


def _attachment_lines(attachments: object) -> Iterator[str]:
    """Each file of a message: what the sender called it, and where it is."""
    for each in attachments if isinstance(attachments, list) else ():
        name = each.get("filename") or each.get("content_type")
        yield f"file {cut(str(name), _FACT_COLUMNS)}: {each.get('reference') or each.get('url')}"


def _extras(metadata: Mapping[str, object]) -> str:
    """The metadata of a message that a person may want, on one line; ``--json`` has them all."""
    shown = {name: value for name, value in metadata.items() if name not in _LEFT_OUT}
    for group in [name for name, value in shown.items() if isinstance(value, dict)]:
        inner = shown.pop(group)
        if isinstance(inner, dict):
            shown |= {f"{group}.{name}": value for name, value in inner.items()}
    return ", ".join(
        f"{name}={cut(str(value), _FACT_COLUMNS)}"
        for name, value in shown.items()
        if isinstance(value, str | int | float) and value != ""
    )
