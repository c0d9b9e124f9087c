"""The conclusion on a message that is recorded, and not on a queue."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from application.companies import FindCompany
from application.ports.dead_letters import DeadLetter
from application.tracing.fallback_words import fallback_words
from application.tracing.results import Conclusion, TraceState
from application.tracing.wording import ago, ahead, command, opening, shell
from domain.conversations import Conversation
from domain.messages import MAX_ATTEMPTS, MessageRecord
from domain.tenants import Tenant, TenantDirectory
from domain.trail import MatchRule

ERASED = Conclusion(
    TraceState.ERASED,
    None,
    "It was erased: an operator erased the person, or MESSAGE_RETENTION_DAYS were over. Which "
    "of the two is not stored. It cannot be brought back. Only its key is left, so that it is "
    "not stored again if the provider repeats it.",
)
_DOCTOR, _RELAY = shell("doctor"), shell("relay")
_REDRIVE = shell("unmatched", "redrive")
_ANSWERED_BY_PROVIDER = frozenset({"opt_out_type", "opt_out_word"})
_MATCHED = frozenset({MatchRule.ONLY, MatchRule.THREAD, MatchRule.RECIPIENT, MatchRule.LATEST})


def conclusion_on_pending(record: MessageRecord, now: datetime) -> Conclusion:
    """On a message that is recorded, and not on its queue yet."""
    since, lease = record.recorded_at, record.lease_until
    recorded = f"It was recorded at {ago(since, now)}, and is on no queue yet"
    failed = " ".join(_failures(record, now))
    commands: tuple[str, ...] = (_DOCTOR, _RELAY)
    if failed and record.due_at > now:
        commands = (_DOCTOR,)
        sentence = (
            f"{recorded}. {failed} The next one is at {ahead(record.due_at, now)}. A running "
            f"server makes it, or {command('relay')} after that time. The checks say whether the "
            f"queue works now. If it does, there is nothing to do but wait:"
        )
    elif record.due_at > now:
        commands = ()
        sentence = (
            f"It was recorded at {ago(since, now)}, and is being put on its queue. Trace it again "
            f"in half a minute."
        )
    elif failed:
        due = f"is due since {ago(lease, now)}" if lease else "is due"
        sentence = (
            f"{recorded}. {failed} The next one {due}. A running server makes it within a minute: "
            f"check that the server runs. To see what is wrong with the queue, and to try again "
            f"now:"
        )
    else:
        commands = (_RELAY,)
        sentence = (
            f"{recorded}, and no process has tried again yet. A running server does so within a "
            f"minute. If it is still here after that, the server does not run: start it, or put "
            f"the message on its queue now:"
        )
    return Conclusion(TraceState.PENDING, since, sentence, commands)


def _failures(record: MessageRecord, now: datetime) -> Iterator[str]:
    """What is known of the attempts to put it on its queue, the cause and its remedy last.

    That of its first handler is not counted.
    """
    attempts, failure = record.attempts, record.trail.failure
    if attempts:
        counted = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        yield f"{counted} to put it there failed, of {MAX_ATTEMPTS} at most."
    if failure:
        which = "The latest" if attempts else "An attempt to put it there"
        yield f"{which} failed at {ago(failure.at, now)}: {failure.reason}."
    elif attempts:
        yield f"The log lines with request id {record.request_id} say why."


def conclusion_on_undeliverable(
    dead_letter: DeadLetter | None, record: MessageRecord, now: datetime
) -> Conclusion:
    """On a message that was tried too often."""
    tried = f"It could not be put on its queue in {record.attempts} attempts"
    if failure := record.trail.failure:
        tried = f"{tried}. The latest failed at {ago(failure.at, now)}: {failure.reason}"
    if dead_letter is None:
        sentence = (
            f"{tried}. Its dead letter was deleted: nothing publishes it any more. It stays in "
            f"the history of its conversation, so a human must answer it from there."
        )
        return Conclusion(TraceState.UNDELIVERABLE, None, sentence)
    since = dead_letter.created_at
    redrive = shell("dead-letters", "redrive", dead_letter.dead_letter_id)
    see = "" if failure else "See what is wrong with the queue. "
    sentence = (
        f"{tried}. Frontdesk gave up at {ago(since, now)}, and made it a dead letter. {see}Once "
        f"that is mended, or if the checks find nothing, redrive it, which puts it there:"
    )
    return Conclusion(TraceState.UNDELIVERABLE, since, sentence, (_DOCTOR, redrive))


@dataclass(frozen=True, slots=True)
class Unmatched:
    """An unmatched message, with what it could be matched with now.

    ``conversations`` are all of its sender, open or closed, with any recipient. One fallback is
    sent within a ``window``.
    """

    record: MessageRecord
    tenant: Tenant | None
    directory: TenantDirectory
    conversations: Sequence[Conversation]
    window: timedelta

    def conclusion(self, now: datetime) -> Conclusion:
        """Why it belongs to no conversation, and how it gets one."""
        since = self.record.message.received_at
        sentence, commands = self._reason()
        sentence = f"It is unmatched since {ago(since, now)}: {sentence}"
        return Conclusion(TraceState.UNMATCHED, since, sentence, commands)

    @property
    def why(self) -> str:
        """What stands in the way of it, without a full stop."""
        if self.tenant is None:
            return self._of_another_company()
        if self.record.message.is_of_unknown_author:
            return (
                "a mailing list sent it without its author's address, so it joins no "
                "conversation. A human must answer it"
            )
        return self._missing(self.tenant)

    @property
    def other_conversation(self) -> Conversation | None:
        """One of its sender that does not take it: with another recipient, or closed."""
        if self.tenant is None:
            return None
        recipient = self.tenant.recipient_of(self.record.message)
        for one in self.conversations:
            is_with_another = one.recipient_id and not one.is_for([recipient])
            if not self._is_of_another(one, self.tenant) and (is_with_another or not one.is_open):
                return one
        return None

    def _reason(self) -> tuple[str, tuple[str, ...]]:
        if self.tenant is None:
            return f"{self.why}. Correct that, then deliver the message:", (_REDRIVE,)
        if self.record.message.is_of_unknown_author:
            return f"{self.why}. To see it:", (shell("unmatched", "list"),)
        return self._without_conversation(self.tenant)

    def _of_another_company(self) -> str:
        account, recipient = self.record.message.account, self.record.message.recipient.address
        if self.directory.has_one_company:
            configured = ", ".join(sorted(self.directory.tenants[0].accounts)) or "none"
            return (
                f"account {account} delivered it, and is not configured now. Configured are: "
                f"{configured}"
            )
        owner = self.directory.owner_of_recipient(recipient)
        senders = [one for one in self.directory.tenants if account in one.accounts]
        whose = " and ".join(f"company {one.company_id}" for one in senders) or "no company"
        return (
            f"by TENANTS, {recipient} belongs to {_company(owner)}. But account {account} "
            f"delivered it, which belongs to {whose}. Either TENANTS is wrong, or the provider "
            f"has this address in the wrong account"
        )

    def _without_conversation(self, tenant: Tenant) -> tuple[str, tuple[str, ...]]:
        message, trail = self.record.message, self.record.trail
        joins = [c for c in self.conversations if c.accepts(message, tenant, self.directory)]
        fallback = f" {fallback_words(trail.fallback, message, self.window)}"
        got = "" if trail.rule in _MATCHED else fallback
        if joins:
            sentence = (
                f"there was no conversation for it when it came. Now there is "
                f"{joins[0].conversation_id}.{got} Deliver the message:"
            )
            return sentence, (_REDRIVE,)
        if trail.fallback and trail.fallback.reason in _ANSWERED_BY_PROVIDER:
            return f"{self.why}.{got} So there is nothing to do.", ()
        sentence = f"{self.why}.{got} Open a conversation, then deliver the message:"
        return sentence, (opening(message, tenant.recipient_of(message)), _REDRIVE)

    def _missing(self, tenant: Tenant) -> str:
        message = self.record.message
        sender, recipient = message.sender.value, tenant.recipient_of(message)
        lacks = f"{sender} has no open conversation with {recipient}"
        if other := self.other_conversation:
            name = other.conversation_id
            if other.recipient_id and not other.is_for([recipient]):
                return f"{lacks}. Its conversation {name} is with {other.recipient_id} alone"
            return (
                f"{lacks}. Its conversation {name} is closed, and no message opens it again: an "
                f"operator can, or opens another one"
            )
        if self.record.trail.rule in _MATCHED:
            return f"{lacks} any more. Its own was closed or deleted before it was on a queue"
        return lacks

    def _is_of_another(self, conversation: Conversation, tenant: Tenant) -> bool:
        """Whoever may see what is ``tenant``'s must not be told of it.

        A record need not name its company: then its recipient does.
        """
        if conversation.is_of_another_company(tenant, self.directory):
            return True
        company = FindCompany(lambda: self.directory).of_conversation(conversation)
        return not self.directory.has_one_company and company != tenant.company_id


def _company(tenant: Tenant | None) -> str:
    if tenant is None:
        return "no company"
    accounts = ", ".join(sorted(tenant.accounts))
    of = f" with account {accounts}" if accounts else ", which has no account of this channel"
    return f"company {tenant.company_id}{of}"
