"""Dead letters as JSON documents, which people can read as well."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from application.ports.dead_letters import DeadLetter, DeadLetterKind
from domain.errors import StorageUnavailableError
from domain.times import parse_rfc3339, rfc3339
from infrastructure.serialization.webhook_json import (
    VERSION,
    read_document,
    webhook_from_json,
    webhook_to_json,
)


class BrokenDeadLetterError(StorageUnavailableError):
    """What lies where a dead letter is expected cannot be read as one, and never will be."""


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
    }
    if dead_letter.webhook is not None:
        content["webhook"] = webhook_to_json(dead_letter.webhook)
    if dead_letter.request_id is not None:
        content["request_id"] = dead_letter.request_id
    return json.dumps(content, indent=1).encode()


def dead_letter_from_json(text: bytes, dead_letter_id: str) -> DeadLetter:
    """The dead letter with this id, as ``dead_letter_to_json`` wrote it.

    For anything else a ``ValueError`` that says what it is, and nothing of its content.
    """
    dead_letter = read_document(text, "dead letter", _from_json)
    if dead_letter.dead_letter_id != dead_letter_id:
        raise ValueError("another dead letter")
    return dead_letter


def _from_json(content: Any) -> DeadLetter:  # noqa: ANN401 - whatever was in the document
    return DeadLetter(
        dead_letter_id=content["dead_letter_id"],
        kind=DeadLetterKind(content["kind"]),
        reason=content["reason"],
        attempts=content["attempts"],
        created_at=parse_rfc3339(content["created_at"]),
        webhook=webhook_from_json(content["webhook"]) if "webhook" in content else None,
        request_id=content.get("request_id"),
    )
