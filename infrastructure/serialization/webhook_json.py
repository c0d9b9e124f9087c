"""Spool entries and dead letters as JSON documents in ASCII, which people can read as well.

Each holds a webhook. A large request may lie elsewhere.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

from application.ports.dead_letters import DeadLetter, DeadLetterKind
from application.ports.spool import SpoolEntry
from application.ports.webhook_parser import VerifiedWebhook, WebhookRequest
from domain.channels import ChannelType, channel_in_path
from domain.errors import BrokenDeadLetterError, RefusedError
from domain.times import parse_rfc3339, rfc3339

Document = TypeVar("Document")

VERSION = 1
"""The form of documents that hold a webhook: each says it under ``version``."""


def entry_to_json(entry: SpoolEntry, *, request_reference: str | None = None) -> str:
    """An entry with its request complete, or with a reference instead of it."""
    content = {
        "version": VERSION,
        "entry_id": entry.entry_id,
        "group": entry.group,
        "spooled_at": rfc3339(entry.spooled_at),
        "reason": entry.reason,
        "webhook": _webhook_to_json(entry.webhook, request_reference=request_reference),
    }
    return json.dumps(content)


def entry_from_json(
    text: str | bytes, read_reference: Callable[[str], bytes] | None = None
) -> SpoolEntry:
    """What ``entry_to_json`` wrote; for anything else a ``ValueError`` that says what it is.

    A request that lies elsewhere is the JSON that ``read_reference`` returns, or raises for.
    """

    def build(content: Any) -> SpoolEntry:  # noqa: ANN401 - whatever was in the document
        return SpoolEntry(
            entry_id=content["entry_id"],
            group=content["group"],
            webhook=_webhook_from_json(content["webhook"], read_reference),
            spooled_at=parse_rfc3339(content["spooled_at"]),
            reason=content.get("reason", ""),
        )

    return _read_document(text, "spool entry", build)


def old_entry_from_json(
    text: str | bytes, read_reference: Callable[[str], bytes]
) -> SpoolEntry | None:
    """What an unreleased version wrote, which named neither version nor channel; else ``None``."""
    try:
        content = json.loads(text)
        if "version" in content:
            return None
        request = content.get("request")
        request = request or json.loads(read_reference(content["request_reference"]))
        webhook = {
            "channel": channel_in_path(urlsplit(request["url"]).path),
            "account": content["account"],
            "id": content["entry_id"],
            "request": request,
        }
        return entry_from_json(json.dumps({**content, "version": VERSION, "webhook": webhook}))
    except (LookupError, TypeError, AttributeError, ValueError, RefusedError):
        return None


def readable_dead_letters(
    places: Iterable[str],
    read: Callable[[str], DeadLetter | None],
    unreadable: Callable[[str], None],
) -> Iterator[DeadLetter]:
    """What ``read`` finds in each place when its turn comes; ``unreadable`` gets the broken."""
    for place in places:
        try:
            dead_letter = read(place)
        except BrokenDeadLetterError:
            unreadable(place)
            continue
        if dead_letter is not None:
            yield dead_letter


def dead_letter_to_json(dead_letter: DeadLetter) -> bytes:
    """A dead letter with its webhook complete, if it has one."""
    content: dict[str, object] = {
        "version": VERSION,
        "dead_letter_id": dead_letter.dead_letter_id,
        "kind": dead_letter.kind,
        "reason": dead_letter.reason,
        "attempts": dead_letter.attempts,
        "created_at": rfc3339(dead_letter.created_at),
        "webhook": _webhook_to_json(dead_letter.webhook) if dead_letter.webhook else None,
        "request_id": dead_letter.request_id,
    }
    known = {name: value for name, value in content.items() if value is not None}
    return json.dumps(known, indent=1).encode()


def dead_letter_from_json(text: bytes, dead_letter_id: str) -> DeadLetter:
    """The dead letter with this id, as ``dead_letter_to_json`` wrote it.

    For anything else a ``ValueError`` that says what it is, and nothing of its content.
    """
    dead_letter = _read_document(text, "dead letter", _dead_letter)
    if dead_letter.dead_letter_id != dead_letter_id:
        raise ValueError("another dead letter")
    return dead_letter


def _dead_letter(content: Any) -> DeadLetter:  # noqa: ANN401 - whatever was in the document
    return DeadLetter(
        dead_letter_id=content["dead_letter_id"],
        kind=DeadLetterKind(content["kind"]),
        reason=content["reason"],
        attempts=content["attempts"],
        created_at=parse_rfc3339(content["created_at"]),
        webhook=_webhook_from_json(content["webhook"]) if "webhook" in content else None,
        request_id=content.get("request_id"),
    )


def _read_document(
    text: str | bytes,
    name: str,
    build: Callable[[Any], Document],
) -> Document:
    """What ``build`` makes of a JSON document of this version.

    For anything else a ``ValueError`` that says what it is, and nothing of its content.
    """
    try:
        content = json.loads(text)
        if "version" not in content:
            problem = f"the old form of a {name}, of an unreleased version"
        elif content["version"] != VERSION:
            problem = f"a {name} of another version"
        else:
            return build(content)
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not a {name}, or its content is gone") from error
    raise ValueError(problem)


def _webhook_to_json(
    webhook: VerifiedWebhook, *, request_reference: str | None = None
) -> dict[str, object]:
    """A webhook with its request complete, or with a reference instead of it."""
    content = {"channel": webhook.channel, "account": webhook.account, "id": webhook.id}
    if request_reference is not None:
        return {**content, "request_reference": request_reference}
    return {**content, "request": request_to_json(webhook.request)}


def _webhook_from_json(
    content: Any,  # noqa: ANN401 - whatever was in the document
    read_reference: Callable[[str], bytes] | None = None,
) -> VerifiedWebhook:
    """What ``_webhook_to_json`` wrote; ``LookupError``, ``TypeError``, ``ValueError`` otherwise.

    A request that lies elsewhere is the JSON that ``read_reference`` returns, or raises for.
    """
    if read_reference is not None and "request_reference" in content:
        request = json.loads(read_reference(str(content["request_reference"])))
    else:
        request = content["request"]
    return VerifiedWebhook(
        channel=ChannelType(content["channel"]),
        account=content["account"],
        request=_request_from_json(request),
        id=content["id"],
    )


def request_to_json(request: WebhookRequest) -> dict[str, object]:
    """A request complete; its body, which may be anything, in base64."""
    return {
        "method": request.method,
        "url": request.url,
        "headers": request.headers,
        "body_base64": b64encode(request.body).decode(),
        "received_at": rfc3339(request.received_at),
    }


def _request_from_json(content: Any) -> WebhookRequest:  # noqa: ANN401 - as above
    return WebhookRequest(
        method=content["method"],
        url=content["url"],
        headers=tuple((name, value) for name, value in content["headers"]),
        body=b64decode(content["body_base64"]),
        received_at=parse_rfc3339(content["received_at"]),
    )
