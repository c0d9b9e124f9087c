"""Erase what is kept of a person: a request that the law gives them a right to."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field

from application.answer_unknown_sender import claim_key, claim_key_of
from application.erase_message import EraseMessage
from application.find_sender import FindSender
from application.ports.channels import WebhookRequest
from application.ports.files import DeadLetter, DeadLetters
from application.ports.spooling import Spool, SpooledRequest
from application.ports.storage import AnswerClaims, ConversationStore, MessageStore
from domain.addresses import Address
from domain.erasure import KeptMessage
from domain.errors import StorageUnavailableError
from domain.messages import ConversationKey

PAGE_SIZE = 100
LETTERS_PER_PAGE = 10
"""A letter may hold 32 MiB."""

Advance = Callable[[int], None]
"""To be told how many messages were looked at."""


@dataclass(slots=True)
class ErasureReport:
    """What an erasure found and removed, and what it could not reach.

    ``other_identities`` are further addresses by which the person is known in what was
    erased. ``provider_files`` are URLs of files that only the provider can delete.
    ``not_reached`` are sentences; ``failed`` are too, but of what has to be tried again.
    """

    messages: int = 0
    imported_entries: int = 0
    files: int = 0
    contexts: int = 0
    conversations: list[ConversationKey] = field(default_factory=list)
    spooled: int = 0
    dead_letters: int = 0
    answers: int = 0
    other_identities: list[Address] = field(default_factory=list)
    provider_files: list[str] = field(default_factory=list)
    not_reached: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class EraseSender:
    """Erases by address. Safe to stop at any point, and to repeat.

    What leads to something else goes after it: a conversation after its messages, a message
    of the person's own last of all. Gate keys stay. Messages that come in, or are worked on,
    at the same time may be missed: the next run finds them.
    """

    conversations: ConversationStore
    messages: MessageStore
    erase_message: EraseMessage
    claims: AnswerClaims
    spool: Spool
    dead_letters: DeadLetters
    find_sender: FindSender
    accounts: Callable[[], Collection[str]]
    erase_answers: Callable[[Collection[str]], int]
    rewrite: Callable[[], None]

    def __call__(self, addresses: Sequence[Address], advance: Advance) -> ErasureReport:
        """Erase what is kept of whoever has one of ``addresses``, on their channels."""
        values = frozenset(value for one in addresses for value in one.look_up_values)
        report = ErasureReport()
        # First, for its requests may become messages at any time.
        self._erase_spooled(values, report)
        own = list(self._messages_of(addresses, values, advance))
        own_keys = {kept.key for kept in own}
        for key in self._conversations_of(addresses, own):
            for kept in self.messages.list_kept_in(key):
                if kept.key not in own_keys:
                    self._erase(kept, values, report)
            report.conversations += [key] * self.conversations.erase_conversation(key)
        self._forget_claims(addresses)
        for kept in own:
            self._erase(kept, values, report)
        self._erase_letters(values, own_keys, report)
        report.answers = self.erase_answers(values)
        self._tell_what_queues_hold(report)
        self._rewrite(report)
        return report

    def _messages_of(
        self, addresses: Sequence[Address], values: Collection[str], advance: Advance
    ) -> Iterator[KeptMessage]:
        """Every message of the person's, found by reading all that there are."""
        channels = {address.channel for address in addresses}
        looked_at = 0
        page = self.messages.list_kept(PAGE_SIZE)
        while True:
            for kept in page.messages:
                if kept.message and kept.message.channel in channels and kept.is_of(values):
                    yield kept
            looked_at += len(page.messages)
            advance(looked_at)
            if page.last is None:
                return
            page = self.messages.list_kept(PAGE_SIZE, after=page.last)

    def _conversations_of(
        self, addresses: Sequence[Address], own: Sequence[KeptMessage]
    ) -> Sequence[ConversationKey]:
        """Those that the addresses lead to, and those that the messages are in."""
        found = [
            conversation.key
            for address in addresses
            for conversation in self.conversations.find_all_conversations(
                address.channel, address.look_up_values
            )
        ]
        return list(
            dict.fromkeys((*found, *(kept.conversation for kept in own if kept.conversation)))
        )

    def _erase(self, kept: KeptMessage, values: Collection[str], report: ErasureReport) -> None:
        erased = self.erase_message(kept)
        report.files += erased.blobs
        report.contexts += erased.contexts
        report.provider_files += kept.provider_files
        if kept.is_entry:
            report.imported_entries += erased.message
        else:
            report.messages += erased.message
        if kept.message is not None:
            self.claims.give_back(claim_key(kept.message))
        for address in kept.identities:
            if address.value not in values and address not in report.other_identities:
                report.other_identities.append(address)

    def _forget_claims(self, addresses: Sequence[Address]) -> None:
        """Also those of messages that are erased already."""
        for address in addresses:
            for account in self.accounts():
                for value in address.look_up_values:
                    person = Address.parse(address.channel, value)
                    self.claims.give_back(claim_key_of(account, person))

    def _erase_spooled(self, values: Collection[str], report: ErasureReport) -> None:
        def is_of_sender(entry: SpooledRequest) -> bool:
            return self.find_sender(entry.request, entry.account, values)

        erasure = self.spool.erase(is_of_sender)
        report.spooled = erasure.erased
        if erasure.unreadable:
            report.not_reached.append(
                f"{erasure.unreadable} broken files in the spool, of whomever they are"
            )

    def _erase_letters(
        self, values: Collection[str], own_keys: Collection[str], report: ErasureReport
    ) -> None:
        after: DeadLetter | None = None
        try:
            while letters := self.dead_letters.list_letters(LETTERS_PER_PAGE, after=after):
                for letter in letters:
                    if self._is_letter_of(letter, values, own_keys):
                        report.dead_letters += self.dead_letters.delete(letter.letter_id)
                after = letters[-1]
        except StorageUnavailableError as error:
            report.failed.append(f"dead letters: {error}")

    def _is_letter_of(
        self, letter: DeadLetter, values: Collection[str], own_keys: Collection[str]
    ) -> bool:
        request: WebhookRequest | None = letter.request
        if request is None:
            return letter.gate_key in own_keys
        return self.find_sender(request, letter.account, values)

    def _tell_what_queues_hold(self, report: ErasureReport) -> None:
        if not self.erase_message.contexts.can_erase:
            report.not_reached.append(
                "contexts on SQS: their consumers take them, or they expire with their queue"
            )
        if not self.spool.can_erase:
            waiting = self.spool.depth().entries
            report.not_reached.append(
                f"the spool on SQS, about {waiting} webhooks: repeat this when it is empty; and "
                "large ones that were in it, under spool/ in the bucket until they expire there"
            )

    def _rewrite(self, report: ErasureReport) -> None:
        try:
            self.rewrite()
        except StorageUnavailableError as error:
            report.failed.append(f"database files were not rewritten: {error}")
