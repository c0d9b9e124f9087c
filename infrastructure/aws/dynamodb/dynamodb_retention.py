"""What DynamoDB retains of messages, and how it is erased."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from typing_extensions import override

from application.ports.pages import Page
from application.ports.retention import Retention
from domain.addresses import normal_senders, normal_value
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.erasure import RetainedMessage
from domain.errors import StorageRefusedError
from domain.messages import ConversationKey, InboundMessage, MessageState
from domain.times import parse_rfc3339, rfc3339
from infrastructure.aws.dynamodb.dynamodb_conversation_items import (
    conversation_from_item,
    key_to_item,
)
from infrastructure.aws.dynamodb.dynamodb_large_texts import DynamoDbTexts, has_references
from infrastructure.aws.dynamodb.dynamodb_message_items import (
    AUTHOR_MARK,
    HISTORY_INDEX,
    conversation_key,
    conversation_name,
    inbound_of,
    is_erased,
    message_key,
    time_text,
)
from infrastructure.aws.dynamodb.dynamodb_participants import DynamoDbParticipants
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable
from infrastructure.aws.dynamodb.dynamodb_values import Item, attributes, text_of

PAGE_SIZE = 1000
"""As many records as are looked at before a purge can stop."""

_STAYS = ("request_id", "timestamp", "recorded_at", "channel_type")
"""What is left of an item, beside its state, the author's mark, and ``texts_left``."""

_KEY = ("conversation_id", "primary_channel")
_NOT_DONE = "(attribute_not_exists(#state) OR #state <> :erased OR attribute_exists(#texts_left))"


class DynamoDbRetention(Retention):
    """Lists and erases items of messages and of conversations.

    Texts that lie elsewhere are deleted after their item was changed, so that no reader
    misses them. Until then the item says so, in ``texts_left``: the next listing that meets
    such an item finishes what was interrupted.
    """

    def __init__(
        self,
        messages: DynamoDbTable,
        texts: DynamoDbTexts,
        conversations: DynamoDbTable,
        participants: DynamoDbParticipants,
    ) -> None:
        self._messages = messages
        self._texts = texts
        self._records = conversations
        self._participants = participants

    @override
    def list_retained(
        self, limit: int, *, after: str | None = None, before: datetime | None = None
    ) -> Page[RetainedMessage]:
        """Reads ``limit`` items of the whole table, whatever they are."""
        older = " AND #timestamp < :before" if before else ""
        values = {"erased": MessageState.ERASED, "before": time_text(before)}
        items, last = self._messages.scan_page(
            limit, message_key(after) if after else None, _NOT_DONE + older, values
        )
        retained = tuple(self._retained(item) for item in items if not self._finished(item))
        return Page(retained, text_of(last, "request_id") if last else None)

    @override
    def list_retained_of(
        self, key: ConversationKey, limit: int, *, after: str | None = None
    ) -> Page[RetainedMessage]:
        """A cursor is a time: what came at the same moment is on one page."""
        found = self._messages.query(
            "#conversation = :conversation AND #timestamp > :after",
            # Any text is greater than this one: a key cannot be empty.
            {"conversation": conversation_name(key), "after": after or "0"},
            index=HISTORY_INDEX,
        )
        keys: list[Item] = []
        last = cursor = None
        for entry in found:
            moment = text_of(entry, "timestamp")
            if len(keys) >= limit and moment != last:
                cursor = last
                break
            keys.append(message_key(text_of(entry, "request_id")))
            last = moment
        items = self._messages.read(keys)
        return Page(tuple(self._retained(item) for item in items if not is_erased(item)), cursor)

    @override
    def erase(self, retained: RetainedMessage) -> bool:
        (item,) = self._messages.read([message_key(retained.key)]) or ({},)
        if not item or is_erased(item):
            return False
        if retained.is_imported:
            self._texts.delete(retained.key)
            self._messages.delete(message_key(retained.key))
            return True
        changed = {
            "state": MessageState.ERASED,
            AUTHOR_MARK: retained.author_mark,
            "texts_left": has_references(item) or None,
        }
        # Whatever another process changes meanwhile goes with the rest.
        rest = {name: item[name] for name in _STAYS if name in item}
        erased = {**rest, **attributes(changed)}
        self._messages.put(erased)
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
        linked = {c.key for c in self._participants.find(channel, values)}
        items = self._records.scan("#primary_channel = :channel", {"channel": channel})
        records = (record for item in items if (record := conversation_from_item(item)))
        found = [r for r in records if r.key in linked or _is_with(r.sender_id, channel, values)]
        for key in linked - {record.key for record in found}:
            self._participants.remove(key, values)
        return tuple(sorted(found, key=lambda record: record.conversation_id))

    @override
    def erase_conversation(self, key: ConversationKey) -> bool:
        """The participants go first: they can be found again."""
        self._participants.remove_all(key)
        return self._records.delete_existing(key_to_item(key))

    @override
    def erase_last_messages(self, before: datetime) -> Iterator[int]:
        """Reads the whole table."""
        values = {"before": rfc3339(before)}
        condition = "#last_message.#timestamp < :before"
        after: Item | None = None
        while True:
            page, after = self._records.scan_page(PAGE_SIZE, after, condition, values)
            keys = [{name: item[name] for name in _KEY} for item in page]
            yield sum(
                self._records.change(key, "REMOVE #last_message", condition, values) is None
                for key in keys
            )
            if after is None:
                return

    def _finished(self, item: Item) -> bool:
        """Whether an item is erased; what an interrupted erasure left of it is deleted."""
        if not is_erased(item):
            return False
        request_id = text_of(item, "request_id")
        self._texts.delete(request_id)
        self._messages.change(
            message_key(request_id), "REMOVE #texts_left", "attribute_exists(#request_id)", {}
        )
        return True

    def _retained(self, item: Item) -> RetainedMessage:
        retained = RetainedMessage(
            text_of(item, "request_id"),
            parse_rfc3339(text_of(item, "timestamp")),
            conversation_key(item),
        )
        if "state" not in item:
            return retained
        state = MessageState(text_of(item, "state"))
        return replace(retained, state=state, message=self._message(item))

    def _message(self, item: Item) -> InboundMessage | None:
        try:
            return inbound_of(item, self._texts.read(item, "inbound"))
        except StorageRefusedError:
            # A lifecycle rule of the bucket came first: the rest must be erased all the same.
            return None


def _is_with(sender_id: str | None, channel: ChannelType, senders: Collection[str]) -> bool:
    """Whether another system meant one of ``senders``, perhaps as ``Ana <ana@example.com>``."""
    written = sender_id or ""
    forms = (written, written.rpartition("<")[2].removesuffix(">"))
    return any(normal_value(channel, form.strip()) in senders for form in forms)
