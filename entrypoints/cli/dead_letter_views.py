"""Dead letters as JSON, and as a person reads them: whatever is in them may be meant to harm."""

from base64 import b64encode
from collections.abc import Sequence
from urllib.parse import parse_qsl

from application.ports.dead_letters import DeadLetter
from application.ports.webhook_parser import ParsedMessage, WebhookParserFactory
from application.recovery.describe_dead_letter import DescribedDeadLetter
from application.recovery.redrive_dead_letters import RedrivenDeadLetter, RedriveOutcome
from domain.errors import safe_reason
from entrypoints.cli.terminal.output import attributes, count, cut, moment, moment_utc, say
from entrypoints.cli.terminal.tables import VALUE_COLUMNS, Column, Listing, print_fields

_SHOWN_CHARACTERS = 4_000
_FORM_BYTES = 20_000
_FORM = "application/x-www-form-urlencoded"


def _record(dead_letter: DeadLetter) -> dict[str, object]:
    """Everything but the request, which may hold anything."""
    webhook = dead_letter.webhook
    return {
        "dead_letter_id": dead_letter.dead_letter_id,
        **attributes(dead_letter, "kind", "reason", "attempts", "created_at"),
        "account": webhook.account if webhook else None,
        "path": webhook.request.path if webhook else None,
        "size_bytes": len(webhook.request.body) if webhook else None,
        "request_id": dead_letter.request_id,
    }


def whole_record(dead_letter: DeadLetter) -> dict[str, object]:
    """Everything, the request's body in base64."""
    request = dead_letter.webhook.request if dead_letter.webhook else None
    return {
        **_record(dead_letter),
        "url": request.url if request else None,
        "headers": request.headers if request else None,
        "received_at": request.received_at if request else None,
        "body_base64": b64encode(request.body).decode() if request else None,
    }


def _described_record(described: DescribedDeadLetter) -> dict[str, object]:
    """The record, and who wrote on which channel as far as it is known."""
    senders = described.senders
    return {**_record(described.dead_letter), "channel": described.channel, "senders": senders}


def _who(described: DescribedDeadLetter) -> str:
    return ", ".join((described.channel or "?", *described.senders))


# The id begins with the kind, and leaves 30 columns of 80.
DEAD_LETTERS = Listing[DescribedDeadLetter](
    (
        Column("id", lambda one: one.dead_letter.dead_letter_id, whole=True),
        Column("channel, from", _who),
        Column("reason", lambda one: one.dead_letter.reason),
        Column("attempts", lambda one: one.dead_letter.attempts, number=True, essential=False),
        Column(
            "created (UTC)",
            lambda one: moment(one.dead_letter.created_at),
            whole=True,
            essential=False,
        ),
    ),
    record=_described_record,
    empty="There are no dead letters.",
)


def redriven_record(redriven: RedrivenDeadLetter) -> dict[str, object]:
    """What became of a dead letter, and of each message in its request."""
    return {
        **_record(redriven.dead_letter),
        "outcome": redriven.outcome,
        "messages": [dict(receipt.log_fields()) for receipt in redriven.receipts],
    }


def redriven_line(redriven: RedrivenDeadLetter) -> str:
    """What became of a dead letter, for a person."""
    match redriven.outcome:
        case RedriveOutcome.RECEIVED:
            outcomes = (receipt.outcome for receipt in redriven.receipts)
            result = ", ".join(outcomes) or "nothing was in it"
        case RedriveOutcome.PENDING:
            result = "pending again, the relay publishes it"
        case RedriveOutcome.FAILED:
            result = f"failed again: {redriven.dead_letter.reason}"
    return f"{redriven.dead_letter.dead_letter_id}: {result}"


def print_dead_letter(dead_letter: DeadLetter, parsers: WebhookParserFactory) -> None:
    """A dead letter as a card, and its request as it would be read today."""
    webhook = dead_letter.webhook
    say(f"Dead letter {dead_letter.dead_letter_id}", "bold")
    print_fields(
        ("kind", dead_letter.kind),
        ("reason", dead_letter.reason),
        ("attempts", str(dead_letter.attempts)),
        ("created", moment_utc(dead_letter.created_at)),
        ("account", webhook.account if webhook else None),
        ("message", dead_letter.request_id),
    )
    if webhook is None:
        return
    request = webhook.request
    _print_heading(f"{request.method} {request.url}")
    size = f"{len(request.body)} bytes"
    print_fields(("received", moment_utc(request.received_at)), ("size", size))
    _print_heading("Headers")
    print_fields(*request.headers)
    content_type = request.header("content-type") or ""
    is_form = content_type.partition(";")[0].strip().lower() == _FORM
    if is_form:
        _print_heading("Form")
        text = request.body[:_FORM_BYTES].decode("utf-8", "backslashreplace")
        print_fields(*parse_qsl(text, keep_blank_values=True, errors="backslashreplace"))
    try:
        parsed = parsers.for_channel(webhook.channel).parse(webhook)
    except Exception as error:  # a bug in reading it may be the very reason why it is here
        _print_heading(f"It cannot be read today: {safe_reason(error)}")
        if not is_form:
            _print_text(request.body.decode("utf-8", "backslashreplace"))
    else:
        _print_heading(f"Today it is read as {count(len(parsed), 'message')}")
        if parsed:
            _print_messages(parsed)


def _print_messages(parsed: Sequence[ParsedMessage]) -> None:
    """What is the same for each recipient of a mail is shown once."""
    first = parsed[0].message
    files = [*first.attachments, *(file.attachment for file in parsed[0].files)]
    print_fields(
        ("from", first.sender.value),
        ("to", ", ".join(one.message.recipient.verbatim for one in parsed)),
        ("subject", first.subject or None),
        ("message id", first.provider_message_id),
        ("author", None if first.author_authenticated else "not authenticated"),
        ("files", ", ".join(file.filename or file.content_type for file in files) or None),
    )
    _print_text(first.body)


def _print_text(text: str) -> None:
    say(f"\n{text[:_SHOWN_CHARACTERS]}", lines=True)
    left_out = len(text) - _SHOWN_CHARACTERS
    if left_out > 0:
        say(f"{count(left_out, 'more character')}: --json shows all.", "dim")


def _print_heading(text: str) -> None:
    say(f"\n{cut(text, VALUE_COLUMNS)}", "bold", lines=True)
