"""Redrive unmatched messages: route them to conversations that were opened since."""

from collections.abc import Iterator
from dataclasses import dataclass

from application.clock import Deadline
from application.ports.message_store import MessageStore
from application.ports.pages import PAGE_SIZE, each_item
from application.ports.unit_of_work import Unit
from application.receiving.match_conversation import MatchConversation
from application.receiving.route_message import Routable, RoutedMessage, RouteMessage
from domain.context import MessageContext
from domain.conversations import Conversation
from domain.errors import TemporaryError
from domain.messages import MessageRecord


@dataclass(frozen=True)
class RedriveUnmatched:
    """Match again what was unmatched. Safe to stop at any point, and to run twice at once."""

    messages: MessageStore
    match_conversation: MatchConversation
    route_message: RouteMessage

    def __call__(self) -> Iterator[tuple[MessageRecord, Conversation | None]]:
        """Yield each unmatched message with the conversation that it was routed for, if any."""
        records = each_item(lambda cursor: self.messages.list_unmatched(PAGE_SIZE, after=cursor))
        for record in records:
            yield record, self.one(record)

    def one(self, record: MessageRecord) -> Conversation | None:
        """The conversation that an unmatched message was routed for; ``None`` if it still is."""
        deadline = Deadline.after()
        directory = self.match_conversation.tenants()

        def work(unit: Unit, content: MessageContext) -> Conversation | RoutedMessage | None:
            match = self.match_conversation(unit, record.message, directory)
            conversation = match.conversation
            if conversation is None or not unit.messages.assign(record, conversation.key):
                return None
            assigned = record.assigned_to(conversation.key)
            try:
                message = Routable(assigned, content, directory, match.tenant, deadline)
                return self.route_message(unit, message, conversation)
            except TemporaryError as error:
                if unit.is_atomic:
                    raise
                self.route_message.note_failure(assigned, error, deadline)
                # It is pending now, and no longer depends on this command.
                return conversation

        routed = self.route_message.run_again(record, work, deadline)
        if isinstance(routed, Conversation):
            return routed
        return self.route_message.finish(routed)
