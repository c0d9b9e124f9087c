"""Which senders lead to which conversations, strongly consistent."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.history import ConversationKey
from infrastructure.aws.dynamodb.dynamodb_conversation_items import TEXTS, conversations_from
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable
from infrastructure.aws.dynamodb.dynamodb_values import Item, attributes

# What never changes in a record, or is set once: enough to decide whether a message may join.
_COPIED = tuple(name for name in TEXTS if name != "conversation_status")


@dataclass(frozen=True, slots=True)
class DynamoDbParticipants:
    """One item for each sender value that leads to a conversation. Senders are normalised."""

    table: DynamoDbTable

    def find(self, channel: ChannelType, senders: Sequence[str]) -> tuple[Conversation, ...]:
        """The conversations of any of ``senders``, as far as the copies know them."""
        found: dict[ConversationKey, Conversation] = {}
        for sender in senders:
            items = self.table.query("#sender = :sender", {"sender": _partition(channel, sender)})
            of_channel = attributes({"primary_channel": channel})
            for copy in conversations_from({**item, **of_channel} for item in items):
                known = found.get(copy.key, copy)
                found[copy.key] = replace(copy, found_by=known.found_by | {sender})
        return tuple(found.values())

    def add(self, conversation: Conversation, senders: Iterable[str]) -> None:
        """Let ``senders`` lead to ``conversation``, whose present state is copied."""
        copy = attributes({name: getattr(conversation, name) for name in _COPIED})
        for sender in senders:
            self.table.put({**_key(conversation.key, sender), **copy})

    def remove(self, key: ConversationKey, senders: Iterable[str]) -> None:
        """Let ``senders`` lead to the conversation no longer."""
        for sender in senders:
            self.table.delete(_key(key, sender))

    def remove_all(self, key: ConversationKey) -> None:
        """Let no sender lead to the conversation any longer. Reads the whole table."""
        condition = "#conversation_id = :id AND begins_with(#sender, :channel)"
        channel = _partition(key.primary_channel, "")
        for page in self.table.scan(condition, id=key.conversation_id, channel=channel):
            for item in page:
                self.table.delete({name: item[name] for name in ("sender", "conversation_id")})


def _partition(channel: ChannelType, sender: str) -> str:
    return f"{channel}#{sender}"


def _key(key: ConversationKey, sender: str) -> Item:
    partition = _partition(key.primary_channel, sender)
    return attributes({"sender": partition, "conversation_id": key.conversation_id})
