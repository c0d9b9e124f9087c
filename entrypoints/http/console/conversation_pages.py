"""Conversations: find them."""

from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import Response

from application.conversations.search_conversations import ConversationFilter
from domain.channels import ChannelType
from domain.errors import InvalidAddressError
from entrypoints.http.api.conversation_routes import companies_of
from entrypoints.http.api.dependencies import After, TheCaller, TheCursors, TheOperations
from entrypoints.http.console.page_dependencies import ThePage

router = APIRouter(prefix="/conversations")

PAGE_SIZE = 50


@router.get("")
def list_conversations(
    page: ThePage,
    operations: TheOperations,
    caller: TheCaller,
    cursors: TheCursors,
    *,
    address: str = "",
    channel: str = "",
    status: str = "",
    company_id: str = "",
    after: After = None,
) -> Response:
    """Conversations, the latest activity first."""
    wanted = ConversationFilter(
        address or None,
        ChannelType(channel) if channel in set(ChannelType) else None,
        status or None,
        companies_of(caller, company_id or None),
    )
    found, problem = None, ""
    try:
        found = operations.search_conversations()(wanted, PAGE_SIZE, after=cursors.opened(after))
        found = replace(found, cursor=cursors.sealed(found.cursor))
    except InvalidAddressError as error:
        problem = str(error)
    return page(
        "conversations.html",
        found=found,
        problem=problem,
        wanted={"address": address, "channel": channel, "status": status, "company_id": company_id},
        channels=list(ChannelType),
    )
