"""Erase what is stored of a person, who has a right to it by law."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from application.ports.dead_letters import DeadLetters
from application.ports.fallback_throttle import FallbackThrottle
from application.ports.pages import PAGE_SIZE, each_item
from application.ports.retention import Retention
from application.ports.spool import SearchableSpool
from application.ports.unsearchable import Unsearchable
from application.ports.webhook_parser import VerifiedWebhook
from application.privacy.erase_message import EraseMessage
from application.privacy.find_person import FindPerson
from application.receiving.send_fallback import throttle_key, throttle_key_of
from domain.addresses import Address
from domain.erasure import RetainedMessage, attachments_folder, own_contexts_folder
from domain.errors import StorageUnavailableError
from domain.messages import ConversationKey, InboundMessage


@dataclass(slots=True)
class ErasureReport:
    """What an erasure found and removed, and what it could not reach.

    ``other_identities`` are further addresses by which the person is known in what was
    erased. ``provider_files`` are URLs of files that only the provider can delete.
    ``not_reached`` are sentences; ``failed`` are too, but of what has to be tried again.
    ``unread`` counts raw requests that stay because they cannot be read, and
    ``stale_temporary_files`` what killed processes left: all of it was deleted.
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

    @contextmanager
    def noting_failure(self, part: str) -> Iterator[None]:
        """Go on when ``part`` of the erasure fails: the report says that it must be repeated."""
        try:
            yield
        except StorageUnavailableError as error:
            self.failed.append(f"{part}: {error}")

    def note(self, message: InboundMessage, values: Collection[str]) -> None:
        """Add what a message of the person with the addresses ``values`` leads to beyond itself."""
        others = (one for one in message.author_addresses if one.value not in values)
        files = (file.url for file in message.attachments if file.url)
        self.other_identities[:] = dict.fromkeys((*self.other_identities, *others))
        self.provider_files[:] = dict.fromkeys((*self.provider_files, *files))


@dataclass(frozen=True)
class ErasePerson:
    """Erases by address. Safe to stop at any point, and to repeat.

    What leads to something else goes after it: a conversation after its messages, the person's
    own messages last. Request ids stay. A message that comes in at the same time may be missed:
    the next run finds it. The publisher of an erased message takes its context back; if the
    publisher dies first, the next run finds the context by its sender, on queues that can be
    searched. Of those in ``unsearchable``, the report says what stays.
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

    def __call__(
        self, addresses: Sequence[Address], advance: Callable[[int], None]
    ) -> ErasureReport:
        """Erase what is stored of the person with ``addresses``, on their channels.

        ``advance`` gets the number of messages that were looked at.
        """
        values = frozenset(value for one in addresses for value in one.look_up_values)
        report = ErasureReport()
        # First, for its requests may become messages at any time.
        self._erase_spooled(values, report)
        self._erase_contexts(addresses, report)
        own = {one.key: one for one in self._messages_of(addresses, values, advance)}
        for key in self._conversations_of(addresses, own.values()):
            for retained in self._retained_of(key):
                if retained.key not in own:
                    self._erase(retained, values, report)
            report.conversations += [key] * self.retention.erase_conversation(key)
        self._release_throttle(addresses)
        for retained in own.values():
            self._erase(retained, values, report)
        self._erase_dead_letters(values, own.keys(), report)
        with report.noting_failure("unfinished files"):
            report.stale_temporary_files = self.delete_stale_temporary_files()
        if report.unread:
            report.not_reached.append(
                f"{report.unread} of the spooled webhooks and dead letters, which cannot be read: "
                "the address is not named there, but what is in base64 was not searched"
            )
        report.not_reached += [place.erasure_notice() for place in self.unsearchable]
        with report.noting_failure("database files were not rewritten"):
            self.rewrite()
        return report

    def _messages_of(
        self,
        addresses: Sequence[Address],
        values: Collection[str],
        advance: Callable[[int], None],
    ) -> Iterator[RetainedMessage]:
        """Every message of the person, found by reading all that there are."""
        channels = {address.channel for address in addresses}
        every = each_item(lambda cursor: self.retention.list_retained(PAGE_SIZE, after=cursor))
        for number, retained in enumerate(every, start=1):
            advance(number)
            message = retained.message
            if message and message.channel in channels and message.is_by(values):
                yield retained

    def _retained_of(self, key: ConversationKey) -> Iterator[RetainedMessage]:
        return each_item(
            lambda cursor: self.retention.list_retained_of(key, PAGE_SIZE, after=cursor)
        )

    def _conversations_of(
        self, addresses: Sequence[Address], own: Collection[RetainedMessage]
    ) -> Collection[ConversationKey]:
        """Those that the addresses lead to, and those that the messages are in."""
        find = self.retention.find_all_conversations
        found = (find(address.channel, address.look_up_values) for address in addresses)
        keys = [conversation.key for conversations in found for conversation in conversations]
        return dict.fromkeys((*keys, *(one.conversation for one in own if one.conversation)))

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
        if retained.message is not None:
            report.note(retained.message, values)
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
        erasure = self.spool.erase(lambda entry: self._is_theirs(entry.webhook, values, report))
        report.spooled = erasure.erased
        if erasure.unreadable:
            report.not_reached.append(
                f"{erasure.unreadable} unreadable files in the spool, which may be of anyone"
            )

    def _is_theirs(
        self, webhook: VerifiedWebhook, values: Collection[str], report: ErasureReport
    ) -> bool:
        """Whether a webhook is; the files that it left behind go before it goes."""
        found = self.find_person(webhook, values)
        report.unread += not (found.read or found.is_theirs)
        for message in found.messages:
            # It may have been stored under the one request id, and later under the other.
            reused = replace(message, has_reused_id=True)
            contexts = own_contexts_folder(message), own_contexts_folder(reused)
            for folder in (attachments_folder(message), *contexts):
                report.files += self.erase_message.blobs.delete(folder)
            report.note(message, values)
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
        with report.noting_failure("dead letters"):
            for dead_letter in self.dead_letters.each_dead_letter(unreadable=unreadable.append):
                if (
                    self._is_theirs(dead_letter.webhook, values, report)
                    if dead_letter.webhook
                    else dead_letter.request_id in own_keys
                ):
                    report.dead_letters += self.dead_letters.delete(dead_letter.dead_letter_id)
        if unreadable:
            noun = "dead letter" if len(unreadable) == 1 else "dead letters"
            places = ", ".join(sorted(unreadable))
            report.not_reached.append(
                f"{len(unreadable)} unreadable {noun}, perhaps of this person: {places}"
            )
