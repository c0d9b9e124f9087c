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
from application.tracing.wording import ago, command, times
from domain.messages import InboundMessage

MOST_SEARCHED = 1000
"""How many entries of the spool, and how many dead letters, are looked through at most."""

SEARCH_SECONDS = 5.0
"""How long dead letters are looked through at most: in S3 each of them is a request."""

Wanted = Callable[[VerifiedWebhook, tuple[InboundMessage, ...]], bool]
"""Whether a webhook is looked for; without its messages if it cannot be read."""

_REMEDIES = {
    DeadLetterKind.UNREADABLE: (
        "it could not be understood ({reason}): {show} shows it whole; once a newer version reads "
        "it, {redrive} processes it"
    ),
    DeadLetterKind.BUG: (
        "an unexpected error ({reason}) stopped it: the log has its trace; once that is mended, "
        "{redrive} processes it"
    ),
    DeadLetterKind.EXHAUSTED: (
        "it was taken from the spool {attempts} times and failed each time ({reason}): 'frontdesk "
        "doctor' says what does not work; once that is mended, {redrive} processes it"
    ),
    DeadLetterKind.UNAUTHENTICATED: (
        "who wrote it is not authenticated, and UNAUTHENTICATED_MAIL says dead-letter: {show} "
        "shows it, {redrive} accepts it"
    ),
    DeadLetterKind.AUTOMATED: (
        "a program wrote it, and AUTOMATED_MAIL says dead-letter: {show} shows it, {redrive} "
        "accepts it"
    ),
    DeadLetterKind.UNDELIVERABLE: (
        "it could not be put on its queue: 'frontdesk doctor' says what is wrong there; once that "
        "is mended, {redrive} publishes it"
    ),
}


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
        reason = _REMEDIES[found.kind].format(
            reason=found.reason,
            attempts=found.attempts,
            show=command("dead-letters", "show", name),
            redrive=command("dead-letters", "redrive", name),
        )
        sentence = f"It is a dead letter since {ago(found.created_at, self.clock())}: {reason}."
        return self._trace(
            webhook,
            messages,
            (Station(StationKind.RECEIVED, received), dead_letter_station(found)),
            Conclusion(TraceState.DEAD_LETTER, found.created_at, sentence),
            request_id=found.request_id,
        )

    def _spooled(self, waiting: WaitingEntry, messages: tuple[InboundMessage, ...]) -> MessageTrace:
        entry = waiting.entry
        since = entry.spooled_at
        tried = (
            f"and was tried {times(waiting.attempts)}"
            if waiting.attempts
            else "for the store did not take it, or too much came at once"
        )
        sentence = (
            f"It is in the spool since {ago(since, self.clock())}, {tried}: 'frontdesk doctor' "
            f"says what does not work; once that is mended {command('relay')} processes it, as a "
            f"server does by itself."
        )
        details: dict[str, Detail] = {
            "spool_entry_id": entry.entry_id,
            "attempts": waiting.attempts,
        }
        return self._trace(
            entry.webhook,
            messages,
            (
                Station(StationKind.RECEIVED, entry.received_at),
                Station(StationKind.SPOOLED, since, details),
            ),
            Conclusion(TraceState.SPOOLED, since, sentence),
        )

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
