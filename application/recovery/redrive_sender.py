"""Redrive what one sender wrote, once there is a conversation for it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from application.clock import Deadline
from application.ports.message_store import MessageStore
from application.ports.pages import page_of_wanted
from application.recovery.redrive_unmatched import RedriveUnmatched
from domain.conversations import Conversation
from domain.messages import MessageRecord, MessageState

MOST = 100
"""How many further messages of a sender are redriven at once."""


@dataclass(frozen=True, slots=True)
class RedrivenSender:
    """What became of the unmatched messages of one sender.

    ``conversation`` is the one that took the first of those that were ``delivered``.
    ``unmatched`` still are; ``by_others`` were delivered or erased by another process meanwhile.
    Unless ``is_complete``, the sender may have more.
    """

    conversation: Conversation | None
    delivered: int
    unmatched: int
    by_others: int
    is_complete: bool


@dataclass(frozen=True)
class RedriveSender:
    """Match again what one sender wrote. Safe to stop at any point, and to run twice at once."""

    messages: MessageStore
    redrive_unmatched: RedriveUnmatched

    def __call__(
        self,
        record: MessageRecord,
        deadline: Deadline,
        is_wanted: Callable[[MessageRecord], bool] = lambda _: True,
    ) -> RedrivenSender:
        """Redrive ``record``, then other wanted messages of its sender, until ``deadline``.

        They are looked for among the first ``MOST_LOOKED_AT`` unmatched messages.
        """
        page = page_of_wanted(
            lambda size, cursor: self.messages.list_unmatched(size, after=cursor),
            lambda one: _is_other_of_sender(one, record) and is_wanted(one),
            MOST,
        )
        records = (record, *page.items)
        results = [*self._redriven(records, deadline)]
        taken = [conversation for _, conversation in results if conversation]
        left = [one for one, conversation in results if conversation is None]
        unmatched = sum(map(self._is_unmatched, left))
        return RedrivenSender(
            conversation=taken[0] if taken else None,
            delivered=len(taken),
            unmatched=unmatched,
            by_others=len(left) - unmatched,
            is_complete=page.cursor is None and len(results) == len(records),
        )

    def _redriven(
        self, records: tuple[MessageRecord, ...], deadline: Deadline
    ) -> Iterator[tuple[MessageRecord, Conversation | None]]:
        for record in records:
            if not deadline.seconds_left:
                return
            yield record, self.redrive_unmatched.one(record)

    def _is_unmatched(self, record: MessageRecord) -> bool:
        found = self.messages.find_record(record.request_id)
        return isinstance(found, MessageRecord) and found.state is MessageState.UNMATCHED


def _is_other_of_sender(one: MessageRecord, record: MessageRecord) -> bool:
    same = one.message.channel is record.message.channel
    is_other = one.request_id != record.request_id
    return same and is_other and one.message.sender.value == record.message.sender.value
