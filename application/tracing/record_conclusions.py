"""The conclusion on a message that is recorded, and not on a queue."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from application.companies import FindCompany
from application.ports.dead_letters import DeadLetter
from application.tracing.fallback_words import fallback_words
from application.tracing.results import Conclusion, Statement, TraceState
from application.tracing.wording import (
    ago,
    ahead,
    cause_and_remedy,
    command,
    lasting,
    opening,
    shell,
)
from domain.conversations import Conversation
from domain.messages import MAX_ATTEMPTS, MessageRecord
from domain.tenants import Tenant, TenantDirectory
from domain.trail import MatchRule

ERASED = Conclusion(
    TraceState.ERASED,
    None,
    Statement(
        "It was erased: an operator erased the person, or MESSAGE_RETENTION_DAYS were over.",
        more=(
            "Which of the two is not stored. It cannot be brought back. Only its key is left, so "
            "that it is not stored again if the provider repeats it."
        ),
    ),
)
_DOCTOR, _RELAY = shell("doctor"), shell("relay")
_REDRIVE = shell("unmatched", "redrive")
_ANSWERED_BY_PROVIDER = frozenset({"opt_out_type", "opt_out_word"})
_MATCHED = frozenset({MatchRule.ONLY, MatchRule.THREAD, MatchRule.RECIPIENT, MatchRule.LATEST})


def conclusion_on_pending(record: MessageRecord, now: datetime) -> Conclusion:
    """On a message that is recorded, and not on its queue yet."""
    since, attempts, failure = record.recorded_at, record.attempts, record.trail.failure
    is_due = record.due_at <= now
    if not attempts and not failure:
        return _untried(since, now, is_due=is_due)
    recorded = f"It was recorded {ago(since, now)}, and is on no queue yet"
    why, remedy = cause_and_remedy(failure.reason) if failure else ("", "")
    cause = f"{recorded}: {why}." if why else f"{recorded}: its queue did not take it."
    if is_due:
        then = "Check that the server runs: it tries again within a minute."
        next_ = f"The next attempt is due {lasting(record.due_at, now)}."
    else:
        then = f"{'Then wait' if remedy else 'Wait'}: it is tried {ahead(record.due_at, now)}."
        next_ = f"A running server tries it, or {command('relay')} after that time."
    remedy = f"{remedy} {then}".lstrip()
    more = f"{_attempts(record, now)} {next_}"
    commands = (_DOCTOR, _RELAY) if is_due else (_DOCTOR,)
    return Conclusion(TraceState.PENDING, since, Statement(cause, remedy, more), commands)


def _untried(since: datetime, now: datetime, *, is_due: bool) -> Conclusion:
    recorded = f"It was recorded {ago(since, now)}, and"
    if not is_due:
        statement = Statement(
            f"{recorded} is being put on its queue.", "Trace it again in a minute."
        )
        return Conclusion(TraceState.PENDING, since, statement)
    statement = Statement(
        f"{recorded} is on no queue yet: no process has tried again.",
        "If it is still here in a minute, the server does not run: start it, or put the message "
        "on its queue now.",
        "A running server does so within a minute.",
    )
    return Conclusion(TraceState.PENDING, since, statement, (_RELAY,))


def _attempts(record: MessageRecord, now: datetime) -> str:
    """How often it was tried, as far as that is counted: that of its first handler is not."""
    attempts, failure = record.attempts, record.trail.failure
    counted = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    tried = f"{counted} to put it there failed, of {MAX_ATTEMPTS} at most." if attempts else ""
    if failure:
        which = "The latest" if attempts else "An attempt to put it there"
        return f"{tried} {which} failed {ago(failure.at, now)}.".lstrip()
    return f"{tried} The log lines with request id {record.request_id} say why."


def conclusion_on_undeliverable(
    dead_letter: DeadLetter | None, record: MessageRecord, now: datetime
) -> Conclusion:
    """On a message that was tried too often."""
    failure = record.trail.failure
    why, remedy = cause_and_remedy(failure.reason) if failure else ("", "")
    cause = f"It could not be put on its queue in {record.attempts} attempts"
    cause = f"{cause}: {why}." if why else f"{cause}."
    more = f"The latest attempt failed {ago(failure.at, now)}." if failure else ""
    if dead_letter is None:
        statement = Statement(
            cause,
            "Answer it by hand, from the history of its conversation.",
            f"Its dead letter was deleted: nothing publishes it any more. {more}".rstrip(),
        )
        return Conclusion(TraceState.UNDELIVERABLE, None, statement)
    since = dead_letter.created_at
    first = remedy or "Mend what the checks find."
    statement = Statement(
        cause,
        f"{first} Then redrive the message.",
        f"Frontdesk gave up {ago(since, now)}, and made it a dead letter. {more}".rstrip(),
    )
    redrive = shell("dead-letters", "redrive", dead_letter.dead_letter_id)
    return Conclusion(TraceState.UNDELIVERABLE, since, statement, (_DOCTOR, redrive))


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
        reason, commands = self._reason()
        cause = f"It has been unmatched {lasting(since, now)}: {reason.cause}."
        return Conclusion(TraceState.UNMATCHED, since, replace(reason, cause=cause), commands)

    @property
    def why(self) -> str:
        """What stands in the way of it, without a full stop."""
        if self.tenant is None:
            return self._of_another_company()
        if self.record.message.is_of_unknown_author:
            return (
                "a mailing list sent it without its author's address, so it joins no conversation"
            )
        return self._missing(self.tenant)

    @property
    def other_conversation(self) -> Conversation | None:
        """One of its sender that does not take it: with another recipient, or closed."""
        if self.tenant is None:
            return None
        recipient = self.tenant.recipient_of(self.record.message)
        for one in self.conversations:
            does_not_take = _is_with_another(one, recipient) or not one.is_open
            if does_not_take and not self._is_of_another(one, self.tenant):
                return one
        return None

    def _reason(self) -> tuple[Statement, tuple[str, ...]]:
        if self.tenant is None:
            return self.of_wrong_account(), (_REDRIVE,)
        if self.record.message.is_of_unknown_author:
            statement = Statement(self.why, "A human must answer it.")
            return statement, (shell("unmatched", "list"),)
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
        return (
            f"account {account} of {self._deliverers} delivered it, but by TENANTS {recipient} "
            f"belongs to {_company(owner)}"
        )

    @property
    def _deliverers(self) -> str:
        account = self.record.message.account
        senders = [one for one in self.directory.tenants if account in one.accounts]
        return " and ".join(f"company {one.company_id}" for one in senders) or "no company"

    def of_wrong_account(self) -> Statement:
        """Who delivered it, whose the recipient is, and which of the two is to be corrected."""
        account, recipient = self.record.message.account, self.record.message.recipient.address
        if self.directory.has_one_company:
            remedy = f"Configure account {account}, then deliver the message."
            return Statement(self.why, remedy)
        owner = self.directory.owner_of_recipient(recipient)
        right = f"company {owner.company_id}" if owner else "another company"
        remedy = (
            f"If {recipient} is meant for {right}, move it at the provider to an account of that "
            f"company. If not, correct TENANTS. Then deliver the message."
        )
        accounts = ", ".join(sorted(owner.accounts)) if owner else ""
        more = f"Accounts of {right}: {accounts}." if accounts else ""
        return Statement(self.why, remedy, more)

    def _without_conversation(self, tenant: Tenant) -> tuple[Statement, tuple[str, ...]]:
        message, trail = self.record.message, self.record.trail
        joins = [c for c in self.conversations if c.accepts(message, tenant, self.directory)]
        fallback = fallback_words(trail.fallback, message, self.window)
        got = "" if trail.rule in _MATCHED else fallback
        if joins:
            cause = "there was no conversation for it when it came. Now there is one"
            more = f"Its conversation is {joins[0].conversation_id}. {got}".rstrip()
            return Statement(cause, "Deliver the message.", more), (_REDRIVE,)
        if trail.fallback and trail.fallback.reason in _ANSWERED_BY_PROVIDER:
            return Statement(self.why, more=got), ()
        remedy = "Open a conversation, then deliver the message."
        if other := self.other_conversation:
            if _is_with_another(other, tenant.recipient_of(message)):
                remedy = (
                    f"Open a conversation with {tenant.recipient_of(message)}, then deliver the "
                    f"message."
                )
            else:
                remedy = "Reopen it, or open another one, then deliver the message."
            got = f"The conversation of its sender is {other.conversation_id}. {got}".rstrip()
        commands = (opening(message, tenant.recipient_of(message)), _REDRIVE)
        return Statement(self.why, remedy, got), commands

    def _missing(self, tenant: Tenant) -> str:
        message = self.record.message
        sender, recipient = message.sender.value, tenant.recipient_of(message)
        lacks = f"{sender} has no open conversation with {recipient}"
        if other := self.other_conversation:
            if _is_with_another(other, recipient):
                return f"{lacks}, only with {other.recipient_id}"
            return f"{lacks}. Theirs is closed, and no message opens it again"
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


def _is_with_another(conversation: Conversation, recipient: str) -> bool:
    return bool(conversation.recipient_id) and not conversation.is_for([recipient])


def _company(tenant: Tenant | None) -> str:
    if tenant is None:
        return "no company"
    of = "" if tenant.accounts else ", which has no account of this channel"
    return f"company {tenant.company_id}{of}"
