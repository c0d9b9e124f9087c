"""What the customer of a conversation wrote that no conversation takes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from domain.addresses import normal_value
from domain.conversations import Conversation
from entrypoints.http.api.dependencies import TheCaller, TheContainer, TheOperations
from entrypoints.http.console.recovery.unmatched_senders import (
    GroupBySender,
    NextStep,
    UnmatchedSender,
)

MOST = 50
"""How many of the latest unmatched messages are looked through, at each view of the page."""


@dataclass(frozen=True, slots=True)
class UnmatchedBeside:
    """Unmatched messages of the customer to one recipient.

    ``is_taken`` tells that the conversation takes them, were it open.
    """

    sender: UnmatchedSender
    is_taken: bool

    @property
    def is_closed_out(self) -> bool:
        """Whether it is enough to open the conversation again."""
        return self.is_taken and self.sender.next_step is NextStep.REOPEN


FindUnmatched = Callable[[Conversation], Iterator[UnmatchedBeside]]


def _find_unmatched(
    container: TheContainer, operations: TheOperations, caller: TheCaller
) -> FindUnmatched:
    companies, company_of = caller.token.companies, operations.find_company()
    groups = GroupBySender(
        container.stores().lookup,
        company_of.tenants(),
        companies is None,
        container.settings().throttle_limits.window,
    )

    def find(conversation: Conversation) -> Iterator[UnmatchedBeside]:
        channel, sender = conversation.primary_channel, conversation.sender_id
        if not sender:
            return
        values = {sender, normal_value(channel, sender)}
        theirs = [
            record
            for record in groups.lookup.latest_unmatched(MOST)
            if record.message.channel is channel
            and values.intersection(record.message.look_up_values)
            and (companies is None or company_of.of_message(record.message) in companies)
        ]
        for one in groups(theirs):
            takes = one.conversation or one.closed
            yield UnmatchedBeside(one, takes is not None and takes.key == conversation.key)

    return find


TheUnmatched = Annotated[FindUnmatched, Depends(_find_unmatched)]
"""Finds what waits unmatched beside a conversation, as far as the caller may see it."""
