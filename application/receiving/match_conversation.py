"""Find the conversation that a message belongs to."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from application.conversations.open_conversation import OpenConversation
from application.ports.unit_of_work import Unit
from domain.conversations import Conversation, choose_conversation
from domain.erasure import Tombstone
from domain.messages import InboundMessage
from domain.tenants import Tenant, TenantDirectory, UnknownSender
from domain.trail import MatchRule


@dataclass(frozen=True, slots=True)
class Match:
    """The company that a message belongs to, its conversation, if any, and by which rule."""

    tenant: Tenant | None
    conversation: Conversation | None
    rule: MatchRule


@dataclass(frozen=True)
class MatchConversation:
    """Find the company that a message belongs to, and its conversation with the sender.

    A caller asks for the present ``tenants`` before its unit of work: they may have to be read.
    """

    tenants: Callable[[], TenantDirectory]
    open_conversation: OpenConversation
    unknown_sender: UnknownSender

    def __call__(self, unit: Unit, message: InboundMessage, directory: TenantDirectory) -> Match:
        """The company in ``directory`` that owns ``message``, and its conversation, if any.

        With ``UnknownSender.OPEN`` a conversation is opened for a sender that has none.

        No company: the account that signed may not speak for this recipient. Such a message
        belongs to no company, so it matches nothing. Neither does what a mailing list sent
        without its author's address: two customers are never one conversation.
        """
        tenant = directory.owner_of(message)
        if tenant is None:
            return Match(None, None, MatchRule.FOREIGN_RECIPIENT)
        if message.is_of_unknown_author:
            return Match(tenant, None, MatchRule.UNKNOWN_AUTHOR)
        candidates = unit.conversations.find_open_conversations(
            message.channel, message.look_up_values, message.recipient.keys
        )
        conversation, rule = choose_conversation(candidates, message, tenant, directory)
        if conversation is None and self._is_allowed(unit, message):
            conversation = self.open_conversation.for_message(
                unit.conversations, message, tenant, directory
            )
            rule = MatchRule.OPENED
        return Match(tenant, conversation, rule)

    def _is_allowed(self, unit: Unit, message: InboundMessage) -> bool:
        """Whether to open a conversation: not for what comes again after it was erased."""
        if self.unknown_sender is not UnknownSender.OPEN:
            return False
        found = unit.messages.find_record(message.request_id)
        if found is not None and found.is_another_than(message):
            found = unit.messages.find_record(replace(message, has_reused_id=True).request_id)
        return not isinstance(found, Tombstone)
