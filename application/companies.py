"""The company that a record, a message, a context or a webhook belongs to."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from domain.context import ContextObject
from domain.conversations import Conversation
from domain.messages import InboundMessage
from domain.tenants import TenantDirectory


@dataclass(frozen=True)
class FindCompany:
    """Each method returns a ``company_id``; ``None`` for what belongs to no one company.

    A caller that may see certain companies alone must not see that, either.
    """

    tenants: Callable[[], TenantDirectory]

    def of_conversation(self, conversation: Conversation) -> str | None:
        """The company that the record names, else that of its recipient or its credentials."""
        if conversation.company_id:
            return conversation.company_id
        directory = self.tenants()
        named = conversation.credentials_reference
        if named and not conversation.recipient_id:
            owners = (one for one in directory.tenants if named in directory.names_of(one))
            return next((owner.company_id for owner in owners), None)
        return directory.company_of_recipient(
            conversation.primary_channel, conversation.recipient_id
        )

    def of_message(self, message: InboundMessage) -> str | None:
        """The company that a message was written to, if its account may speak for it."""
        owner = self.tenants().owner_of(message)
        return owner.company_id if owner else None

    def of_context(self, context: ContextObject) -> str | None:
        """The company in a context, else that of its recipient."""
        if context.company.company_id:
            return context.company.company_id
        return self.tenants().company_of_recipient(context.channel_type, context.message.recipient)

    def of_webhook(self, account: str | None, messages: Collection[InboundMessage]) -> str | None:
        """The company of all messages of a webhook, or the only one that has its ``account``.

        The account counts for a webhook that cannot be read.
        """
        if messages:
            companies = {self.of_message(message) for message in messages}
            return companies.pop() if len(companies) == 1 else None
        return self.tenants().company_of_account(account) if account else None
