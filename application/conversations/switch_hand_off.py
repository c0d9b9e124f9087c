"""Hand a conversation off to a human, or back to the AI."""

from dataclasses import dataclass

from application.ports.conversation_store import ConversationStore
from domain.conversations import Conversation, StateChange
from domain.errors import ConversationNotFoundError


@dataclass(frozen=True)
class SwitchHandOff:
    """Decide who answers a conversation, on each of its channels: a human or the AI."""

    conversations: ConversationStore

    def __call__(self, conversation_id: str, *, on: bool) -> tuple[Conversation, ...]:
        """Set it on every channel of the conversation; the records as they are afterwards.

        Any webhook recorded after this returns is routed by it. Raises
        ``ConversationNotFoundError``.
        """
        change = StateChange(hand_off_to_human=on)
        switched = (
            self.conversations.change_state(record.key, change)[0]
            for record in self.conversations.get_conversations(conversation_id)
        )
        records = tuple(record for record in switched if record is not None)
        if not records:
            raise ConversationNotFoundError("there is no conversation with this id")
        return records
