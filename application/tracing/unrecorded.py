"""Webhooks without a record: in the spool, or among the dead letters."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
    Station,
    StationKind,
    TraceState,
)
from application.tracing.wording import ago, ahead, shell, times
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
_REMEDIES = {
    DeadLetterKind.UNREADABLE: (
        "Frontdesk could not read it: {reason}. Probably a proxy before Frontdesk drops or changes "
        "fields, or another program made the request. See what came, and correct that, so that "
        "the next ones can be read. If it does not say who wrote, the provider's log may, under "
        "the message's id. Answer this customer by hand, then delete the dead letter. Redrive it "
        "only if a newer version can read it."
    ),
    DeadLetterKind.BUG: (
        "An unexpected error ({reason}) stopped it, and the log has its traceback. Once that is "
        "mended, process it:"
    ),
    DeadLetterKind.EXHAUSTED: (
        "It was taken from the spool {attempts}, and failed each time: {reason}. See what "
        "does not work. Once that is mended, process it:"
    ),
    DeadLetterKind.UNAUTHENTICATED: (
        "Neither SPF nor DKIM proves who wrote it, and UNAUTHENTICATED_MAIL=dead-letter keeps "
        "such mail here. See it, then accept it:"
    ),
    DeadLetterKind.AUTOMATED: (
        "A program wrote it, and AUTOMATED_MAIL=dead-letter keeps such mail here. See it, then "
        "accept it:"
    ),
    DeadLetterKind.UNDELIVERABLE: (
        "It was tried {attempts}. {sentence}. Once that is mended, or if the checks find nothing, "
        "redrive it, which puts it there:"
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


def remedy_for(dead_letter: DeadLetter) -> str:
    """What its kind means, and what to do, in sentences. The way to do it stands after them."""
    reason = dead_letter.reason
    return _REMEDIES[dead_letter.kind].format(
        reason=reason,
        sentence=reason[:1].upper() + reason[1:],
        attempts=times(dead_letter.attempts),
    )


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
        since = ago(found.created_at, self.clock())
        sentence = f"It is a dead letter since {since}. {remedy_for(found)}"
        commands = tuple(
            shell(*(word.format(id=name) for word in words)) for words in _COMMANDS[found.kind]
        )
        return self._trace(
            webhook,
            messages,
            (Station(StationKind.RECEIVED, received), dead_letter_station(found)),
            Conclusion(TraceState.DEAD_LETTER, found.created_at, sentence, commands),
            request_id=found.request_id,
        )

    def _spooled(self, waiting: WaitingEntry, messages: tuple[InboundMessage, ...]) -> MessageTrace:
        entry = waiting.entry
        since = entry.spooled_at
        tried = self._tried(waiting)
        sentence = (
            f"It is in the spool since {ago(since, self.clock())}: it is safe, and not recorded "
            f"yet. {tried} A running server records it by itself as soon as the store takes it. "
            f"See what does not work, then start the server, or record it now:"
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
            Conclusion(TraceState.SPOOLED, since, sentence, (shell("doctor"), shell("relay"))),
        )

    def _tried(self, waiting: WaitingEntry) -> str:
        if not waiting.attempts:
            return f"It could not be recorded at once: {waiting.reason or _NO_REASON}."
        why = f", at last: {waiting.reason}." if waiting.reason else ": the log says why."
        next_at, now = waiting.hidden_until, self.clock()
        is_known = next_at is not None and next_at > now and waiting.reason
        next_ = f" The next attempt is at {ahead(next_at, now)}." if next_at and is_known else ""
        return f"It was taken from there {times(waiting.attempts)}, and failed{why}{next_}"

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

    def _messages(self, webhook: VerifiedWebhook) -> tuple[InboundMessage, ...]:
        try:
            parsed = self.parsers.for_channel(webhook.channel).parse(webhook)
        except Exception:
            # It is where it is because something is wrong with it: what, does not matter here.
            return ()
        return tuple(one.message for one in parsed)


def _received_at(webhook: VerifiedWebhook | None) -> datetime | None:
    return webhook.request.received_at if webhook else None
