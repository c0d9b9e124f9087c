"""Search conversations by address, channel, status, company and who answers, page by page."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from application.companies import FindCompany
from application.ports.conversation_store import ConversationStore, activity_place
from application.ports.pages import Page, page_of_wanted
from domain.addresses import Address
from domain.channels import ChannelType
from domain.conversations import Conversation
from domain.errors import InvalidAddressError


@dataclass(frozen=True, slots=True)
class ConversationFilter:
    """What a conversation must have; ``None`` stands for anything.

    ``address`` is the customer's, in any form that its channel has. ``company_ids`` are those of
    which it may be one's: a conversation of no known company is not among them.
    """

    address: str | None = None
    channel: ChannelType | None = None
    status: str | None = None
    company_ids: Collection[str] | None = None
    hand_off_to_human: bool | None = None


ANY_CONVERSATION = ConversationFilter()


@dataclass(frozen=True)
class SearchConversations:
    """Reads one page, and looks at ``MOST_LOOKED_AT`` conversations for it at most.

    A page may therefore be short or empty and have a cursor all the same.
    """

    conversations: ConversationStore
    find_company: FindCompany

    def __call__(
        self,
        wanted: ConversationFilter = ANY_CONVERSATION,
        limit: int = 50,
        *,
        after: str | None = None,
    ) -> Page[Conversation]:
        """At most ``limit`` conversations, the latest activity first on each page.

        Pages themselves are in that order where the backend has it, and never by address. Raises
        ``InvalidAddressError`` for what is no address of the channel, or of any channel, and
        ``InvalidCursorError``; a cursor is of one address alone.
        """
        senders = None if wanted.address is None else _senders(wanted.address, wanted.channel)
        page = page_of_wanted(
            lambda size, cursor: self.conversations.list_conversations(
                size, senders=senders, after=cursor
            ),
            lambda record: self._fits(record, wanted),
            limit,
            after,
        )
        return Page(tuple(sorted(page.items, key=activity_place, reverse=True)), page.cursor)

    def _fits(self, record: Conversation, wanted: ConversationFilter) -> bool:
        return (
            wanted.channel in (None, record.primary_channel)
            and wanted.status in (None, record.conversation_status)
            and wanted.hand_off_to_human in (None, record.hand_off_to_human)
            and (
                wanted.company_ids is None
                or self.find_company.of_conversation(record) in wanted.company_ids
            )
        )


def _senders(text: str, channel: ChannelType | None) -> Mapping[ChannelType, Sequence[str]]:
    """The values under which a sender with this address may be filed, by channel."""
    senders: dict[ChannelType, Sequence[str]] = {}
    for each in ChannelType if channel is None else [channel]:
        with suppress(InvalidAddressError):
            senders[each] = Address.parse(each, text).look_up_values
    if not senders:
        raise InvalidAddressError(f"not an address of any form that {channel or 'a channel'} has")
    return senders
