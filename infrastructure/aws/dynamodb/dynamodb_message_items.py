"""Messages as DynamoDB items: what other systems read in plain attributes, the rest as JSON."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from application.ports.blobs import BlobStore
from domain.channels import ChannelType
from domain.conversations import Direction, Message, imported_key
from domain.erasure import Tombstone, content_marks
from domain.errors import StorageRefusedError
from domain.messages import (
    ConversationKey,
    InboundMessage,
    MessageRecord,
    MessageState,
    cut_to_bytes,
)
from domain.queues import QueueName
from domain.times import parse_rfc3339, rfc3339
from domain.trail import Trail
from infrastructure.aws.dynamodb.dynamodb_inbound import complete, shortened
from infrastructure.aws.dynamodb.dynamodb_message_keys import (
    conversation_key,
    conversation_name,
    hash_of_message_id,
    work_of,
)
from infrastructure.aws.dynamodb.dynamodb_values import (
    Item,
    attributes,
    json_object,
    json_text,
    text_of,
    time_text,
)
from infrastructure.serialization.context_json import inbound_from_json, inbound_to_json

INLINE_BYTES = 100 * 1024
"""How much of text an item may hold; an index holds most of it again."""
PREVIEW_BYTES = 2048
"""How much of a content that is stored elsewhere the item still shows."""
# What a message says, and by which attribute of its own the item says it.
_SAID_BY = {
    "channel": "channel_type",
    "provider_message_id": "message_id",
    "received_at": "timestamp",
}
_EMPTY: tuple[object, ...] = (None, [], {})
_NEVER_MISSING: Mapping[str, object] = {"body": "", "identities": []}
"""What has to be there again if it was left out; the body is the content."""

_OF_HISTORY = ("sender", "recipient", "subject", "attachments")
"""What the history adds to a message's metadata."""

_TIMES = ("recorded_at", "lease_until", "queued_at")


class DynamoDbMessageItems:
    """Messages to items and back. An item ends at 400 KB: texts that are too large are ``blobs``.

    That is a claim check (Enterprise Integration Patterns): the attribute ``content_reference``
    then names the blob of ``content``, and so on. Writing a text that is not Unicode, which no
    store will ever take, raises ``StorageRefusedError``.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self.blobs = blobs

    def of_record(self, record: MessageRecord) -> Item:
        """The item of a message, with its large texts written."""
        entry = Message.of(record.message)
        is_mail = entry.channel_type.rules.author_chooses_message_id
        small = {
            **_shown(record.request_id, record.conversation, entry),
            "state": record.state,
            "recorded_at": rfc3339(record.recorded_at),
            "lease_until": time_text(record.lease_until),
            "queued_at": time_text(record.queued_at),
            "attempts": record.attempts or None,
            "content_marks": content_marks(record.request_id, record.message),
            # Only of a message that was moved: the items of all others stay as small as they are.
            "publication": record.publication if record.publication > 1 else None,
            "queue": str(record.queue) if record.queue else None,
            "message_id_hash": hash_of_message_id(entry.message_id) if is_mail else None,
            "trail": record.trail.to_json(),
            **work_of(record),
        }
        with _unicode_errors():
            texts = {**_texts_of(entry), "inbound": _inbound_text(record.message)}
            return attributes({**small, **self._write(record.request_id, texts)})

    def of_entry(self, key: ConversationKey, entry: Message) -> Item:
        """The item of an entry of an older system's history, which has no state."""
        request_id = imported_key(key, entry)
        with _unicode_errors():
            texts = self._write(request_id, _texts_of(entry))
        return attributes({**_shown(request_id, key, entry), **texts})

    def record(self, item: Item) -> MessageRecord:
        """What ``of_record`` made an item of."""
        fields = self._inbound_fields(item)
        shown = json_object(self._read(item, "metadata"))
        own = {name: value for name, value in shown.items() if name not in _OF_HISTORY}
        fields["metadata"] = {**own, **json_object(fields.get("metadata"))}
        times = {name: parse_rfc3339(text_of(item, name)) for name in _TIMES if name in item}
        return MessageRecord(
            message=inbound_from_json(json_text(fields), self._read(item, "content")),
            conversation=conversation_key(item),
            state=MessageState(text_of(item, "state")),
            recorded_at=times["recorded_at"],
            lease_until=times.get("lease_until"),
            queued_at=times.get("queued_at"),
            attempts=_number(item, "attempts", 0),
            publication=_number(item, "publication", 1),
            queue=QueueName.parse(text_of(item, "queue")) if "queue" in item else None,
            trail=Trail.from_json(item.get("trail", {}).get("S")),
        )

    def inbound(self, item: Item) -> InboundMessage:
        """The message of an item without its body and metadata."""
        return inbound_from_json(json_text({**self._inbound_fields(item), "metadata": {}}), "")

    def entry(self, item: Item) -> Message:
        """The message as the history shows it, of an item or of its copy in the index."""
        return Message(
            message_id=text_of(item, "message_id"),
            direction=Direction(text_of(item, "direction")),
            content=self._read(item, "content"),
            timestamp=parse_rfc3339(text_of(item, "timestamp")),
            channel_type=ChannelType(text_of(item, "channel_type")),
            metadata=json_object(self._read(item, "metadata")),
        )

    def delete_blobs(self, request_id: str) -> None:
        """Delete every text of a message that is stored elsewhere."""
        self.blobs.delete(f"messages/{request_id}")

    def delete_unused(self, item: Item, found: Item) -> None:
        """Delete the texts of ``item``, for ``found`` has its key and does not name them.

        They are another message's, which has this id too, and must not stay when that goes.
        """
        for name, value in item.items():
            if name.endswith("_reference") and found.get(name) != value:
                folder, _, _ = text_of(item, name).rpartition("/")
                start = folder.index(f"messages/{text_of(item, 'request_id')}/")
                self.blobs.delete(folder[start:])

    def _inbound_fields(self, item: Item) -> dict[str, object]:
        said = {name: text_of(item, attribute) for name, attribute in _SAID_BY.items()}
        return complete({**_NEVER_MISSING, **json_object(self._read(item, "inbound")), **said})

    def _write(self, request_id: str, texts: Mapping[str, str]) -> Mapping[str, str]:
        """The attributes of ``texts``. The first ones go to blobs until the rest fits.

        A blob's key holds the hash of its content, so that a forged repetition of a message id
        cannot replace it.
        """
        contents = {name: text.encode() for name, text in texts.items()}
        retained = dict(texts)
        size = sum(map(len, contents.values()))
        for name, content in contents.items():
            if size <= INLINE_BYTES:
                break
            # In a folder of its own: folders can be deleted.
            folder = f"messages/{request_id}/{name}-{hashlib.sha256(content).hexdigest()}"
            retained[f"{name}_reference"] = self.blobs.put(f"{folder}/text", content)
            del retained[name]
            size -= len(content)
        if "content_reference" in retained:
            retained["content"] = cut_to_bytes(texts["content"], PREVIEW_BYTES)
        return retained

    def _read(self, item: Item, name: str) -> str:
        if f"{name}_reference" not in item:
            return text_of(item, name)
        try:
            return self.blobs.get(text_of(item, f"{name}_reference")).decode()
        except KeyError as error:
            if name in item:
                # The blob expired before the message did: what the item shows remains.
                return text_of(item, name)
            raise StorageRefusedError(f"the {name} of a message is no longer stored") from error


def has_references(item: Item) -> bool:
    """Whether a text of ``item`` is stored elsewhere."""
    return any(name.endswith("_reference") for name in item)


def _number(item: Item, name: str, default: int) -> int:
    return int(item[name]["N"]) if name in item else default


def is_erased(item: Item) -> bool:
    """Whether the message of an item was erased."""
    return item.get("state", {}).get("S") == MessageState.ERASED


def tombstone_of(item: Item) -> Tombstone:
    """What an erased item says."""
    return Tombstone(text_of(item, "request_id"), item.get("content_marks", {}).get("S"))


def _shown(
    request_id: str, conversation: ConversationKey | None, entry: Message
) -> Mapping[str, object]:
    return {
        "request_id": request_id,
        "conversation": conversation_name(conversation),
        "message_id": entry.message_id,
        "direction": entry.direction,
        "timestamp": rfc3339(entry.timestamp),
        "channel_type": entry.channel_type,
    }


def _texts_of(entry: Message) -> Mapping[str, str]:
    return {"content": entry.content, "metadata": json_text(entry.metadata)}


def _inbound_text(message: InboundMessage) -> str:
    """What a message says and no other attribute does."""
    covered = {name: message.metadata[name] for name in _OF_HISTORY if name in message.metadata}
    fields = shortened(json.loads(inbound_to_json(replace(message, metadata=covered))))
    known = {*_SAID_BY, "body"}
    return json_text({n: v for n, v in fields.items() if n not in known and v not in _EMPTY})


@contextmanager
def _unicode_errors() -> Iterator[None]:
    try:
        yield
    except ValueError as error:  # of UTF-8 or of JSON
        raise StorageRefusedError("the message has a text that is not Unicode") from error
