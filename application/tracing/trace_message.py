"""What became of a message, by any id or address that an operator has in hand."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice

from application.clock import Clock
from application.ports.dead_letters import DeadLetter
from application.ports.refusals import Refusals
from application.ports.webhook_parser import VerifiedWebhook
from application.tracing.find_recorded import UUID, FindRecorded, MaySee, forms_of_mail_id
from application.tracing.nothing_known import (
    NOBODY_HAS_WRITTEN,
    Explain,
    LogSearch,
    NothingKnown,
    nothing_from,
    of_no_form,
    of_own_address,
    of_own_id,
)
from application.tracing.results import MessageTrace, Trace, TraceKind, TraceState
from application.tracing.subjects import (
    cleaned,
    forms_of,
    lacks_country_code,
    may_be_traced,
)
from application.tracing.unrecorded import FindUnrecorded, Wanted
from application.tracing.wording import command, shell
from domain.addresses import Address
from domain.channels import AddressKind, ChannelType
from domain.conversations import Conversation
from domain.errors import InvalidAddressError, TemporaryError, safe_reason
from domain.messages import InboundMessage

MOST_REFUSALS = 5

LONGEST = 1000
"""No id and no address has more characters."""

_UNRECORDED = frozenset({TraceState.SPOOLED, TraceState.DEAD_LETTER})
_LATEST = "The latest message:"
_SEVERAL = (
    "Several different messages carry this id. Each is recorded, and none is lost. The latest one:"
)
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class TraceMessage:
    """Finds what became of a message, and says so.

    It takes a provider's message id, a request id, the id of a conversation or of a dead letter,
    or a customer's address. What is like one is read as one, if nothing has exactly that name.
    It changes nothing, and takes nothing from a queue.
    ``open_records`` may raise a ``TemporaryError``, as the store itself may.
    """

    open_records: Callable[[], FindRecorded]
    find_unrecorded: FindUnrecorded
    refusals: Refusals
    log_search: LogSearch
    explain: Explain
    clock: Clock

    def __call__(self, text: str, may_see: MaySee = lambda _: True) -> Trace:
        """The trace of ``text``; ``is_known`` tells whether anything is known of it.

        Of a customer of several companies it has the latest messages to those that the caller
        ``may_see``. Otherwise it may hold what the caller must not see.
        While the store does not answer, what waits for it is found all the same.
        """
        text = cleaned(text)
        notes: list[str] = []
        if not (0 < len(text) <= LONGEST and text.isprintable()):
            return self._unknown((text[:LONGEST],), notes)
        failure, forms = None, forms_of(text)
        own = None
        try:
            found = _first(self._recorded(form, notes, may_see) for form in forms)
            own = None if found else self._own(forms[-1], may_see)
        except TemporaryError as error:
            found, failure = None, safe_reason(error)
        found = found or _first(self._unrecorded(form, notes) for form in forms)
        notes = [*dict.fromkeys(notes)]
        found = found or own
        if found is None:
            if lacks_country_code(text):
                notes.insert(
                    0, f"{text} may lack its country code: try it as +1 {text}, for example"
                )
            return self._unknown(forms, notes, failure)
        if found.traced != text:
            notes.append(f"{text} was read as {found.traced}")
        if failure:
            notes.append(f"the store could not be asked: {failure}")
        return replace(found, notes=(*found.notes, *notes), failure=failure)

    def _recorded(self, text: str, notes: list[str], may_see: MaySee) -> Trace | None:
        """The cheapest first. Of a customer also what waits to be recorded."""
        records = self.open_records()
        if found := records.by_message(text):
            return self._trace(text, *found)
        conversations, traces = records.by_conversation(text)
        if conversations:
            return self._of(conversations, traces, text, TraceKind.CONVERSATION_ID)
        addresses = _addresses(text)
        if not addresses:
            return None
        is_theirs = _written_by(addresses)
        conversations, traces = records.by_address(addresses, is_theirs, notes, may_see)
        traces += self._search(lambda _, messages: any(map(is_theirs, messages)), notes)
        notes += self._refused_since(traces, frozenset(one.channel for one in addresses))
        return self._of(conversations, traces, text, TraceKind.ADDRESS)

    def _own(self, text: str, may_see: MaySee) -> Trace | None:
        """Of an address that customers write to: no message is from it."""
        number = self.open_records().messages_to(_addresses(text), may_see)
        if number is None:
            return None
        statement = of_own_address(text, number)
        commands = (shell("unmatched", "list"),) if number else ()
        return Trace(text, TraceKind.UNKNOWN, (), statement, commands=commands)

    def _refused_since(
        self, traces: list[MessageTrace], channels: frozenset[ChannelType]
    ) -> Iterator[str]:
        """A customer's latest message may be none of these: a refusal has no address."""
        latest = max((one.received_at or _NEVER for one in traces), default=None)
        refused = {
            str(one.channel)
            for one in self.refusals.latest()
            if one.channel in channels and latest and one.last_at > latest
        }
        if refused:
            names = " and ".join(sorted(refused))
            yield f"webhooks of {names} were refused after that: the checks say why"

    def _of(
        self,
        conversations: Sequence[Conversation],
        traces: list[MessageTrace],
        text: str,
        kind: TraceKind,
    ) -> Trace | None:
        if traces:
            return self._trace(text, kind, traces)
        if not conversations:
            return None
        company = self.find_unrecorded.find_company.of_conversation(conversations[0])
        nothing = self._nothing_known(frozenset(one.primary_channel for one in conversations))
        is_customer = kind is TraceKind.ADDRESS
        statement = nothing.without_messages(
            nothing_from(text) if is_customer else NOBODY_HAS_WRITTEN
        )
        notes = (nothing.note,) if nothing.note else ()
        return Trace(text, kind, (), statement, nothing.refusals, notes, company_id=company)

    def _unrecorded(self, text: str, notes: list[str]) -> Trace | None:
        """What became no record, by its own id or by what the webhook itself says."""
        if dead_letter := self._dead_letter(text, notes):
            traced = self.find_unrecorded.dead_letter(dead_letter)
            return self._trace(text, TraceKind.DEAD_LETTER_ID, [traced])
        is_theirs = _written_by(_addresses(text))
        forms = {text, *forms_of_mail_id(text)}
        needle = text.strip("<>").encode()

        def is_it(webhook: VerifiedWebhook, messages: tuple[InboundMessage, ...]) -> bool:
            if not messages:
                return needle in webhook.request.body or text == webhook.id
            ids = {one.provider_message_id for one in messages} | {webhook.id}
            is_named = not forms.isdisjoint(ids | {one.request_id for one in messages})
            return is_named or any(map(is_theirs, messages))

        traces = self._search(is_it, notes) if needle else []
        return self._trace(text, TraceKind.MESSAGE_ID, traces) if traces else None

    def _search(self, wanted: Wanted, notes: list[str]) -> list[MessageTrace]:
        find, found = self.find_unrecorded, list[MessageTrace]()
        for place, search in (("spool", find.in_spool), ("dead letters", find.in_dead_letters)):
            try:
                found += search(wanted, notes)
            except TemporaryError as error:
                notes.append(f"the {place} could not be searched: {safe_reason(error)}")
        return found

    def _dead_letter(self, name: str, notes: list[str]) -> DeadLetter | None:
        dead_letters = self.find_unrecorded.dead_letters
        try:
            return dead_letters.get(name) if dead_letters else None
        except TemporaryError as error:
            notes.append(f"a dead letter with this id could not be read: {safe_reason(error)}")
            return None

    def _trace(self, text: str, kind: TraceKind, found: list[MessageTrace]) -> Trace:
        found.sort(key=lambda one: one.received_at or _NEVER, reverse=True)
        first = found[0].conclusion
        if len(found) == 1:
            notes = tuple(self._repeats(found[0])) if kind is TraceKind.MESSAGE_ID else ()
            traces = (replace(found[0], message_id=found[0].message_id or _id_of(text, kind)),)
            return Trace(text, kind, traces, first.statement, notes=notes, commands=first.commands)
        name = found[0].request_id
        notes = (f"{command('trace', name)} shows the whole way of the latest",) if name else ()
        are_recorded = all(one.conclusion.state not in _UNRECORDED for one in found)
        head = _SEVERAL if kind is TraceKind.MESSAGE_ID and are_recorded else _LATEST
        statement = replace(first.statement, cause=f"{head} {first.statement.cause}")
        return Trace(text, kind, tuple(found), statement, notes=notes, commands=first.commands)

    def _repeats(self, found: MessageTrace) -> Iterator[str]:
        is_recorded = found.conclusion.state not in _UNRECORDED
        if is_recorded and found.request_id and found.received_at:
            search = self.log_search({"request_id": found.request_id})
            yield (
                "it is processed once, however often the provider delivers it. Repeats are "
                f"answered 200, and are in the log as duplicate: {search}"
            )

    def _unknown(
        self, forms: tuple[str, ...], notes: list[str], failure: str | None = None
    ) -> Trace:
        text, meant = forms[0], forms[-1]
        if failure is None and (UUID.fullmatch(meant) or not may_be_traced(meant)):
            statement = of_own_id(meant) if UUID.fullmatch(meant) else of_no_form(meant)
            return Trace(text, TraceKind.UNKNOWN, (), statement, notes=tuple(notes))
        nothing = self._nothing_known(_channels_of(meant), failure)
        notice = self.refusals.notice()
        notes += [notice] if notice and failure is None else []
        notes += [nothing.note] if nothing.note else []
        return Trace(
            text,
            TraceKind.UNKNOWN,
            (),
            nothing.statement(" or of ".join(forms)),
            nothing.refusals,
            tuple(notes),
            commands=(shell("doctor"),) if failure else (),
            failure=failure,
        )

    def _nothing_known(
        self, channels: frozenset[ChannelType], failure: str | None = None
    ) -> NothingKnown:
        every = self.refusals.latest() if failure is None else ()
        # A path without a channel may have been meant for any.
        related = (one for one in every if one.channel in {None, *channels})
        return NothingKnown(
            refusals=tuple(islice(related, MOST_REFUSALS)),
            channels=channels,
            sees_all_refusals=self.refusals.notice() is None,
            sees_spool=self.find_unrecorded.sees_spool,
            failure=failure,
            log_search=self.log_search,
            explain=self.explain,
            now=self.clock(),
        )


def _first(found: Iterable[Trace | None]) -> Trace | None:
    return next(filter(None, found), None)


def _id_of(text: str, kind: TraceKind) -> str | None:
    """The provider's id of what cannot be read, if it was found by something in it."""
    return text if kind is TraceKind.MESSAGE_ID and not _addresses(text) else None


def _written_by(addresses: list[Address]) -> Callable[[InboundMessage], bool]:
    """Whether a message is of the customer who has one of ``addresses``."""
    values = {value for address in addresses for value in address.look_up_values}
    channels = {address.channel for address in addresses}
    return lambda message: message.channel in channels and message.is_by(values)


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
    if UUID.fullmatch(text):
        return frozenset(ChannelType)
    is_mail = "@" in text
    return frozenset(c for c in ChannelType if c.rules.has_threads == is_mail)
