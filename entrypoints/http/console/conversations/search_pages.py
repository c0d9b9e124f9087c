"""Conversations: find them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends
from starlette.responses import Response

from application.conversations.search_conversations import ConversationFilter
from application.ports.pages import MOST_LOOKED_AT, Page
from domain.channels import ChannelType
from domain.conversations import SETTABLE_STATUSES, Conversation
from domain.errors import InvalidAddressError, InvalidCursorError
from entrypoints.composition.operations_container import OperationsContainer
from entrypoints.http.access.access import Caller
from entrypoints.http.api.conversation_routes import companies_of
from entrypoints.http.api.dependencies import TheCaller, TheCursors, TheOperations
from entrypoints.http.console.page_dependencies import ThePage

router = APIRouter(prefix="/conversations")

PAGE_SIZE = 50
MOST_COMPANIES = 50
"""Of more, the id is typed."""

LONGEST_VALUE = 1000
"""Characters in a field, as in the API."""

_CHANNELS = {channel.value: channel for channel in ChannelType}
_ANSWERS = {"human": True, "ai": False}


@dataclass(frozen=True, slots=True)
class Search:
    """What stands in the form, and so in the address of the page. All of it may be wrong."""

    address: str = ""
    channel: str = ""
    status: str = ""
    company_id: str = ""
    answers: str = ""
    after: str = ""

    @property
    def values(self) -> dict[str, str]:
        """The fields that are filled in."""
        fields = ("address", "channel", "status", "company_id", "answers")
        return {name: text for name in fields if (text := getattr(self, name))}

    def problems(self) -> Iterator[tuple[str, str]]:
        """Which fields are wrong, and why."""
        if self.channel and self.channel not in _CHANNELS:
            yield "channel", f"a channel is one of {', '.join(_CHANNELS)}"
        if self.answers and self.answers not in _ANSWERS:
            yield "answers", f"who answers is one of {', '.join(_ANSWERS)}"
        for name, text in self.values.items():
            if len(text) > LONGEST_VALUE:
                yield name, f"at most {LONGEST_VALUE:,} characters"

    def filter_for(self, caller: Caller) -> ConversationFilter:
        """What is searched for, among what ``caller`` may see."""
        return ConversationFilter(
            self.address or None,
            _CHANNELS[self.channel] if self.channel else None,
            self.status or None,
            companies_of(caller, self.company_id or None),
            _ANSWERS[self.answers] if self.answers else None,
        )

    def page_after(self, cursor: str) -> str:
        """The address of the page that follows."""
        return f"/conversations?{urlencode({**self.values, 'after': cursor})}"

    @property
    def first_page(self) -> str:
        """The address of the page that comes first."""
        return "/conversations" + (f"?{urlencode(self.values)}" if self.values else "")


def _search(
    *,
    address: str = "",
    channel: str = "",
    status: str = "",
    company_id: str = "",
    answers: str = "",
    after: str = "",
) -> Search:
    return Search(
        address.strip(),
        channel.strip(),
        status.strip(),
        company_id.strip(),
        answers.strip(),
        after,
    )


def _known_companies(operations: OperationsContainer, caller: Caller) -> Sequence[str]:
    """The ids to choose from; none where they are too many for that, or no directory has any."""
    if caller.token.companies is not None:
        return sorted(caller.token.companies)
    tenants = operations.find_company().tenants().tenants
    known = sorted({one.company_id for one in tenants if one.company_id})
    return known if len(known) <= MOST_COMPANIES else ()


@router.get("")
def list_conversations(
    page: ThePage,
    operations: TheOperations,
    caller: TheCaller,
    cursors: TheCursors,
    search: Annotated[Search, Depends(_search)],
) -> Response:
    """Conversations, the latest activity first. All of the search stands in the address."""
    problems = dict(search.problems())
    found: Page[Conversation] = Page((), None)
    if not problems:
        try:
            after = cursors.opened(search.after or None)
            wanted = search.filter_for(caller)
            found = operations.search_conversations()(wanted, PAGE_SIZE, after=after)
            found = replace(found, cursor=cursors.sealed(found.cursor))
        except InvalidAddressError as error:
            problems["address"] = str(error)
        except InvalidCursorError:
            problems["after"] = "this page is of another search: begin with the first page"
    return page(
        "conversations.html",
        422 if problems else 200,
        found=found,
        problems=problems,
        search=search,
        looked_at=MOST_LOOKED_AT,
        known_companies=_known_companies(operations, caller),
        channels=list(ChannelType),
        statuses=SETTABLE_STATUSES,
    )
