"""Conversations: open, find, show, hand off, close."""

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from application.conversations.change_conversation import StaleConversationError
from application.conversations.open_conversation import OpenConversation
from application.conversations.search_conversations import ConversationFilter
from domain.channels import ChannelType
from domain.conversations import Conversation, StateChange
from domain.errors import InvalidAddressError, InvalidStatusError, UnknownRecipientError
from domain.messages import ConversationKey
from entrypoints.addresses import recipient_or_service, sender_address
from entrypoints.composition.operations_container import OperationsContainer
from entrypoints.http.access.access import Caller
from entrypoints.http.access.problems import ProblemError, invalid, not_found
from entrypoints.http.api.dependencies import (
    After,
    Identifier,
    Limit,
    TheCaller,
    TheContainer,
    TheCursors,
    TheOperations,
)
from entrypoints.http.api.records import ConversationRecord, HistoryRecord, PageRecord

router = APIRouter(prefix="/conversations", tags=["conversations"])

_ETAG = re.compile(r'(?:W/)?"([^"]{0,200})"')
_WHAT = "conversation"
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Search = Annotated[str | None, Query(min_length=1, max_length=1000)]
IfMatch = Annotated[str | None, Header(description="The `ETag` of the state that was seen.")]


def require_visible(operations: OperationsContainer, caller: Caller, record: Conversation) -> None:
    """Raise ``ProblemError`` (404) unless the caller may see ``record``."""
    if not caller.token.may_see(operations.find_company().of_conversation(record)):
        raise not_found(_WHAT)


def _visible(
    channel: ChannelType,
    conversation_id: Identifier,
    container: TheContainer,
    operations: TheOperations,
    caller: TheCaller,
) -> Conversation:
    record = container.conversation_store().get_conversation(
        ConversationKey(conversation_id, channel)
    )
    if record is None:
        raise not_found(_WHAT)
    require_visible(operations, caller, record)
    return record


VisibleConversation = Annotated[Conversation, Depends(_visible)]
"""The conversation that the path names, if the caller may see it."""


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewConversation(_Body):
    """Whose conversation it is. `recipient` is filled in by the first message if it is left out."""

    channel: ChannelType
    sender: Text
    recipient: Text | None = None
    company_id: Text | None = None
    project_id: Text | None = None
    company_name: Text | None = None
    credentials_reference: Text | None = None
    thread_id: Text | None = None
    hand_off_to_human: StrictBool = False

    def wanted(self) -> Conversation:
        """The conversation to open. Raises ``ProblemError`` (422)."""
        others = self.model_dump(exclude={"channel", "sender", "recipient"})
        channel, to = self.channel, self.recipient
        try:
            field = "body.sender"
            sender = sender_address(channel, self.sender)
            field = "body.recipient"
            recipient = recipient_or_service(channel, to) if to else None
        except InvalidAddressError as error:
            raise invalid(field, str(error)) from error
        return Conversation("", channel, sender, recipient, **others)


class HandOff(_Body):
    """Who answers."""

    hand_off_to_human: StrictBool


class Status(_Body):
    """The new status."""

    conversation_status: Text


@router.get("")
def list_conversations(
    operations: TheOperations,
    caller: TheCaller,
    cursors: TheCursors,
    *,
    address: Search = None,
    channel: ChannelType | None = None,
    status: Search = None,
    company_id: Search = None,
    hand_off_to_human: bool | None = None,
    limit: Limit = 50,
    after: After = None,
) -> PageRecord[ConversationRecord]:
    """Find conversations. A page may be short, and not the last: it looks at 1,000 at most."""
    companies = companies_of(caller, company_id)
    wanted = ConversationFilter(address, channel, status, companies, hand_off_to_human)
    try:
        page = operations.search_conversations()(wanted, limit, after=cursors.opened(after))
    except InvalidAddressError as error:
        raise invalid("query.address", str(error)) from error
    shown = replace(page, cursor=cursors.sealed(page.cursor))
    return PageRecord[ConversationRecord].model_validate(shown)


def companies_of(caller: Caller, company_id: str | None) -> Collection[str] | None:
    """Of which companies a search may find something; ``None`` is of all."""
    if company_id is None:
        return caller.token.companies
    return [company_id] if caller.token.may_see(company_id) else []


@router.post("", status_code=201, responses={200: {"model": ConversationRecord}})
def open_conversation(
    wanted: NewConversation,
    container: TheContainer,
    operations: TheOperations,
    caller: TheCaller,
    response: Response,
) -> ConversationRecord:
    """Open the conversation of a sender, once: 201 if it is new, 200 with the one there is."""
    conversation, open_it = wanted.wanted(), container.open_conversation()
    try:
        open_it.completed(conversation)
    except UnknownRecipientError as error:
        raise _unknown_recipient(caller, str(error)) from error
    if caller.token.companies is not None:
        _require_own(caller, conversation, open_it)
    record, is_new = open_it(conversation)
    require_visible(operations, caller, record)
    response.status_code = 201 if is_new else 200
    return _shown(record, response)


def _require_own(caller: Caller, wanted: Conversation, open_it: OpenConversation) -> None:
    """The directory says whose the recipient is, and not the caller.

    The same is true of credentials: consumers answer with what the reference leads to.
    """
    own = open_it.completed(replace(wanted, company_id=None, credentials_reference=None))
    if not caller.token.may_see(own.company_id):
        raise _unknown_recipient(caller, "")
    if wanted.credentials_reference not in (None, own.credentials_reference):
        raise invalid("body.credentials_reference", "not that of your company")


def _unknown_recipient(caller: Caller, text: str) -> ProblemError:
    """A caller that may see some companies is not told whose a recipient is."""
    is_of_all = caller.token.companies is None
    return invalid("body.recipient", text if is_of_all else "no recipient of your companies")


@router.get("/{channel}/{conversation_id}")
def show_conversation(found: VisibleConversation, response: Response) -> ConversationRecord:
    """Show a conversation. The `ETag` covers its status and its hand-off alone."""
    return _shown(found, response)


@router.put("/{channel}/{conversation_id}/hand-off")
def hand_off(
    found: VisibleConversation,
    wanted: HandOff,
    operations: TheOperations,
    response: Response,
    if_match: IfMatch = None,
) -> ConversationRecord:
    """Let a human answer, or the AI again. It may be repeated.

    Every message that is recorded after the answer goes to the queue of the one who answers.
    """
    change = StateChange(hand_off_to_human=wanted.hand_off_to_human)
    return _shown(_changed(operations, found.key, change, if_match), response)


@router.put("/{channel}/{conversation_id}/status")
def set_status(
    found: VisibleConversation,
    wanted: Status,
    operations: TheOperations,
    response: Response,
    if_match: IfMatch = None,
) -> ConversationRecord:
    """Set the status: `active`, `user_reply_received`, or `closed`. It may be repeated."""
    change = StateChange(conversation_status=wanted.conversation_status)
    return _shown(_changed(operations, found.key, change, if_match), response)


@router.get("/{channel}/{conversation_id}/messages")
def list_messages(
    found: VisibleConversation,
    operations: TheOperations,
    limit: Limit = 50,
    after: After = None,
) -> PageRecord[HistoryRecord]:
    """The messages of a conversation, the latest first. Those of one moment stay on one page."""
    page = operations.list_messages()(found.key, limit, after=after)
    return PageRecord[HistoryRecord].model_validate(page)


def _changed(
    operations: OperationsContainer, key: ConversationKey, change: StateChange, if_match: str | None
) -> Conversation:
    try:
        return operations.change_conversation()(key, change, if_match=_etag(if_match))
    except InvalidStatusError as error:
        raise invalid("body.conversation_status", str(error)) from error
    except StaleConversationError as error:
        current = ConversationRecord.model_validate(error.present)
        raise ProblemError(
            412,
            str(error),
            {"current": current.model_dump(mode="json")},
            {"etag": f'"{current.etag}"'},
        ) from error


def _etag(if_match: str | None) -> str | None:
    """The tag in the header; ``None`` where any state will do."""
    if if_match is None or if_match.strip() == "*":
        return None
    found = _ETAG.fullmatch(if_match.strip())
    if found is None:
        raise invalid("header.if-match", "must be one ETag of this conversation, with its quotes")
    return found[1]


def _shown(record: Conversation, response: Response) -> ConversationRecord:
    shown = ConversationRecord.model_validate(record)
    response.headers["etag"] = f'"{shown.etag}"'
    return shown
