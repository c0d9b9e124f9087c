"""Lists of conversation records in DynamoDB. No webhook needs them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from itertools import islice

from application.ports.pages import MOST_LOOKED_AT, Page, read_cursor, write_cursor
from domain.addresses import normal_senders
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.messages import ConversationKey
from infrastructure.aws.dynamodb.dynamodb_conversation_items import (
    RECORD_KEY,
    DynamoDbParticipants,
    conversations_from,
    key_to_item,
)
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable

_LIST_NAME = "conversations of senders"


def list_all(records: DynamoDbTable, limit: int, after: str | None) -> Page[Conversation]:
    """Reads ``limit`` items of the whole table, whatever they are; in no order."""
    items, cursor = records.scan_page(limit, after, RECORD_KEY)
    return Page(tuple(conversations_from(items)), cursor)


def list_of_senders(
    participants: DynamoDbParticipants,
    keys_in_index: Iterator[ConversationKey],
    records: DynamoDbTable,
    *,
    senders: Mapping[ChannelType, Sequence[str]],
    limit: int,
    after: str | None,
) -> Page[Conversation]:
    """By participants, and by ``sender_id``: a closed record has no participants any more.

    The index has no order by id: of more than ``MOST_LOOKED_AT`` keys in it the rest is left out.
    """
    place = read_cursor(_LIST_NAME, after, 2) if after is not None else ("", "")
    wanted = [
        (channel, value)
        for channel, values in senders.items()
        for value in normal_senders(channel, values)
    ]
    keys = {
        key
        for channel, sender in wanted
        for key in participants.keys(channel, sender, limit + 2, from_id=place[0])
    }
    keys.update(islice(keys_in_index, MOST_LOOKED_AT))
    left = sorted(places for places in map(astuple, keys) if places > place)
    page = [ConversationKey(*each) for each in left[:limit]]
    cursor = write_cursor(_LIST_NAME, *left[limit - 1]) if len(left) > limit else None
    found = conversations_from(records.read([key_to_item(key) for key in page]))
    by_key = {record.key: record for record in found}
    return Page(tuple(by_key[key] for key in page if key in by_key), cursor)
