"""The keys of messages in DynamoDB, and what its indexes list."""

import hashlib
from collections.abc import Iterator

from domain.channels import ChannelType
from domain.messages import ConversationKey, MessageRecord, MessageState
from domain.times import rfc3339
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable
from infrastructure.aws.dynamodb.dynamodb_values import Item, attributes, text_of

HISTORY_INDEX = "history"
WORK_INDEX = "work"
"""What is pending or unmatched, in order."""
MAIL_INDEX = "mail"
"""Mail by a hash of its message id."""
WORK_SHARDS = 8
"""Among how many partitions of the index the messages of one state are spread."""
_TIE_BREAKER_LENGTH = 16
"""52 bits tell apart what came in the same microsecond; a whole key would make writes dearer."""


def message_key(request_id: str) -> Item:
    """The key of an item."""
    return attributes({"request_id": request_id})


def hash_of_message_id(message_id: str) -> str:
    """The key of ``MAIL_INDEX``: an id that an author chose may be too long for one."""
    return hashlib.sha256(message_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def read_history(
    messages: DynamoDbTable,
    key: ConversationKey,
    after: str | None = None,
    *,
    before: str | None = None,
    latest: int | None = None,
) -> Iterator[Item]:
    """A conversation's entries after or before a time, as the index has them.

    Oldest first, or the ``latest`` first, so many in one round trip.
    """
    # Any text is greater than "0": a key cannot be empty.
    comparison, time = ("<", before) if before else (">", after or "0")
    return messages.query(
        f"#conversation = :conversation AND #timestamp {comparison} :time",
        {"conversation": conversation_name(key), "time": time},
        index=HISTORY_INDEX,
        page_size=latest,
        descending=latest is not None,
    )


def conversation_name(key: ConversationKey | None) -> str | None:
    """Id and channel of a conversation as one text; a channel has no ``#`` in it."""
    return f"{key.conversation_id}#{key.primary_channel}" if key else None


def conversation_key(item: Item) -> ConversationKey | None:
    """The conversation that an item belongs to, if any."""
    if "conversation" not in item:
        return None
    conversation_id, _, channel = text_of(item, "conversation").rpartition("#")
    return ConversationKey(conversation_id, ChannelType(channel))


def work_of(record: MessageRecord) -> dict[str, str]:
    """The keys by which a message that is not queued is found, in the order of its waiting."""
    waiting_since = {
        MessageState.PENDING: record.due_at,
        MessageState.UNMATCHED: record.message.received_at,
    }.get(record.state)
    if waiting_since is None:
        return {}
    shard = int(record.request_id[-1], base=16) % WORK_SHARDS
    return {
        "work": work_partition(record.state, shard),
        "work_since": f"{rfc3339(waiting_since)}#{record.request_id[:_TIE_BREAKER_LENGTH]}",
    }


def work_partition(state: MessageState, shard: int) -> str:
    """Where the messages of one state are, spread over several partitions."""
    return f"{state}#{shard}"
