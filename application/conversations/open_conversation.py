"""Open the conversation of a sender, once."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from application.ports.conversation_store import ConversationStore
from domain.conversations import Conversation
from domain.errors import UnknownRecipientError
from domain.messages import InboundMessage
from domain.tenants import Tenant, TenantDirectory

_NAMESPACE = uuid.UUID("4e2f8f7c-7f0a-5c1e-9d55-0f6b1f1d2c3a")


@dataclass(frozen=True)
class OpenConversation:
    """Open the conversation of a sender with a recipient, once."""

    conversations: ConversationStore
    tenants: Callable[[], TenantDirectory]

    def __call__(self, wanted: Conversation) -> tuple[Conversation, bool]:
        """The open conversation that ``wanted`` describes, and whether it is new.

        ``sender_id`` and ``recipient_id`` are normalised addresses. The id follows from
        channel, sender and recipient, whatever ``wanted`` says, so that two who open it at
        once get the same record; a closed one is followed by a successor. Raises
        ``UnknownRecipientError`` when no company has that recipient.
        """
        directory = self.tenants()
        owner = _owner(wanted, directory)
        return self._open(self.conversations, wanted.owned_by(owner), owner, directory)

    def of_sender(
        self,
        message: InboundMessage,
        *,
        company_id: str | None = None,
        company_name: str | None = None,
    ) -> tuple[Conversation, bool]:
        """The open conversation of the sender of a recorded message, and whether it is new.

        It is with whom the message was written to. The company is as the directory has it; what
        that leaves open is as it is given here. Raises ``UnknownRecipientError`` when no company
        has that recipient and the account that delivered the message.
        """
        directory = self.tenants()
        tenant = directory.owner_of(message)
        if tenant is None:
            raise UnknownRecipientError(
                "no configured company has both this recipient and the account that delivered it"
            )
        wanted = _of_sender(message, tenant)
        named = replace(
            wanted,
            company_id=wanted.company_id or company_id,
            company_name=wanted.company_name or company_name,
        )
        return self._open(self.conversations, named, tenant, directory)

    def completed(self, wanted: Conversation) -> Conversation:
        """``wanted`` with the company that it would be opened for; raises as opening it does."""
        return wanted.owned_by(_owner(wanted, self.tenants()))

    def for_message(
        self,
        conversations: ConversationStore,
        message: InboundMessage,
        tenant: Tenant,
        directory: TenantDirectory,
    ) -> Conversation:
        """The conversation of an unknown sender whose message arrived just now.

        ``conversations`` belong to the unit of work in which the message is recorded.
        """
        wanted = _of_sender(message, tenant)
        conversation, _ = self._open(conversations, wanted, tenant, directory)
        return conversation

    def _open(
        self,
        conversations: ConversationStore,
        wanted: Conversation,
        owner: Tenant,
        directory: TenantDirectory,
    ) -> tuple[Conversation, bool]:
        present, created = self._present(conversations, wanted, owner, directory), False
        generation = 0
        while present is None or not (created or _serves(present, owner, directory)):
            conversation_id = _derived_id(wanted, generation)
            present, created = conversations.open_conversation(
                replace(wanted, conversation_id=conversation_id)
            )
            generation += 1
        return present, created

    def _present(
        self,
        conversations: ConversationStore,
        wanted: Conversation,
        owner: Tenant,
        directory: TenantDirectory,
    ) -> Conversation | None:
        """The conversation that there is already, read again: a look-up may lag behind."""
        senders = [wanted.sender_id] if wanted.sender_id else []
        recipients = [wanted.recipient_id] if wanted.recipient_id else []
        found = conversations.find_open_conversations(wanted.primary_channel, senders, recipients)
        for conversation in found:
            record = conversations.get_conversation(conversation.key)
            is_with_recipient = record and record.recipient_id == wanted.recipient_id
            if record and is_with_recipient and _serves(record, owner, directory):
                return record
        return None


def _owner(wanted: Conversation, directory: TenantDirectory) -> Tenant:
    owner = directory.tenants[0] if directory.has_one_company else None
    if wanted.recipient_id is not None:
        owner = directory.owner_of_recipient(wanted.recipient_id)
    if owner is None:
        raise UnknownRecipientError(
            "no configured company has this recipient: name one that the directory lists"
        )
    if wanted.company_id and owner.company_id and wanted.company_id != owner.company_id:
        raise UnknownRecipientError("this recipient is another company's")
    return owner


def _of_sender(message: InboundMessage, tenant: Tenant) -> Conversation:
    wanted = Conversation(
        conversation_id="",
        primary_channel=message.channel,
        sender_id=message.identities[0].value,
        recipient_id=tenant.recipient_of(message),
        thread_id=message.thread_id,
    )
    return wanted.owned_by(tenant)


def _serves(record: Conversation, owner: Tenant, directory: TenantDirectory) -> bool:
    """Whether ``owner`` may go on with ``record``: a recipient may have changed hands."""
    return record.is_open and not record.is_of_another_company(owner, directory)


def _derived_id(wanted: Conversation, generation: int) -> str:
    parts = [wanted.primary_channel, wanted.sender_id, wanted.recipient_id, generation]
    return str(uuid.uuid5(_NAMESPACE, json.dumps(parts)))
