"""The conclusion on a message that is recorded, and not on a queue."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from application.companies import FindCompany
from application.ports.dead_letters import DeadLetter
from application.tracing.fallback_words import fallback_words
from application.tracing.results import Conclusion, TraceState
from application.tracing.wording import ago, clock_time, command, opening
from domain.conversations import Conversation
from domain.messages import MAX_ATTEMPTS, STUCK_AFTER, MessageRecord
from domain.tenants import Tenant, TenantDirectory
from domain.trail import MatchRule

ERASED = Conclusion(
    TraceState.ERASED,
    None,
    "It was erased, and only its key is left: if the provider delivers it again, that is a "
    "duplicate and is not stored.",
)
_DOCTOR = command("doctor")
_REDRIVE = command("unmatched", "redrive")
_MATCHED = frozenset({MatchRule.ONLY, MatchRule.THREAD, MatchRule.RECIPIENT, MatchRule.LATEST})


def conclusion_on_pending(record: MessageRecord, now: datetime) -> Conclusion:
    """On a message that is recorded, and not on its queue yet."""
    since = record.recorded_at
    if record.lease_until and record.lease_until > now:
        sentence = (
            f"It is pending since {ago(since, now)}, and a process is putting it on its queue: "
            f"attempt {record.attempts} of {MAX_ATTEMPTS}, which ends at "
            f"{clock_time(record.lease_until, now)}. If it is pending after that, {_DOCTOR} says "
            f"what is wrong with the queue."
        )
    elif now < since + STUCK_AFTER:
        sentence = (
            f"It was recorded at {ago(since, now)} and is being put on its queue: trace it again "
            f"in half a minute."
        )
    else:
        sentence = (
            f"It is pending since {ago(since, now)}: it could not be put on its queue, and was "
            f"tried again {record.attempts} of {MAX_ATTEMPTS} times. {_DOCTOR} says what is wrong "
            f"with the queue; once that is mended {command('relay')} publishes it, as a server "
            f"does by itself."
        )
    return Conclusion(TraceState.PENDING, since, sentence)


def conclusion_on_undeliverable(
    dead_letter: DeadLetter | None, record: MessageRecord
) -> Conclusion:
    """On a message that was tried too often."""
    tried = f"It could not be put on its queue in {record.attempts} attempts"
    if dead_letter is None:
        sentence = (
            f"{tried}, and its dead letter was deleted: nothing publishes it any more. It stays in "
            f"the history of its conversation, so answer it from there."
        )
        return Conclusion(TraceState.UNDELIVERABLE, None, sentence)
    redrive = command("dead-letters", "redrive", dead_letter.dead_letter_id)
    sentence = (
        f"{tried} and was given up at {dead_letter.created_at:%Y-%m-%d %H:%M:%S} UTC: {_DOCTOR} "
        f"says what is wrong with the queue; once that is mended, {redrive} publishes it."
    )
    return Conclusion(TraceState.UNDELIVERABLE, dead_letter.created_at, sentence)


@dataclass(frozen=True, slots=True)
class Unmatched:
    """An unmatched message, with what it could be matched with now.

    ``conversations`` are all of its sender, open or closed, with any recipient.
    """

    record: MessageRecord
    tenant: Tenant | None
    directory: TenantDirectory
    conversations: Sequence[Conversation]

    def conclusion(self, now: datetime) -> Conclusion:
        """Why it belongs to no conversation, and how it gets one."""
        since = self.record.message.received_at
        sentence = f"It is unmatched since {ago(since, now)}: {self._reason(now)}"
        return Conclusion(TraceState.UNMATCHED, since, sentence)

    def _reason(self, now: datetime) -> str:
        message = self.record.message
        account, recipient = message.account, message.recipient.address
        if self.tenant is None:
            owner = self.directory.owner_of_recipient(recipient)
            whose = "another company's" if owner else "no company's"
            return (
                f"account {account} delivered it for {recipient}, which is {whose} by the "
                f"tenants. Correct the accounts or recipients there, then {_REDRIVE} delivers it."
            )
        if message.is_of_unknown_author:
            return (
                "a mailing list sent it without its author's address, so it joins no "
                f"conversation. {command('unmatched', 'list')} shows it; a human must answer it."
            )
        return self._without_conversation(self.tenant, now)

    def _without_conversation(self, tenant: Tenant, now: datetime) -> str:
        message, trail = self.record.message, self.record.trail
        joins = [c for c in self.conversations if c.accepts(message, tenant, self.directory)]
        got = "" if trail.rule in _MATCHED else f" ({fallback_words(trail.fallback, now)})"
        if joins:
            return (
                f"there was no conversation for it when it came{got}, and now there is "
                f"{joins[0].conversation_id}: {_REDRIVE} delivers it."
            )
        recipient = tenant.recipient_of(message)
        open_first = f"{opening(message, recipient)} opens one, then {_REDRIVE} delivers it."
        return f"{self._missing(tenant, recipient)}{got}. {open_first}"

    def _missing(self, tenant: Tenant, recipient: str) -> str:
        sender = self.record.message.sender.value
        lacks = f"{sender} has no open conversation with {recipient}"
        for conversation in self.conversations:
            name = conversation.conversation_id
            if self._is_of_another(conversation, tenant):
                continue
            if conversation.recipient_id and not conversation.is_for([recipient]):
                return f"{lacks}, only {name} with {conversation.recipient_id}"
            if not conversation.is_open:
                return f"{lacks}, for {name} is closed"
        if self.record.trail.rule in _MATCHED:
            return f"{lacks} any more: its own was closed or deleted before it was on a queue"
        return lacks

    def _is_of_another(self, conversation: Conversation, tenant: Tenant) -> bool:
        """Whoever may see what is ``tenant``'s must not be told of it.

        A record need not name its company: then its recipient does.
        """
        if conversation.is_of_another_company(tenant, self.directory):
            return True
        company = FindCompany(lambda: self.directory).of_conversation(conversation)
        return not self.directory.has_one_company and company != tenant.company_id
