"""Webhooks without a record: in the spool, or among the dead letters."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from application.clock import Clock
from application.companies import FindCompany
from application.ports.dead_letters import DeadLetter, DeadLetterKind, DeadLetters
from application.ports.spool import Spool, VisibleSpool, WaitingEntry
from application.ports.webhook_parser import VerifiedWebhook, WebhookParserFactory
from application.tracing.recorded import dead_letter_station
from application.tracing.results import (
    Conclusion,
    Detail,
    MessageTrace,
    Statement,
    Station,
    StationKind,
    TraceState,
)
from application.tracing.wording import ahead, cause_and_remedy, command, lasting, shell, times
from domain.messages import InboundMessage

MOST_SEARCHED = 1000
"""How many entries of the spool, and how many dead letters, are looked through at most."""

SEARCH_SECONDS = 5.0
"""How long dead letters are looked through at most: each of them may be a request to a store."""

Wanted = Callable[[VerifiedWebhook, tuple[InboundMessage, ...]], bool]
"""Whether a webhook is looked for; without its messages if it cannot be read."""

_NO_REASON = "the store did not take it in time, or more came at once than it could take"
_DOCTOR = ("doctor",)
_SHOW, _REDRIVE, _DELETE = (
    ("dead-letters", verb, "{id}") for verb in ("show", "redrive", "delete")
)
_LONGEST_AGENT = 60
_STATEMENTS = {
    DeadLetterKind.UNREADABLE: Statement(
        "Frontdesk could not read it: {reason}. {sent_by}",
        "Look up in the provider's log who wrote, and answer by hand. {next_step} Then delete the "
        "dead letter.",
        "The log has it under the message's id. Redrive it only if a newer version can read it.",
    ),
    DeadLetterKind.BUG: Statement(
        "An unexpected error ({reason}) stopped it.",
        "Look for its traceback in the log. Once that is mended, redrive it.",
    ),
    DeadLetterKind.EXHAUSTED: Statement(
        "It was taken from the spool {attempts}, and failed each time: {cause}.",
        "{remedy} Then redrive it.",
    ),
    DeadLetterKind.UNAUTHENTICATED: Statement(
        "Neither SPF nor DKIM proves who wrote it, and UNAUTHENTICATED_MAIL=dead-letter keeps "
        "such mail here.",
        "See it, then accept it: redrive it.",
    ),
    DeadLetterKind.AUTOMATED: Statement(
        "A program wrote it, and AUTOMATED_MAIL=dead-letter keeps such mail here.",
        "See it, then accept it: redrive it.",
    ),
    DeadLetterKind.UNDELIVERABLE: Statement(
        "It was tried {attempts}. {sentence}.",
        "{remedy} Then redrive the message.",
    ),
}
_COMMANDS = {
    DeadLetterKind.UNREADABLE: (_SHOW, _DELETE, _REDRIVE),
    DeadLetterKind.BUG: (_REDRIVE,),
    DeadLetterKind.EXHAUSTED: (_DOCTOR, _REDRIVE),
    DeadLetterKind.UNAUTHENTICATED: (_SHOW, _REDRIVE),
    DeadLetterKind.AUTOMATED: (_SHOW, _REDRIVE),
    DeadLetterKind.UNDELIVERABLE: (_DOCTOR, _REDRIVE),
}


def statement_on(dead_letter: DeadLetter, *, is_always_signed: bool) -> Statement:
    """Why it is here, and what to do.

    With ``is_always_signed`` the provider signs each webhook of its channel, with all its fields.
    """
    reason = dead_letter.reason
    cause, remedy = cause_and_remedy(reason)
    agent = _user_agent(dead_letter)
    named = f" (User-Agent {agent})" if agent else ""
    words = {
        "reason": reason,
        "cause": cause,
        "sentence": cause[:1].upper() + cause[1:],
        "remedy": remedy or "Mend what the checks find.",
        "attempts": times(dead_letter.attempts),
        "sent_by": (
            f"Its signature fits what came: no proxy changed it, and a program that knows the "
            f"auth token sent it{named}."
            if is_always_signed
            else f"A proxy before Frontdesk drops or changes fields, or another program sent it"
            f"{named}."
        ),
        "next_step": (
            "Find that program and correct it."
            if is_always_signed
            else "See what came, and correct that."
        ),
    }
    found = _STATEMENTS[dead_letter.kind]
    parts = (found.cause, found.remedy, found.more)
    return Statement(*(part.format_map(words) for part in parts))


def _user_agent(dead_letter: DeadLetter) -> str:
    """What the request says of its program: any text, so in short and printable."""
    value = dead_letter.webhook.request.header("user-agent") if dead_letter.webhook else None
    return "".join(filter(str.isprintable, value or ""))[:_LONGEST_AGENT]


@dataclass(frozen=True)
class FindUnrecorded:
    """Looks through the latest webhooks that became no record.

    ``spool`` and ``dead_letters`` are ``None`` as long as there is no place for them.
    """

    spool: Spool | None
    dead_letters: DeadLetters | None
    parsers: WebhookParserFactory
    find_company: FindCompany
    clock: Clock

    @property
    def sees_spool(self) -> bool:
        """Whether the spool shows its entries. One that does not exist yet hides none."""
        return self.spool is None or isinstance(self.spool, VisibleSpool)

    def in_spool(self, wanted: Wanted, notes: list[str]) -> Iterator[MessageTrace]:
        """The wanted entries. ``notes`` are told if there are more than were looked through."""
        spool: object = self.spool
        if not isinstance(spool, VisibleSpool):
            return
        for number, waiting in enumerate(spool.look()):
            if number == MOST_SEARCHED:
                notes.append(f"the spool was searched as far as its latest {MOST_SEARCHED} entries")
                return
            messages = self._messages(waiting.entry.webhook)
            if wanted(waiting.entry.webhook, messages):
                yield self._spooled(waiting, messages)

    def in_dead_letters(self, wanted: Wanted, notes: list[str]) -> Iterator[MessageTrace]:
        """The same of dead letters, for some seconds. Those without a webhook are not looked at."""
        each = self.dead_letters.each_dead_letter(newest_first=True) if self.dead_letters else ()
        ends_at = self.clock() + timedelta(seconds=SEARCH_SECONDS)
        for number, dead_letter in enumerate(each):
            if number == MOST_SEARCHED or self.clock() > ends_at:
                notes.append(f"only the latest {number} dead letters were searched")
                return
            if webhook := dead_letter.webhook:
                messages = self._messages(webhook)
                if wanted(webhook, messages):
                    yield self.dead_letter(dead_letter, messages)

    def dead_letter(
        self, found: DeadLetter, messages: tuple[InboundMessage, ...] | None = None
    ) -> MessageTrace:
        """The trace of what waits for an operator."""
        webhook = found.webhook
        if messages is None:
            messages = self._messages(webhook) if webhook else ()
        received = webhook.request.received_at if webhook else found.created_at
        name = found.dead_letter_id
        statement = self.statement(found)
        since = lasting(found.created_at, self.clock())
        statement = replace(
            statement, more=f"It is a dead letter {since}. {statement.more}".rstrip()
        )
        commands = tuple(
            shell(*(word.format(id=name) for word in words)) for words in _COMMANDS[found.kind]
        )
        return self._trace(
            webhook,
            messages,
            (Station(StationKind.RECEIVED, received), dead_letter_station(found)),
            Conclusion(TraceState.DEAD_LETTER, found.created_at, statement, commands),
            request_id=found.request_id,
        )

    def _spooled(self, waiting: WaitingEntry, messages: tuple[InboundMessage, ...]) -> MessageTrace:
        entry = waiting.entry
        since = entry.spooled_at
        why, remedy = cause_and_remedy(waiting.reason or ("" if waiting.attempts else _NO_REASON))
        why = f"{why}." if why else "the log says why."
        statement = Statement(
            f"It waits in the spool {lasting(since, self.clock())}, safe and not recorded yet: "
            f"{why}",
            f"{remedy or 'Mend that.'} Then it is recorded by itself.",
            self._tried(waiting),
        )
        details: dict[str, Detail] = {
            "spool_entry_id": entry.entry_id,
            "attempts": waiting.attempts,
            "reason": waiting.reason or None,
        }
        return self._trace(
            entry.webhook,
            messages,
            (
                Station(StationKind.RECEIVED, entry.received_at),
                Station(StationKind.SPOOLED, since, details),
            ),
            Conclusion(TraceState.SPOOLED, since, statement, (shell("doctor"),)),
        )

    def _tried(self, waiting: WaitingEntry) -> str:
        how = f"A running server records it; while none runs, {command('relay')} does."
        if not waiting.attempts:
            return how
        next_at, now = waiting.hidden_until, self.clock()
        is_known = next_at is not None and next_at > now and waiting.reason
        next_ = f" The next one is {ahead(next_at, now)}." if next_at and is_known else ""
        return f"{how} Attempts until now: {waiting.attempts}.{next_}"

    def _trace(
        self,
        webhook: VerifiedWebhook | None,
        messages: tuple[InboundMessage, ...],
        stations: tuple[Station, ...],
        conclusion: Conclusion,
        request_id: str | None = None,
    ) -> MessageTrace:
        first = messages[0] if messages else None
        account = webhook.account if webhook else None
        return MessageTrace(
            stations=stations,
            conclusion=conclusion,
            request_id=first.request_id if first else request_id,
            message_id=first.provider_message_id if first else None,
            channel=first.channel if first else webhook.channel if webhook else None,
            sender=first.sender.value if first else None,
            company_id=self.find_company.of_webhook(account, messages),
            received_at=_received_at(webhook),
            subject=first.subject if first else None,
        )

    def statement(self, dead_letter: DeadLetter) -> Statement:
        """Why ``dead_letter`` is here, and what to do."""
        webhook = dead_letter.webhook
        parser = self.parsers.for_channel(webhook.channel) if webhook else None
        return statement_on(dead_letter, is_always_signed=bool(parser and parser.signs_each))

    def _messages(self, webhook: VerifiedWebhook) -> tuple[InboundMessage, ...]:
        try:
            parsed = self.parsers.for_channel(webhook.channel).parse(webhook)
        except Exception:
            # It is where it is because something is wrong with it: what, does not matter here.
            return ()
        return tuple(one.message for one in parsed)


def _received_at(webhook: VerifiedWebhook | None) -> datetime | None:
    return webhook.request.received_at if webhook else None
