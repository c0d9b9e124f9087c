"""Change the status of a conversation, or who answers it."""

from dataclasses import dataclass

from application.ports.conversation_store import ConversationStore
from domain.conversations import SETTABLE_STATUSES, Conversation, StateChange
from domain.errors import ConversationNotFoundError, InvalidStatusError, PermanentError
from domain.messages import ConversationKey


class StaleConversationError(PermanentError):
    """The state is not the one that the caller saw. ``present`` is the record as it is now."""

    def __init__(self, present: Conversation) -> None:
        super().__init__("another caller changed the conversation since")
        self.present = present


@dataclass(frozen=True)
class ChangeConversation:
    """Idempotent: to set what is set already changes nothing."""

    conversations: ConversationStore

    def __call__(
        self, key: ConversationKey, change: StateChange, *, if_match: str | None = None
    ) -> Conversation:
        """Set what ``change`` says; the record as it is afterwards.

        Any webhook recorded after this returns is routed by it. ``if_match`` is the ``etag`` of
        the state that the caller saw: then nothing is set if it is another one, and
        ``StaleConversationError`` is raised. Raises ``ConversationNotFoundError``, and
        ``InvalidStatusError`` for a status that is none of ``SETTABLE_STATUSES``.
        """
        status = change.conversation_status
        if status is not None and status not in SETTABLE_STATUSES:
            raise InvalidStatusError(f"a status is one of {', '.join(SETTABLE_STATUSES)}")
        seen = None
        if if_match is not None:
            present = self._found(self.conversations.get_conversation(key))
            seen = present.state
            if seen.etag != if_match:
                raise StaleConversationError(present)
        record, is_set = self.conversations.change_state(key, change, seen=seen)
        if not is_set:
            raise StaleConversationError(self._found(record))
        return self._found(record)

    @staticmethod
    def _found(record: Conversation | None) -> Conversation:
        if record is None:
            raise ConversationNotFoundError("there is no conversation with this id on this channel")
        return record
