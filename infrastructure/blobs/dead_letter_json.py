"""Dead letters as JSON documents, which people can read as well."""

import json
from collections.abc import Callable, Iterable, Iterator

from application.ports.files import DeadLetter, DeadLetterKind
from domain.errors import StorageUnavailableError
from domain.times import parse_rfc3339, rfc3339
from infrastructure.request_json import request_from_json, request_to_json


class BrokenLetterError(StorageUnavailableError):
    """What lies where a dead letter is expected cannot be read as one, and never will be."""


def readable_letters(
    places: Iterable[str],
    read: Callable[[str], DeadLetter | None],
    unreadable: Callable[[str], None],
) -> Iterator[DeadLetter]:
    """What ``read`` finds in each place when its turn comes; ``unreadable`` is told the broken."""
    for place in places:
        try:
            letter = read(place)
        except BrokenLetterError:
            unreadable(place)
            continue
        if letter is not None:
            yield letter


def letter_to_json(letter: DeadLetter) -> bytes:
    """A letter with its request complete, if it has one."""
    content: dict[str, object] = {
        "letter_id": letter.letter_id,
        "kind": letter.kind,
        "reason": letter.reason,
        "account": letter.account,
        "attempts": letter.attempts,
        "created_at": rfc3339(letter.created_at),
    }
    if letter.request is not None:
        content["request"] = request_to_json(letter.request)
    if letter.gate_key is not None:
        content["gate_key"] = letter.gate_key
    return json.dumps(content, indent=1).encode()


def letter_from_json(text: bytes, letter_id: str) -> DeadLetter:
    """The letter with this id, as ``letter_to_json`` wrote it; ``ValueError`` for all else."""
    try:
        content = json.loads(text)
        letter = DeadLetter(
            letter_id=content["letter_id"],
            kind=DeadLetterKind(content["kind"]),
            reason=content["reason"],
            account=content["account"],
            attempts=content["attempts"],
            created_at=parse_rfc3339(content["created_at"]),
            request=request_from_json(content["request"]) if "request" in content else None,
            gate_key=content.get("gate_key"),
        )
    except (LookupError, TypeError, RecursionError) as error:
        raise ValueError("not a dead letter") from error
    if letter.letter_id != letter_id:
        raise ValueError("another dead letter")
    return letter
