"""Recorded messages, by any id or address that leads to them."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from application.ports.conversation_store import ConversationStore
from application.ports.message_lookup import MessageLookup
from application.tracing.recorded import TraceRecord, trace_of_tombstone
from application.tracing.results import MessageTrace, TraceKind
from application.tracing.unrecorded import MOST_SEARCHED
from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.erasure import Tombstone
from domain.idempotency import request_id_of
from domain.messages import InboundMessage, MessageRecord
from domain.tenants import TenantDirectory

LATEST = 10

MaySee = Callable[[str | None], bool]
"""Whether the one who asks may see what belongs to a company, or with ``None`` to no known one."""
"""How many messages of a conversation or a customer are traced."""

UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class FindRecorded:
    """Finds records by keys and indexes, and traces them."""

    lookup: MessageLookup
    conversations: ConversationStore
    trace_record: TraceRecord
    tenants: Callable[[], TenantDirectory]

    def by_message(self, text: str) -> tuple[TraceKind, list[MessageTrace]] | None:
        """The messages whose request id or provider's id is ``text``."""
        if traces := self._of_keys([text.lower()] if UUID.fullmatch(text) else []):
            return TraceKind.REQUEST_ID, traces
        if traces := self._of_keys(self._keys_of(text)) or self._of_mail(text):
            return TraceKind.MESSAGE_ID, traces
        return None

    def by_conversation(self, text: str) -> tuple[Sequence[Conversation], list[MessageTrace]]:
        """The records of a conversation, one for each channel, and its latest messages."""
        found = self.conversations.get_conversations(text)
        return found, self._latest(self.lookup.latest_of(one.key, LATEST) for one in found)

    def by_address(
        self,
        addresses: Sequence[Address],
        is_theirs: Callable[[InboundMessage], bool],
        notes: list[str],
        may_see: MaySee,
    ) -> tuple[Sequence[Conversation], list[MessageTrace]]:
        """A customer's conversations and latest messages, matched or not.

        ``notes`` are told if there are more unmatched messages than were looked through. What
        belongs to a company that nobody ``may_see`` takes no place among the latest.
        """
        find_company = self.trace_record.find_company
        found = [
            conversation
            for one in addresses
            for conversation in self.lookup.conversations_of(one.channel, one.look_up_values)
            if may_see(find_company.of_conversation(conversation))
        ]
        unmatched = self.lookup.latest_unmatched(MOST_SEARCHED)
        if len(unmatched) == MOST_SEARCHED:
            notes.append(f"only the latest {MOST_SEARCHED} unmatched messages were searched")
        theirs = [
            record
            for record in unmatched
            if is_theirs(record.message) and may_see(find_company.of_message(record.message))
        ]
        matched = [self.lookup.latest_of(one.key, LATEST) for one in found]
        return found, self._latest([*matched, theirs])

    def messages_to(self, addresses: Sequence[Address], may_see: MaySee) -> int | None:
        """How many unmatched messages were sent to one of ``addresses`` of a company's own.

        ``None`` if they are no company's, as far as the directory and those messages tell.
        """
        values = {value for address in addresses for value in address.look_up_values}
        keys = values | {address.domain for address in addresses if address.domain}
        unmatched = self.lookup.latest_unmatched(MOST_SEARCHED) if values else ()
        number = sum(
            record.message.recipient.address in values
            and may_see(self.trace_record.find_company.of_message(record.message))
            for record in unmatched
        )
        is_own = any(not keys.isdisjoint(tenant.recipients) for tenant in self.tenants().tenants)
        return number if number or is_own else None

    def _keys_of(self, message_id: str) -> list[str]:
        """The keys of a message of any account, where the provider makes the ids."""
        accounts = {name for tenant in self.tenants().tenants for name in tenant.accounts}
        channels = [c for c in ChannelType if not c.rules.author_chooses_message_id]
        return [
            request_id_of([channel, account, message_id])
            for channel in channels
            for account in sorted(accounts)
        ]

    def _of_keys(self, request_ids: list[str]) -> list[MessageTrace]:
        found = self.lookup.find_records(request_ids) if request_ids else {}
        return [
            trace_of_tombstone(one) if isinstance(one, Tombstone) else self.trace_record(one)
            for one in found.values()
        ]

    def _of_mail(self, message_id: str) -> list[MessageTrace]:
        forms = forms_of_mail_id(message_id)
        found = chain.from_iterable(self.lookup.find_mail(form, LATEST) for form in forms)
        return [self.trace_record(record) for record in found]

    def _latest(self, of_each: Iterable[Iterable[MessageRecord]]) -> list[MessageTrace]:
        records = {one.request_id: one for one in chain.from_iterable(of_each)}
        in_order = sorted(records.values(), key=lambda one: one.message.received_at, reverse=True)
        return [self.trace_record(record) for record in in_order[:LATEST]]


def forms_of_mail_id(text: str) -> tuple[str, ...]:
    """A message id of mail as it may be stored: with its brackets, or without."""
    bare = text.removeprefix("<").removesuffix(">")
    return (f"<{bare}>", bare) if bare else ()
