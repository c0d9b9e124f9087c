"""What the stores in memory share."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TypeVar

from application.ports.pages import Page, read_cursor, write_cursor
from domain.conversations import Conversation, Message
from domain.erasure import Tombstone
from domain.messages import ConversationKey, MessageRecord
from infrastructure.serialization.context_json import inbound_from_json, inbound_to_json

Item = TypeVar("Item")


@dataclass
class MemoryData:
    """The records of one storage, under one lock.

    What is put in and what is handed out are copies, made the way that the durable backends
    make them: through JSON where those do.
    """

    lock: Lock = field(default_factory=Lock)
    conversations: dict[ConversationKey, Conversation] = field(default_factory=dict)
    senders: dict[ConversationKey, set[str]] = field(default_factory=dict)
    records: dict[str, MessageRecord] = field(default_factory=dict)
    imported: dict[str, tuple[ConversationKey, Message]] = field(default_factory=dict)
    tombstones: dict[str, Tombstone] = field(default_factory=dict)


class MemoryAdapter:
    """Works on data that several stores may share."""

    def __init__(self, data: MemoryData | None = None) -> None:
        self._data = data or MemoryData()


def copied(record: MessageRecord) -> MessageRecord:
    """``record`` as a durable store would read it."""
    message = inbound_from_json(inbound_to_json(record.message), record.message.body)
    return replace(record, message=message)


def page_of(list_name: str, items: Mapping[str, Item], limit: int, after: str | None) -> Page[Item]:
    """At most ``limit`` of ``items`` in the order of their names, which are their places."""
    place = "" if after is None else read_cursor(list_name, after, 1)[0]
    left = [name for name in sorted(items) if name > place]
    page = left[:limit]
    cursor = write_cursor(list_name, page[-1]) if page and len(page) < len(left) else None
    return Page(tuple(items[name] for name in page), cursor)
