"""What unknown senders wrote: list it, and deliver it once a conversation is open."""

from typing import Annotated

from fastapi import APIRouter, Depends

from domain.messages import MessageRecord
from entrypoints.http.access.problems import not_found
from entrypoints.http.api.dependencies import (
    After,
    Identifier,
    Limit,
    TheCaller,
    TheCursors,
    TheOperations,
)
from entrypoints.http.api.records import PageRecord, RedrivenUnmatchedRecord, UnmatchedRecord

router = APIRouter(prefix="/unmatched", tags=["unmatched"])


def visible_message(
    request_id: Identifier, operations: TheOperations, caller: TheCaller
) -> MessageRecord:
    """The unmatched message with this request id, if the caller may see it.

    Raises ``ProblemError`` (404) or ``MessageNotFoundError``.
    """
    record = operations.list_unmatched().one(request_id)
    if not caller.token.may_see(operations.find_company().of_message(record.message)):
        raise not_found("unmatched message")
    return record


VisibleMessage = Annotated[MessageRecord, Depends(visible_message)]


@router.get("")
def list_unmatched(
    operations: TheOperations,
    caller: TheCaller,
    cursors: TheCursors,
    limit: Limit = 50,
    after: After = None,
) -> PageRecord[UnmatchedRecord]:
    """Unmatched messages in order of receipt. A page may be short, and not the last."""
    page = operations.list_unmatched()(
        limit, company_ids=caller.token.companies, after=cursors.opened(after)
    )
    items = tuple(_shown(record, operations) for record in page.items)
    return PageRecord[UnmatchedRecord](items=items, cursor=cursors.sealed(page.cursor))


@router.get("/{request_id}")
def show_unmatched(record: VisibleMessage, operations: TheOperations) -> UnmatchedRecord:
    """Show an unmatched message."""
    return _shown(record, operations)


@router.post("/{request_id}/redrive")
def redrive_unmatched(record: VisibleMessage, operations: TheOperations) -> RedrivenUnmatchedRecord:
    """Match the message again, and route it if a conversation was opened for its sender."""
    conversation = operations.redrive_unmatched().one(record)
    return RedrivenUnmatchedRecord(
        request_id=record.request_id,
        conversation_id=conversation.conversation_id if conversation else None,
        channel=record.message.channel,
    )


def _shown(record: MessageRecord, operations: TheOperations) -> UnmatchedRecord:
    message = record.message
    return UnmatchedRecord(
        request_id=record.request_id,
        channel=message.channel,
        account=message.account,
        sender=message.sender.value,
        recipient=message.recipient.verbatim,
        company_id=operations.find_company().of_message(message),
        subject=message.subject,
        body=message.body,
        received_at=message.received_at,
        message_id=message.provider_message_id,
    )
