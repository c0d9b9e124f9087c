"""Erase what is kept of a person: a request that the law gives them a right to."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from application.ports.dead_letters import DeadLetter, DeadLetters
from application.ports.fallback_throttle import FallbackThrottle
from application.ports.pages import PAGE_SIZE, Page, each_item
from application.ports.retention import Retention
from application.ports.spool import SearchableSpool, SpoolEntry
from application.ports.unsearchable import Unsearchable
from application.ports.webhook_parser import VerifiedWebhook
from application.privacy.erase_message import EraseMessage
from application.privacy.find_person import FindPerson
from application.receiving.send_fallback import throttle_key, throttle_key_of
from domain.addresses import Address
from domain.conversation_key import ConversationKey
from domain.erasure import RetainedMessage
from domain.errors import StorageUnavailableError

Advance = Callable[[int], None]
"""To be told how many messages were looked at."""


@dataclass(slots=True)
class ErasureReport:
    """What an erasure found and removed, and what it could not reach.

    ``other_identities`` are further addresses by which the person is known in what was
    erased. ``provider_files`` are URLs of files that only the provider can delete.
    ``not_reached`` are sentences; ``failed`` are too, but of what has to be tried again.
    ``unread`` counts raw requests that stay although nobody can tell whose they are, and
    ``unfinished`` files of processes that were killed: those went, whosever they were.
    """

    messages: int = 0
    imported_entries: int = 0
    files: int = 0
    contexts: int = 0
    conversations: list[ConversationKey] = field(default_factory=list)
    spooled: int = 0
    dead_letters: int = 0
    stale_temporary_files: int = 0
    unread: int = 0
    other_identities: list[Address] = field(default_factory=list)
    provider_files: list[str] = field(default_factory=list)
    not_reached: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def note(
        self, identities: Iterable[Address], files: Iterable[str], values: Collection[str]
    ) -> None:
        """Add what a message of somebody with the addresses ``values`` leads to beyond itself."""
        others = [address for address in identities if address.value not in values]
        self.other_identities[:] = dict.fromkeys((*self.other_identities, *others))
        self.provider_files[:] = dict.fromkeys((*self.provider_files, *files))


@dataclass(frozen=True)
class ErasePerson:
    """Erases by address. Safe to stop at any point, and to repeat.

    What leads to something else goes after it: a conversation after its messages, a message
    of the person's own last of all. Gate keys stay. Messages that come in, or are worked on,
    at the same time may be missed: the next run finds them. What is published at that time
    its publisher takes back; if that dies first, the next run finds the context by its sender,
    on queues that can be searched. Of those in ``unsearchable``, the report says what stays.
    """

    retention: Retention
    erase_message: EraseMessage
    throttle: FallbackThrottle
    spool: SearchableSpool | None
    unsearchable: Sequence[Unsearchable]
    dead_letters: DeadLetters
    find_person: FindPerson
    accounts: Callable[[], Collection[str]]
    delete_stale_temporary_files: Callable[[], int]
    rewrite: Callable[[], None]

    def __call__(self, addresses: Sequence[Address], advance: Advance) -> ErasureReport:
        """Erase what is kept of whoever has one of ``addresses``, on their channels."""
        values = frozenset(value for one in addresses for value in one.look_up_values)
        report = ErasureReport()
        # First, for its requests may become messages at any time.
        self._erase_spooled(values, report)
        self._erase_contexts(addresses, report)
        own = list(self._messages_of(addresses, values, advance))
        own_keys = {retained.key for retained in own}
        for key in self._conversations_of(addresses, own):
            for retained in each_item(partial(self._retained_of, key)):
                if retained.key not in own_keys:
                    self._erase(retained, values, report)
            report.conversations += [key] * self.retention.erase_conversation(key)
        self._release_throttle(addresses)
        for retained in own:
            self._erase(retained, values, report)
        self._erase_dead_letters(values, own_keys, report)
        self._delete_stale_temporary_files(report)
        self._report_what_stays(report)
        self._rewrite(report)
        return report

    def _messages_of(
        self, addresses: Sequence[Address], values: Collection[str], advance: Advance
    ) -> Iterator[RetainedMessage]:
        """Every message of the person's, found by reading all that there are."""
        channels = {address.channel for address in addresses}
        looked_at = 0
        cursor: str | None = None
        while True:
            page = self.retention.list_retained(PAGE_SIZE, after=cursor)
            for retained in page.items:
                if (
                    retained.message
                    and retained.message.channel in channels
                    and retained.is_of(values)
                ):
                    yield retained
            looked_at += len(page.items)
            advance(looked_at)
            cursor = page.cursor
            if cursor is None:
                return

    def _retained_of(self, key: ConversationKey, cursor: str | None) -> Page[RetainedMessage]:
        return self.retention.list_retained_of(key, PAGE_SIZE, after=cursor)

    def _conversations_of(
        self, addresses: Sequence[Address], own: Sequence[RetainedMessage]
    ) -> Sequence[ConversationKey]:
        """Those that the addresses lead to, and those that the messages are in."""
        found = [
            conversation.key
            for address in addresses
            for conversation in self.retention.find_all_conversations(
                address.channel, address.look_up_values
            )
        ]
        return list(
            dict.fromkeys(
                (*found, *(retained.conversation for retained in own if retained.conversation))
            )
        )

    def _erase(
        self, retained: RetainedMessage, values: Collection[str], report: ErasureReport
    ) -> None:
        erased = self.erase_message(retained)
        report.files += erased.blobs
        report.contexts += erased.contexts
        if retained.is_imported:
            report.imported_entries += erased.message
        else:
            report.messages += erased.message
        report.note(retained.identities, retained.provider_files, values)
        if retained.message is not None:
            self.throttle.release(throttle_key(retained.message))

    def _release_throttle(self, addresses: Sequence[Address]) -> None:
        """Also those of messages that are erased already."""
        for address in addresses:
            for account in self.accounts():
                for value in address.look_up_values:
                    person = Address.parse(address.channel, value)
                    self.throttle.release(throttle_key_of(account, person))

    def _erase_spooled(self, values: Collection[str], report: ErasureReport) -> None:
        if self.spool is None:
            return

        def is_of_sender(entry: SpoolEntry) -> bool:
            return self._is_of_sender(entry.webhook, values, report)

        erasure = self.spool.erase(is_of_sender)
        report.spooled = erasure.erased
        if erasure.unreadable:
            report.not_reached.append(
                f"{erasure.unreadable} broken files in the spool, of whomever they are"
            )

    def _is_of_sender(
        self, webhook: VerifiedWebhook, values: Collection[str], report: ErasureReport
    ) -> bool:
        """Whether a webhook is; the files that it left behind go before it goes."""
        found = self.find_person(webhook, values)
        report.unread += not (found.read or found.is_theirs)
        for message in found.messages:
            report.files += self.erase_message.erase_files(message)
            report.note(message.author_addresses, message.provider_files, values)
        return found.is_theirs

    def _erase_contexts(self, addresses: Sequence[Address], report: ErasureReport) -> None:
        """Also those of messages that were erased while they were published.

        Before the messages are listed: so none goes whose message is not found and stays.
        """
        queue = self.erase_message.queue
        if queue is None:
            return
        for address in addresses:
            for request_id in queue.find(address.channel, address.look_up_values):
                erased = self.erase_message.erase_context(request_id)
                report.files += erased.blobs
                report.contexts += erased.contexts

    def _erase_dead_letters(
        self, values: Collection[str], own_keys: Collection[str], report: ErasureReport
    ) -> None:
        unreadable: list[str] = []
        try:
            for dead_letter in self.dead_letters.each_dead_letter(unreadable=unreadable.append):
                if self._is_dead_letter_of(dead_letter, values, own_keys, report):
                    report.dead_letters += self.dead_letters.delete(dead_letter.dead_letter_id)
        except StorageUnavailableError as error:
            report.failed.append(f"dead letters: {error}")
        if unreadable:
            report.not_reached.append(_unreadable_dead_letters(unreadable))

    def _is_dead_letter_of(
        self,
        dead_letter: DeadLetter,
        values: Collection[str],
        own_keys: Collection[str],
        report: ErasureReport,
    ) -> bool:
        if dead_letter.webhook is None:
            return dead_letter.request_id in own_keys
        return self._is_of_sender(dead_letter.webhook, values, report)

    def _delete_stale_temporary_files(self, report: ErasureReport) -> None:
        try:
            report.stale_temporary_files = self.delete_stale_temporary_files()
        except StorageUnavailableError as error:
            report.failed.append(f"unfinished files: {error}")

    def _report_what_stays(self, report: ErasureReport) -> None:
        if report.unread:
            report.not_reached.append(
                f"{report.unread} of the spooled webhooks and dead letters, which nobody can read: "
                "the address is not named there, but what is in base64 was not searched"
            )
        report.not_reached += [place.erasure_notice() for place in self.unsearchable]

    def _rewrite(self, report: ErasureReport) -> None:
        try:
            self.rewrite()
        except StorageUnavailableError as error:
            report.failed.append(f"database files were not rewritten: {error}")


def _unreadable_dead_letters(unreadable: Collection[str]) -> str:
    number = len(unreadable)
    noun = "letter, of whomever it is" if number == 1 else "letters, of whomever they are"
    return f"{number} broken dead {noun}: {', '.join(sorted(unreadable))}"
