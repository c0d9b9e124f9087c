"""What DynamoDB retains of messages, and how it is erased."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, groupby

from typing_extensions import override

from application.ports.pages import Page, read_cursor, write_cursor
from application.ports.retention import Retention
from domain.addresses import normal_senders, normal_value
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.erasure import RetainedMessage
from domain.errors import StorageRefusedError
from domain.messages import ConversationKey, MessageState
from domain.times import parse_rfc3339, rfc3339
from infrastructure.aws.dynamodb.dynamodb_conversation_items import (
    RECORD_KEY,
    DynamoDbParticipants,
    conversations_from,
    key_to_item,
)
from infrastructure.aws.dynamodb.dynamodb_message_items import (
    DynamoDbMessageItems,
    has_references,
    is_erased,
)
from infrastructure.aws.dynamodb.dynamodb_message_keys import (
    conversation_key,
    message_key,
    read_history,
)
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable
from infrastructure.aws.dynamodb.dynamodb_values import Item, attributes, text_of, time_text

PAGE_SIZE = 1000
"""As many records as are looked at before a purge can stop."""

_STAYS = ("request_id", "timestamp", "recorded_at", "channel_type", "content_marks")
"""What is left of an item, beside its state and ``texts_left``."""

_NOT_DONE = "(attribute_not_exists(#state) OR #state <> :erased OR attribute_exists(#texts_left))"


@dataclass(frozen=True, eq=False)
class DynamoDbRetention(Retention):
    """Lists and erases items of messages and of conversations.

    Texts that lie elsewhere are deleted after their item was changed, so that no reader
    misses them. Until then the item says so, in ``texts_left``: the next listing that meets
    such an item finishes what was interrupted.
    """

    messages: DynamoDbTable
    items: DynamoDbMessageItems
    records: DynamoDbTable
    participants: DynamoDbParticipants

    @override
    def list_retained(
        self, limit: int, *, after: str | None = None, before: datetime | None = None
    ) -> Page[RetainedMessage]:
        """Reads ``limit`` items of the whole table, whatever they are."""
        older = " AND #timestamp < :before" if before else ""
        items, cursor = self.messages.scan_page(
            limit,
            after,
            ("request_id",),
            _NOT_DONE + older,
            erased=MessageState.ERASED,
            before=time_text(before),
        )
        return Page(tuple(self._retained(i) for i in items if not self._finished(i)), cursor)

    @override
    def list_retained_of(
        self, key: ConversationKey, limit: int, *, after: str | None = None
    ) -> Page[RetainedMessage]:
        """A cursor is a time: what came at the same moment is on one page."""
        begin = read_cursor("retained of", after, 1)[0] if after is not None else None
        found = read_history(self.messages, key, begin)
        keys: list[Item] = []
        last = None
        for moment, entries in groupby(found, key=lambda entry: text_of(entry, "timestamp")):
            if len(keys) >= limit:
                break
            keys += [message_key(text_of(entry, "request_id")) for entry in entries]
            last = moment
        else:
            last = None
        items = self.messages.read(keys)
        cursor = None if last is None else write_cursor("retained of", last)
        return Page(tuple(self._retained(item) for item in items if not is_erased(item)), cursor)

    @override
    def erase(self, retained: RetainedMessage) -> bool:
        key = message_key(retained.key)
        (item,) = self.messages.read([key]) or ({},)
        if not item or is_erased(item):
            return False
        if retained.is_imported:
            self.items.delete_blobs(retained.key)
            return self.messages.delete(key)
        changed = {
            "state": MessageState.ERASED,
            "texts_left": has_references(item) or None,
        }
        # Whatever another process changes meanwhile goes with the rest.
        rest = {name: item[name] for name in _STAYS if name in item}
        erased = {**rest, **attributes(changed)}
        self.messages.put(erased)
        if "texts_left" in erased:
            self._finished(erased)
        return True

    @override
    def find_all_conversations(
        self, channel: ChannelType, senders: Sequence[str]
    ) -> tuple[Conversation, ...]:
        """Reads the whole table, so that addresses in no normal form are found too.

        Participants that lead to no record are deleted: their writer was late.
        """
        values = normal_senders(channel, senders)
        linked = {c.key for c in self.participants.find(channel, values)}
        pages = self.records.scan("#primary_channel = :channel", channel=channel)
        records = conversations_from(chain.from_iterable(pages))
        found = [r for r in records if r.key in linked or _is_with(r.sender_id, channel, values)]
        for key in linked - {record.key for record in found}:
            self.participants.remove(key, values)
        return tuple(sorted(found, key=lambda record: record.conversation_id))

    @override
    def erase_conversation(self, key: ConversationKey) -> bool:
        """The participants go first: they can be found again."""
        self.participants.remove_all(key)
        return self.records.delete(key_to_item(key))

    @override
    def erase_last_messages(self, before: datetime) -> Iterator[int]:
        """Reads the whole table."""
        older = "#last_message.#timestamp < :before"
        moment, removed = rfc3339(before), {"last_message": None}
        for page in self.records.scan(older, page_size=PAGE_SIZE, before=moment):
            keys = [{name: item[name] for name in RECORD_KEY} for item in page]
            results = [self.records.change(key, removed, older, before=moment) for key in keys]
            yield results.count(None)

    def _finished(self, item: Item) -> bool:
        """Whether an item is erased; what an interrupted erasure left of it is deleted."""
        if not is_erased(item):
            return False
        request_id = text_of(item, "request_id")
        self.items.delete_blobs(request_id)
        key = message_key(request_id)
        self.messages.change(key, {"texts_left": None}, "attribute_exists(#request_id)")
        return True

    def _retained(self, item: Item) -> RetainedMessage:
        state = MessageState(text_of(item, "state")) if "state" in item else None
        message = None
        # A lifecycle rule of the bucket may have come first: the rest must be erased all the same.
        with suppress(StorageRefusedError):
            message = self.items.inbound(item) if state else None
        at = parse_rfc3339(text_of(item, "timestamp"))
        key = conversation_key(item)
        return RetainedMessage(text_of(item, "request_id"), at, key, state, message)


def _is_with(sender_id: str | None, channel: ChannelType, senders: Collection[str]) -> bool:
    """Whether another system meant one of ``senders``, perhaps as ``Ana <ana@example.com>``."""
    written = sender_id or ""
    forms = (written, written.rpartition("<")[2].removesuffix(">"))
    return any(normal_value(channel, form.strip()) in senders for form in forms)
