"""Unmatched messages by who wrote them to whom, and what stands in the way of each."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from application.ports.conversation_store import activity_place
from application.ports.message_lookup import MessageLookup
from application.tracing.record_conclusions import Unmatched
from domain.channels import ChannelType
from domain.conversations import ACTIVE, Conversation, StateChange
from domain.messages import MessageRecord
from domain.tenants import Tenant, TenantDirectory
from domain.trail import FallbackResult, MatchRule
from entrypoints.http.console.words import capital


class NextStep(StrEnum):
    """What it takes to deliver the messages of a sender."""

    OPEN = "open"
    DELIVER = "deliver"
    REOPEN = "reopen"
    NONE = "none"


_WHY = {
    MatchRule.NO_CONVERSATION: "No conversation was open for this sender and recipient.",
    MatchRule.FOREIGN_RECIPIENT: (
        "The account that delivered it may not speak for this recipient. Correct TENANTS or, at "
        "the provider, the account of this address: until then it matches nothing."
    ),
    MatchRule.UNKNOWN_AUTHOR: (
        "A mailing list sent it without its author's address, so it joins no conversation. A "
        "human has to answer it."
    ),
}
_REOPENED = StateChange(conversation_status=ACTIVE)
_LOST = "Its conversation was closed or deleted before it was on a queue."
_UNKNOWN = "Why it is unmatched was not stored: an older version recorded it."
_FALLBACKS = {
    FallbackResult.SENT: "The sender got the fallback.",
    FallbackResult.WRITTEN_TO_FILE: "The fallback was written to a file: no provider is set up.",
    FallbackResult.UNCERTAIN: "Whether the sender got the fallback is not certain.",
}
_NO_FALLBACK = "The sender got no fallback."


@dataclass(frozen=True, slots=True)
class UnmatchedSender:
    """What one sender wrote to one recipient, as far as it stands on this page.

    ``conversation`` is the open one that would take the messages now. Where there is none,
    ``closed`` would, were it open. ``named`` is one of the sender that says its company.
    ``reason`` is the same as in the trace, and ``other_conversation`` the one that it names; there
    is neither for who may not know of other companies.
    """

    records: tuple[MessageRecord, ...]
    tenant: Tenant | None
    conversation: Conversation | None
    closed: Conversation | None = None
    named: Conversation | None = None
    reason: str = ""
    other_conversation: Conversation | None = None

    @property
    def first(self) -> MessageRecord:
        """The message that came first."""
        return self.records[0]

    @property
    def why(self) -> str:
        """Why the messages are unmatched, as far as that is stored or stands in the way now."""
        if self.closed:
            return "Their conversation is closed, and no message opens it again."
        if other := self.with_another:
            return f"They wrote to {self.first.message.recipient.address}; {_where(other)}."
        if self.reason and not self.conversation:
            return f"{capital(self.reason)}."
        return self._why_stored()

    def _why_stored(self) -> str:
        trail = self.first.trail
        if self.tenant is None:
            return _WHY[MatchRule.FOREIGN_RECIPIENT]
        if trail.rule is MatchRule.FOREIGN_RECIPIENT:
            return "When it came, its account might not speak for this recipient. Now it may."
        if trail.rule is None:
            return _UNKNOWN
        return _WHY.get(trail.rule, _LOST)

    @property
    def with_another(self) -> Conversation | None:
        """The sender's conversation with another recipient, where it is all that there is."""
        other = self.other_conversation
        if other is None or self.conversation or self.closed or self.tenant is None:
            return None
        return other if other.recipient_id else None

    @property
    def has_no_company(self) -> bool:
        """Whether a conversation can be opened here, and the directory does not say whose."""
        can_open = self.next_step in {NextStep.OPEN, NextStep.REOPEN}
        return can_open and self.tenant is not None and not self.tenant.company_id

    @property
    def fallback(self) -> str:
        """What the sender got; empty if that is not stored."""
        outcome = self.first.trail.fallback
        return _FALLBACKS.get(outcome.result, _NO_FALLBACK) if outcome else ""

    @property
    def next_step(self) -> NextStep:
        """What an operator can do here."""
        if self.tenant is None or self.first.message.is_of_unknown_author:
            return NextStep.NONE
        if self.conversation:
            return NextStep.DELIVER
        return NextStep.REOPEN if self.closed else NextStep.OPEN


def _where(other: Conversation) -> str:
    company = other.company_name or other.company_id
    at = f" at {company}" if company else ""
    closed = "" if other.is_open else ", and is closed"
    return f"their conversation{at} is with {other.recipient_id}{closed}"


@dataclass(frozen=True)
class GroupBySender:
    """Looks for the conversations of each sender: one request to the store for each."""

    lookup: MessageLookup
    directory: TenantDirectory
    sees_all: bool
    window: timedelta
    """One fallback is sent within it."""

    def __call__(self, records: Iterable[MessageRecord]) -> Iterator[UnmatchedSender]:
        """The senders in the order of their first messages."""
        groups: dict[tuple[ChannelType, str, str, str], list[MessageRecord]] = {}
        for record in records:
            message = record.message
            addresses = message.sender.value, message.recipient.address
            groups.setdefault((message.channel, message.account, *addresses), []).append(record)
        return map(self._sender, groups.values())

    def _sender(self, records: Sequence[MessageRecord]) -> UnmatchedSender:
        record, message = records[0], records[0].message
        tenant = self.directory.owner_of(message)
        found: Sequence[Conversation] = ()
        if tenant and not message.is_of_unknown_author:
            found = self.lookup.conversations_of(message.channel, message.look_up_values)
        accepting = [
            one
            for one in found
            if tenant and one.changed(_REOPENED).accepts(message, tenant, self.directory)
        ]
        opened = next((one for one in accepting if one.is_open), None)
        closed = None if opened else max(accepting, key=activity_place, default=None)
        unmatched = Unmatched(record, tenant, self.directory, found, self.window)
        named = next((one for one in found if one.company_id or one.company_name), None)
        sender = UnmatchedSender(tuple(records), tenant, opened, closed, named)
        if not self.sees_all:
            return sender
        return replace(
            sender, reason=unmatched.why, other_conversation=unmatched.other_conversation
        )
