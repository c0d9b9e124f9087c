"""Dead letters: list, show, redrive, delete."""

from base64 import b64encode
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from application.ports.dead_letters import DeadLetterKind
from application.recovery.describe_dead_letter import DescribedDeadLetter
from application.recovery.redrive_dead_letters import RedrivenDeadLetter
from entrypoints.http.access.problems import not_found
from entrypoints.http.api.dependencies import (
    After,
    Identifier,
    Limit,
    TheCaller,
    TheContainer,
    TheCursors,
    TheOperations,
)
from entrypoints.http.api.records import (
    DeadLetterPage,
    DeadLetterRecord,
    ReceiptRecord,
    RedrivenDeadLetterRecord,
    WholeDeadLetterRecord,
)

router = APIRouter(prefix="/dead-letters", tags=["dead letters"])

MOST_SHOWN_BYTES = 1024 * 1024


def visible_dead_letter(
    dead_letter_id: Identifier, operations: TheOperations, caller: TheCaller
) -> DescribedDeadLetter:
    """The dead letter with this id, if the caller may see it.

    Raises ``ProblemError`` (404) or ``DeadLetterNotFoundError``: both say the same.
    """
    described = operations.list_dead_letters().one(dead_letter_id)
    if not caller.token.may_see(company_of(described, operations)):
        raise not_found("dead letter")
    return described


VisibleDeadLetter = Annotated[DescribedDeadLetter, Depends(visible_dead_letter)]
"""The dead letter that the path names, if the caller may see it."""


@router.get("")
def list_dead_letters(
    operations: TheOperations,
    caller: TheCaller,
    cursors: TheCursors,
    *,
    kind: DeadLetterKind | None = None,
    limit: Limit = 50,
    after: After = None,
) -> DeadLetterPage:
    """Dead letters, the oldest first. A page may be short, and not the last."""
    unreadable: list[str] = []
    companies = caller.token.companies
    page = operations.list_dead_letters()(
        limit,
        kind=kind,
        company_ids=companies,
        after=cursors.opened(after),
        unreadable=unreadable.append,
    )
    items = tuple(DeadLetterRecord(**_fields(one, operations)) for one in page.items)
    shown = tuple(unreadable) if companies is None else ()
    return DeadLetterPage(items=items, cursor=cursors.sealed(page.cursor), unreadable=shown)


@router.get("/{dead_letter_id}")
def show_dead_letter(
    described: VisibleDeadLetter, operations: TheOperations
) -> WholeDeadLetterRecord:
    """Show a dead letter with its request, as it came in."""
    webhook = described.dead_letter.webhook
    request = webhook.request if webhook else None
    body = request.body if request and len(request.body) <= MOST_SHOWN_BYTES else None
    return WholeDeadLetterRecord(
        **_fields(described, operations),
        url=request.url if request else None,
        headers=request.headers if request else None,
        received_at=request.received_at if request else None,
        body_base64=None if body is None else b64encode(body).decode(),
    )


@router.post("/{dead_letter_id}/redrive")
def redrive_dead_letter(
    described: VisibleDeadLetter, operations: TheOperations
) -> RedrivenDeadLetterRecord:
    """Process a dead letter with today's code and settings. If it fails again, it stays."""
    return _redriven(operations.redrive_dead_letters()(described.dead_letter))


@router.delete("/{dead_letter_id}", status_code=204)
def delete_dead_letter(
    dead_letter_id: Identifier,
    container: TheContainer,
    operations: TheOperations,
    caller: TheCaller,
) -> Response:
    """Delete a dead letter, for ever. It need not be readable."""
    if caller.token.companies is not None:
        visible_dead_letter(dead_letter_id, operations, caller)
    if not container.dead_letters().delete(dead_letter_id):
        raise not_found("dead letter")
    return Response(status_code=204)


def company_of(described: DescribedDeadLetter, operations: TheOperations) -> str | None:
    """The company that a dead letter belongs to; ``None`` if it is no one company's."""
    return operations.find_company().of_webhook(described.account, described.messages)


def _fields(described: DescribedDeadLetter, operations: TheOperations) -> dict[str, Any]:
    dead_letter = described.dead_letter
    return {
        "dead_letter_id": dead_letter.dead_letter_id,
        "kind": dead_letter.kind,
        "reason": dead_letter.reason,
        "attempts": dead_letter.attempts,
        "created_at": dead_letter.created_at,
        "channel": described.channel,
        "senders": described.senders,
        "account": described.account,
        "company_id": company_of(described, operations),
        "request_id": dead_letter.request_id,
        "size_bytes": len(dead_letter.webhook.request.body) if dead_letter.webhook else None,
    }


def _redriven(redriven: RedrivenDeadLetter) -> RedrivenDeadLetterRecord:
    return RedrivenDeadLetterRecord(
        dead_letter_id=redriven.dead_letter.dead_letter_id,
        outcome=redriven.outcome,
        reason=redriven.dead_letter.reason,
        messages=tuple(
            ReceiptRecord(
                outcome=receipt.outcome.value,
                request_id=receipt.record.request_id,
                conversation_id=receipt.conversation_id,
            )
            for receipt in redriven.receipts
        ),
    )
