"""What DynamoDB keeps of messages, and how it is erased."""

from collections.abc import Iterator
from datetime import datetime

from application.ports.retention import RetainedPage
from domain.conversation_key import ConversationKey
from domain.erasure import RetainedMessage, Tombstone
from domain.errors import StorageRefusedError
from domain.messages import InboundMessage
from domain.outbox import MessageState
from domain.times import parse_rfc3339, rfc3339
from infrastructure.aws.dynamodb.dynamodb_large_texts import DynamoDbTexts, has_references
from infrastructure.aws.dynamodb.dynamodb_message_items import (
    conversation_key,
    conversation_name,
    inbound_of,
)
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable
from infrastructure.aws.dynamodb.dynamodb_values import Item, attributes, text_of

_MARK = "author_mark"
_STAYS = ("request_id", "timestamp", "recorded_at", "channel_type")
"""What is left of an item, beside its state, the author's mark, and ``texts_left``."""

_WITHOUT_BLOBS = "REMOVE #texts_left"
_HAS_CONTENT = "(attribute_not_exists(#state) OR #state <> :erased)"
_NOT_DONE = f"({_HAS_CONTENT} OR attribute_exists(#texts_left))"


class DynamoDbRetention:
    """The part of the message store that lists and erases.

    Texts that lie elsewhere are deleted after their item was changed, so that no reader
    misses them. Until then the item says so, in ``texts_left``: who lists such an item next
    finishes what was interrupted.
    """

    def __init__(self, messages: DynamoDbTable, texts: DynamoDbTexts, index: str) -> None:
        self._messages = messages
        self._texts = texts
        self._index = index

    def page(self, limit: int, after: str | None, before: datetime | None) -> RetainedPage:
        """See ``MessageStore.list_retained``. Reads ``limit`` items, whatever they are."""
        older = " AND #timestamp < :before" if before else ""
        values = {
            "erased": MessageState.ERASED,
            "before": rfc3339(before) if before else None,
        }
        items, last = self._messages.scan_page(
            limit, _key(after) if after else None, _NOT_DONE + older, attributes(values)
        )
        retained = tuple(self._retained(item) for item in items if not self._finished(item))
        return RetainedPage(retained, text_of(last, "request_id") if last else None)

    def of_conversation(self, key: ConversationKey) -> Iterator[RetainedMessage]:
        """See ``MessageStore.list_retained_in``."""
        found = self._messages.query(
            "#conversation = :conversation",
            attributes({"conversation": conversation_name(key)}),
            index=self._index,
        )
        for entry in found:
            for item in self._messages.read([_key(text_of(entry, "request_id"))]):
                if not is_erased(item):
                    yield self._retained(item)

    def erase(self, retained: RetainedMessage) -> bool:
        """See ``MessageStore.erase``."""
        (item,) = self._messages.read([_key(retained.key)]) or ({},)
        if not item or is_erased(item):
            return False
        if retained.is_imported:
            self._texts.delete(retained.key)
            self._messages.delete(_key(retained.key))
            return True
        left = has_references(item)
        erased = attributes(
            {
                "state": MessageState.ERASED,
                _MARK: retained.author_mark,
                "texts_left": True if left else None,
            }
        )
        # Nobody adds attributes to an item that is there: the new one is smaller, not other.
        rest = {name: item[name] for name in _STAYS if name in item}
        self._messages.put({**rest, **erased})
        if left:
            self._finished({**rest, **erased})
        return True

    def is_erased(self, request_id: str) -> bool:
        """See ``MessageStore.is_erased``."""
        return any(is_erased(item) for item in self._messages.read([_key(request_id)]))

    def _finished(self, item: Item) -> bool:
        """Whether an item is erased; what an interrupted erasure left of it is deleted."""
        if not is_erased(item):
            return False
        request_id = text_of(item, "request_id")
        self._texts.delete(request_id)
        self._messages.change(_key(request_id), _WITHOUT_BLOBS, "attribute_exists(#request_id)", {})
        return True

    def _retained(self, item: Item) -> RetainedMessage:
        conversation = conversation_key(item)
        moment = parse_rfc3339(text_of(item, "timestamp"))
        key = text_of(item, "request_id")
        if "state" not in item:
            return RetainedMessage(key, moment, conversation)
        return RetainedMessage(
            key=key,
            timestamp=moment,
            conversation=conversation,
            state=MessageState(text_of(item, "state")),
            message=self._message(item),
        )

    def _message(self, item: Item) -> InboundMessage | None:
        try:
            return inbound_of(item, self._texts.read(item, "inbound"))
        except StorageRefusedError:
            # A lifecycle rule of the bucket came first. Nothing may be in the way of erasing.
            return None


def is_erased(item: Item) -> bool:
    """Whether the message of an item was erased."""
    return item.get("state", {}).get("S") == MessageState.ERASED


def left_of(item: Item) -> Tombstone:
    """What an erased item says."""
    return Tombstone(*(text_of(item, name) for name in ("request_id", _MARK)))


def _key(request_id: str) -> Item:
    return attributes({"request_id": request_id})
