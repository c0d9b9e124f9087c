"""Dead letters as JSON, and as a person reads them: whatever is in them may be meant to harm."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from application.ports.dead_letters import DeadLetter
from application.receiving.record_message import RecordOutcome
from application.recovery.redrive_dead_letters import RedrivenDeadLetter, RedriveOutcome
from domain.errors import safe_reason
from domain.times import rfc3339
from entrypoints.cli.terminal.listing import OldestFirst
from entrypoints.cli.terminal.output import (
    Column,
    count,
    cut,
    moment,
    plain,
    print_rich,
)

if TYPE_CHECKING:
    from application.ports.webhook_parser import (
        ParsedMessage,
        VerifiedWebhook,
        WebhookParserFactory,
        WebhookRequest,
    )

_VALUE_COLUMNS = 400
_TEXT_CHARACTERS = 4_000
_PREVIEW_BYTES = 2_000
_MOST_FIELDS = 500
_FORM = "application/x-www-form-urlencoded"


def dead_letter_record(dead_letter: DeadLetter) -> dict[str, object]:
    """Everything but the request, which may hold anything."""
    webhook, request = dead_letter.webhook, _request_of(dead_letter)
    return {
        "id": dead_letter.dead_letter_id,
        "kind": dead_letter.kind.value,
        "reason": dead_letter.reason,
        "attempts": dead_letter.attempts,
        "created_at": rfc3339(dead_letter.created_at),
        "account": webhook.account if webhook else None,
        "path": request.path if request else None,
        "size_bytes": len(request.body) if request else None,
        "request_id": dead_letter.request_id,
    }


def whole_dead_letter_record(dead_letter: DeadLetter) -> dict[str, object]:
    """Everything, the request's body in base64."""
    request = _request_of(dead_letter)
    return {
        **dead_letter_record(dead_letter),
        "url": request.url if request else None,
        "headers": request.headers if request else None,
        "received_at": rfc3339(request.received_at) if request else None,
        "body_base64": b64encode(request.body).decode() if request else None,
    }


def _request_of(dead_letter: DeadLetter) -> "WebhookRequest | None":
    return dead_letter.webhook.request if dead_letter.webhook else None


def _cells(dead_letter: DeadLetter) -> tuple[object, ...]:
    created_at = moment(dead_letter.created_at)
    return (
        dead_letter.dead_letter_id,
        dead_letter.kind,
        dead_letter.reason,
        dead_letter.attempts,
        created_at,
    )


DEAD_LETTERS = OldestFirst(
    columns=(
        Column("id", whole=True),
        Column("kind", essential=False),
        Column("reason"),
        Column("attempts", number=True, essential=False),
        Column("created (UTC)", whole=True),
    ),
    cells=_cells,
    record=dead_letter_record,
    empty="There are no dead letters.",
)


def redriven_record(redriven: RedrivenDeadLetter) -> dict[str, object]:
    """What became of a letter, and of each message in its request."""
    return {
        **dead_letter_record(redriven.dead_letter),
        "outcome": redriven.outcome.value,
        "messages": [dict(receipt.log_fields()) for receipt in redriven.receipts],
    }


_OUTCOMES = {
    RecordOutcome.RECORDED: "recorded",
    RecordOutcome.DUPLICATE: "recorded before",
    RecordOutcome.UNMATCHED: "unmatched",
}


def redriven_line(redriven: RedrivenDeadLetter) -> str:
    """What became of a letter, for a person."""
    match redriven.outcome:
        case RedriveOutcome.RECEIVED:
            outcomes = [_OUTCOMES[receipt.outcome] for receipt in redriven.receipts]
            sentence = ", ".join(outcomes) or "nothing was in it"
        case RedriveOutcome.PENDING:
            sentence = "pending again, the relay publishes it"
        case RedriveOutcome.FAILED:
            sentence = f"failed again: {redriven.dead_letter.reason}"
    return plain(f"{redriven.dead_letter.dead_letter_id}: {sentence}").plain


def print_dead_letter(dead_letter: DeadLetter, parsers: "WebhookParserFactory") -> None:
    """A letter as a card, and its request as it would be read today."""
    webhook = dead_letter.webhook
    print_rich(plain(f"Dead letter {dead_letter.dead_letter_id}", "bold"))
    _print_present(
        {
            "kind": dead_letter.kind,
            "reason": dead_letter.reason,
            "attempts": str(dead_letter.attempts),
            "created": moment(dead_letter.created_at),
            "account": webhook.account if webhook else None,
            "message": dead_letter.request_id,
        }
    )
    if webhook is not None:
        _print_request(webhook.request)
        _print_reading(webhook, parsers)


def _print_request(request: "WebhookRequest") -> None:
    _print_heading(f"{request.method} {request.url}")
    _print_present({"received": moment(request.received_at), "size": f"{len(request.body)} bytes"})
    _print_heading("Headers")
    _print_pairs(request.headers)
    if _is_form(request):
        _print_heading("Form")
        _print_pairs(_form_fields(request.body))


def _print_reading(webhook: "VerifiedWebhook", parsers: "WebhookParserFactory") -> None:
    try:
        parsed = parsers.for_channel(webhook.channel).parse(webhook)
    except Exception as error:  # a bug in reading it may be the very reason why it is here
        _print_heading(f"It cannot be read today: {safe_reason(error)}")
        if not _is_form(webhook.request):
            _print_preview(webhook.request.body)
    else:
        _print_heading(f"Today it is read as {count(len(parsed), 'message')}")
        _print_messages(parsed)


def _print_messages(parsed: Sequence["ParsedMessage"]) -> None:
    """What is the same for each recipient of a mail is shown once."""
    if not parsed:
        return
    first = parsed[0].message
    files = [*first.attachments, *(file.attachment for file in parsed[0].files)]
    _print_present(
        {
            "from": first.sender.value,
            "to": ", ".join(one.message.recipient.verbatim for one in parsed),
            "subject": first.subject,
            "date": str(first.metadata.get("date", "")),
            "message id": first.provider_message_id,
            "author": None if first.author_authenticated else "not authenticated",
            "files": ", ".join(file.filename or file.content_type for file in files),
        }
    )
    _print_text(first.body[:_TEXT_CHARACTERS], len(first.body) - _TEXT_CHARACTERS, "character")


def _print_preview(body: bytes) -> None:
    beginning = body[:_PREVIEW_BYTES].decode("utf-8", "backslashreplace")
    _print_text(beginning, len(body) - _PREVIEW_BYTES, "byte")


def _print_text(text: str, left_out: int, unit: str) -> None:
    print_rich(plain(f"\n{text}", lines=True))
    if left_out > 0:
        print_rich(plain(f"{count(left_out, f'more {unit}')}: --json shows all.", "dim"))


def _is_form(request: "WebhookRequest") -> bool:
    content_type = request.header("content-type") or ""
    return content_type.partition(";")[0].strip().lower() == _FORM


def _form_fields(body: bytes) -> Iterator[tuple[str, str]]:
    """The fields of a form that may be damaged; of too many fields the first ones."""
    fields = b"&".join(body.split(b"&", _MOST_FIELDS)[:_MOST_FIELDS])
    text = fields.decode("utf-8", "backslashreplace")
    yield from parse_qsl(text, keep_blank_values=True, errors="backslashreplace")


def _print_heading(text: str) -> None:
    print_rich(plain(f"\n{cut(text, _VALUE_COLUMNS)}", "bold", lines=True))


def _print_present(values: Mapping[str, str | None]) -> None:
    _print_pairs((name, value) for name, value in values.items() if value)


def _print_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    for name, value in pairs:
        table.add_row(plain(f"  {cut(name)}", "dim"), plain(cut(value, _VALUE_COLUMNS)))
    print_rich(table)
