"""The guarded update that an incoming message makes to its conversation's record."""

from dataclasses import dataclass

from domain.conversations import CLOSED, USER_REPLY_RECEIVED, Conversation
from domain.errors import StorageRefusedError, StorageUnavailableError
from domain.messages import InboundMessage
from domain.times import rfc3339
from infrastructure.aws.dynamodb.dynamodb_conversation_items import (
    conversation_from_item,
    key_to_item,
    last_message_to_map,
)
from infrastructure.aws.dynamodb.dynamodb_table import DynamoDbTable, Refusal, Values
from infrastructure.aws.dynamodb.dynamodb_values import Item, Stored

_SET = (
    "SET #conversation_status = :status, #last_user_message_at = :received_at, "
    "#last_activity_at = :received_at"
)
_AND_RECIPIENT = ", #recipient_id = :recipient"
_AND_LAST_MESSAGE = ", #last_message = :last_message"
_WITHOUT_LAST_MESSAGE = " REMOVE #last_message"

_IS_OPEN = (
    "attribute_exists(#conversation_id) AND "
    "(attribute_not_exists(#conversation_status) OR #conversation_status <> :closed)"
)
_RECIPIENT_AS_SEEN = "(#recipient_id = :known_recipient OR #recipient_id = :recipient)"
_RECIPIENT_MISSING = (
    "(attribute_not_exists(#recipient_id) OR attribute_type(#recipient_id, :null) "
    "OR #recipient_id = :recipient)"
)
_SAW_NO_LATER = (
    "(attribute_not_exists(#last_user_message_at) "
    "OR attribute_type(#last_user_message_at, :null) OR #last_user_message_at < :received_at)"
)
_GUARDED = ("conversation_status", "recipient_id", "last_user_message_at")


@dataclass(frozen=True, slots=True)
class Activity:
    """``message`` joins ``conversation``, as it was found, in the table of records."""

    records: DynamoDbTable
    conversation: Conversation
    message: InboundMessage

    def record(self) -> tuple[Conversation | None, bool]:
        """The record as it is afterwards, if there is one, and whether it takes the message.

        One round trip: DynamoDB returns the item with a condition that failed, too.
        """
        try:
            outcome = self._update(self._condition(), {})
        except StorageRefusedError:
            return self._as_it_is()
        if not isinstance(outcome, Refusal):
            return conversation_from_item(outcome), True
        present = conversation_from_item(outcome.item) if outcome.item else None
        if present is None or not self._joins(present):
            return present, False
        if present.received(self.message) is present:
            return present, True
        return self._record_after(outcome.item), True

    def _as_it_is(self) -> tuple[Conversation | None, bool]:
        """The record of an older system that has no room for a change: read, and routed on."""
        (item,) = self.records.read([key_to_item(self.conversation.key)]) or [{}]
        present = conversation_from_item(item) if item else None
        return present, present is not None and self._joins(present)

    def _record_after(self, seen: Item) -> Conversation | None:
        """Update a record that other systems wrote in a form that does not compare as text."""
        names = [name for name in _GUARDED if name in seen]
        unchanged = [f"#{name} = :seen_{name}" for name in names]
        missing = [f"attribute_not_exists(#{name})" for name in _GUARDED if name not in seen]
        condition = " AND ".join(["attribute_exists(#conversation_id)", *unchanged, *missing])
        outcome = self._update(condition, {f"seen_{name}": Stored(seen[name]) for name in names})
        if isinstance(outcome, Refusal):
            raise StorageUnavailableError("the conversation changes faster than it can be read")
        return conversation_from_item(outcome)

    def _joins(self, present: Conversation) -> bool:
        recipients = (self.conversation.recipient_id, self.message.recipient.address)
        return present.is_open and present.recipient_id in recipients

    def _condition(self) -> str:
        missing = self.conversation.recipient_id is None
        recipient = _RECIPIENT_MISSING if missing else _RECIPIENT_AS_SEEN
        return " AND ".join((_IS_OPEN, recipient, _SAW_NO_LATER))

    def _update(self, condition: str, seen: Values) -> Item | Refusal:
        # The guard says that a recipient which was missing is still missing, or this one.
        sets = _SET if self.conversation.recipient_id else _SET + _AND_RECIPIENT
        values = {
            "status": USER_REPLY_RECEIVED,
            "received_at": rfc3339(self.message.received_at),
            "last_message": last_message_to_map(self.message.in_history().preview()),
            "recipient": self.message.recipient.address,
            "known_recipient": self.conversation.recipient_id,
            "closed": CLOSED,
            "null": "NULL",
            **seen,
        }
        key = key_to_item(self.conversation.key)
        try:
            return self.records.change_and_read(key, sets + _AND_LAST_MESSAGE, condition, values)
        except StorageRefusedError:
            # An older system's list of messages fills the record: it has no room for a copy.
            smaller = sets + _WITHOUT_LAST_MESSAGE
            return self.records.change_and_read(key, smaller, condition, values)
