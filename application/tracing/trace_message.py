"""What became of a message, by any id or address that an operator has in hand."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, islice

from application.clock import Clock
from application.ports.conversation_store import ConversationStore
from application.ports.message_lookup import MessageLookup
from application.ports.refusals import Refusals
from application.ports.webhook_parser import VerifiedWebhook
from application.tracing.nothing_known import LogSearch, NothingKnown
from application.tracing.recorded import TraceRecord, trace_of_tombstone
from application.tracing.results import MessageTrace, Trace, TraceKind
from application.tracing.unrecorded import MOST_SEARCHED, FindUnrecorded, Wanted
from application.tracing.wording import command
from domain.addresses import Address
from domain.channels import AddressKind, ChannelType
from domain.conversations import Conversation
from domain.erasure import Tombstone
from domain.errors import InvalidAddressError
from domain.idempotency import request_id_of
from domain.messages import InboundMessage, MessageRecord
from domain.tenants import TenantDirectory

LATEST = 10
"""How many messages of a conversation or a customer are traced."""

MOST_REFUSALS = 5

LONGEST = 1000
"""No id and no address has more characters."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class TraceMessage:
    """Finds what became of a message, and says so.

    It takes a provider's message id, a request id, the id of a conversation or of a dead letter,
    or a customer's address. It changes nothing, and takes nothing from a queue.
    """

    lookup: MessageLookup
    conversations: ConversationStore
    trace_record: TraceRecord
    find_unrecorded: FindUnrecorded
    refusals: Refusals
    log_search: LogSearch
    tenants: Callable[[], TenantDirectory]
    clock: Clock

    def __call__(self, text: str) -> Trace:
        """The trace of ``text``; ``is_known`` tells whether anything is known of it.

        Raises ``StorageUnavailableError`` when a store does not answer.
        """
        text = text.strip()
        notes: list[str] = []
        if not (0 < len(text) <= LONGEST and text.isprintable()):
            return self._unknown(text[:LONGEST], notes)
        found = self._by_id(text) or self._by_address(text, notes) or self._unrecorded(text, notes)
        if found is None:
            return self._unknown(text, notes)
        return replace(found, notes=(*found.notes, *notes))

    def _by_id(self, text: str) -> Trace | None:
        """By keys and indexes alone, the cheapest first."""
        if traces := self._of_keys([text.lower()] if _UUID.fullmatch(text) else []):
            return self._trace(text, TraceKind.REQUEST_ID, traces)
        if traces := self._of_keys(self._keys_of(text)) or self._of_mail(text):
            return self._trace(text, TraceKind.MESSAGE_ID, traces)
        if conversations := self.conversations.get_conversations(text):
            return self._of_conversation(text, conversations)
        dead_letters = self.find_unrecorded.dead_letters
        if dead_letters and (dead_letter := dead_letters.get(text)):
            traced = self.find_unrecorded.dead_letter(dead_letter)
            return self._trace(text, TraceKind.DEAD_LETTER_ID, [traced])
        return None

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
        forms = _forms_of_mail_id(message_id)
        found = chain.from_iterable(self.lookup.find_mail(form, LATEST) for form in forms)
        return [self.trace_record(record) for record in found]

    def _of_conversation(self, text: str, found: Iterable[Conversation]) -> Trace:
        records = list(found)
        latest = self._latest(self.lookup.latest_of(one.key, LATEST) for one in records)
        traces = [self.trace_record(record) for record in latest]
        if traces:
            return self._trace(text, TraceKind.CONVERSATION_ID, traces)
        company = records[0].company_id
        sentence = "Nobody has written in this conversation yet, as far as the store knows."
        return Trace(text, TraceKind.CONVERSATION_ID, (), sentence, company_id=company)

    def _by_address(self, text: str, notes: list[str]) -> Trace | None:
        """The latest of a customer, wherever it is."""
        addresses = _addresses(text)
        if not addresses:
            return None
        values = {value for address in addresses for value in address.look_up_values}
        channels = {address.channel for address in addresses}

        def is_theirs(message: InboundMessage) -> bool:
            return message.channel in channels and message.is_by(values)

        conversations = [
            conversation
            for one in addresses
            for conversation in self.lookup.conversations_of(one.channel, one.look_up_values)
        ]
        unmatched = self.lookup.latest_unmatched(MOST_SEARCHED)
        if len(unmatched) == MOST_SEARCHED:
            notes.append(f"only the latest {MOST_SEARCHED} unmatched messages were searched")
        records = self._latest(
            [
                *(self.lookup.latest_of(one.key, LATEST) for one in conversations),
                [record for record in unmatched if is_theirs(record.message)],
            ]
        )
        traces = [self.trace_record(record) for record in records]
        traces += self._search(lambda _, messages: any(map(is_theirs, messages)), notes)
        if traces:
            return self._trace(text, TraceKind.ADDRESS, traces)
        if conversations:
            return self._of_conversation(text, conversations)
        return None

    def _unrecorded(self, text: str, notes: list[str]) -> Trace | None:
        """What became no record, by what the webhook itself says."""
        forms = {text, *_forms_of_mail_id(text)}
        needle = text.strip("<>").encode()

        def is_it(webhook: VerifiedWebhook, messages: tuple[InboundMessage, ...]) -> bool:
            if not messages:
                return needle in webhook.request.body or text == webhook.id
            ids = {one.provider_message_id for one in messages} | {webhook.id}
            return not forms.isdisjoint(ids | {one.request_id for one in messages})

        traces = self._search(is_it, notes) if needle else []
        return self._trace(text, TraceKind.MESSAGE_ID, traces) if traces else None

    def _search(self, wanted: Wanted, notes: list[str]) -> list[MessageTrace]:
        in_spool = self.find_unrecorded.in_spool(wanted, notes)
        return [*in_spool, *self.find_unrecorded.in_dead_letters(wanted, notes)]

    def _latest(self, of_each: Iterable[Iterable[MessageRecord]]) -> list[MessageRecord]:
        records = {one.request_id: one for one in chain.from_iterable(of_each)}
        in_order = sorted(records.values(), key=lambda one: one.message.received_at, reverse=True)
        return in_order[:LATEST]

    def _trace(self, text: str, kind: TraceKind, found: list[MessageTrace]) -> Trace:
        never = self.clock().replace(year=1)
        found.sort(key=lambda one: one.received_at or never, reverse=True)
        first = found[0].conclusion.sentence
        if len(found) == 1:
            notes = tuple(self._repeats(found[0]))
            return Trace(text, kind, tuple(found), first, notes=notes)
        each = command("trace", found[0].request_id) if found[0].request_id else ""
        more = f" {each} shows the way of one message." if each else ""
        return Trace(text, kind, tuple(found), f"The latest message: {first}{more}")

    def _repeats(self, found: MessageTrace) -> Iterator[str]:
        if found.request_id and found.received_at:
            search = self.log_search({"request_id": found.request_id})
            yield f"a repeated delivery leaves no record; the log has it: {search}"

    def _unknown(self, text: str, notes: list[str]) -> Trace:
        channels = _channels_of(text)
        every = (one for one in self.refusals.latest() if one.channel in channels)
        refusals = tuple(islice(every, MOST_REFUSALS))
        notice = self.refusals.notice()
        nothing_known = NothingKnown(
            refusals=refusals,
            channels=channels,
            sees_all_refusals=notice is None,
            sees_spool=self.find_unrecorded.sees_spool,
            log_search=self.log_search,
            now=self.clock(),
        )
        notes += [notice] if notice else []
        sentence = nothing_known.sentence(text)
        return Trace(text, TraceKind.UNKNOWN, (), sentence, refusals, tuple(notes))


def _forms_of_mail_id(text: str) -> tuple[str, ...]:
    """A message id of mail as it may be stored: with its brackets, or without."""
    bare = text.removeprefix("<").removesuffix(">")
    return (f"<{bare}>", bare) if bare else ()


def _addresses(text: str) -> list[Address]:
    """``text`` as the address of a customer, on each channel where it may be one."""
    found: list[Address] = []
    for channel in ChannelType:
        with suppress(InvalidAddressError):
            address = Address.parse(channel, text)
            if address.kind not in {AddressKind.OTHER, AddressKind.ALPHANUMERIC}:
                found.append(address)
    return found


def _channels_of(text: str) -> frozenset[ChannelType]:
    """The channels on which something of that form comes: mail has an ``@``."""
    if _UUID.fullmatch(text):
        return frozenset(ChannelType)
    is_mail = "@" in text
    return frozenset(c for c in ChannelType if c.rules.has_threads == is_mail)
