"""Show a conversation with its history."""

from dataclasses import dataclass

from application.ports.conversation_store import ConversationStore
from application.ports.message_store import MessageStore
from domain.conversations import Conversation, Message
from domain.errors import ConversationNotFoundError


@dataclass(frozen=True)
class ShowConversation:
    """A conversation with its history."""

    conversations: ConversationStore
    messages: MessageStore

    def __call__(
        self, conversation_id: str, limit: int = 100
    ) -> tuple[tuple[Conversation, tuple[Message, ...]], ...]:
        """Each record with this id and its latest ``limit`` messages, oldest first.

        Messages that an older system left inside the record come in where they belong in
        time, once. Raises ``ConversationNotFoundError``.
        """
        records = self.conversations.get_conversations(conversation_id)
        if not records:
            raise ConversationNotFoundError("there is no conversation with this id")
        return tuple((record, self._history(record, limit)) for record in records)

    def _history(self, record: Conversation, limit: int) -> tuple[Message, ...]:
        # By direction too: other systems keep an answer under the id of what it answers.
        messages = {(m.direction, m.message_id): m for m in record.legacy_messages}
        for message in self.messages.history(record.key, limit=limit):
            messages[message.direction, message.message_id] = message
        in_order = sorted(messages.values(), key=lambda message: message.timestamp)
        return tuple(in_order[-limit:])
