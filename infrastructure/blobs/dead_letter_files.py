"""Dead letters as files: they need neither the store nor the queues."""

import json
from base64 import b64decode, b64encode
from pathlib import Path

from application.ports.channels import WebhookRequest
from application.ports.files import DeadLetter, DeadLetterKind, DeadLetters
from domain.errors import StorageUnavailableError
from domain.times import parse_rfc3339, rfc3339
from infrastructure.blobs.keys import checked_key
from infrastructure.durable_files import create_file

_SUFFIX = ".json"


class FileDeadLetters(DeadLetters):
    """One JSON file for each letter, named by its id; of several with one id the first stays.

    A file's time of modification is the letter's ``created_at``, so that the oldest are found
    without reading them all: a body may have 32 MiB.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.absolute()

    def keep(self, letter: DeadLetter) -> None:
        """See ``DeadLetters``."""
        path = self._directory / f"{checked_key(letter.letter_id)}{_SUFFIX}"
        try:
            create_file(path, _to_json(letter), modified_at=letter.created_at)
        except OSError as error:
            raise StorageUnavailableError("the dead letter could not be written") from error

    def list_letters(self, limit: int) -> tuple[DeadLetter, ...]:
        """See ``DeadLetters``."""
        try:
            by_age = sorted((_modified_at(p), p) for p in self._directory.glob(f"*{_SUFFIX}"))
            return tuple(_read(path) for _, path in by_age[:limit])
        except OSError as error:
            raise StorageUnavailableError("the dead letters could not be read") from error


def _read(path: Path) -> DeadLetter:
    try:
        return _from_json(path.read_bytes())
    except (ValueError, LookupError, TypeError) as error:
        raise StorageUnavailableError(f"{path.name} is not a dead letter") from error


def _modified_at(path: Path) -> int:
    return path.stat().st_mtime_ns


def _to_json(letter: DeadLetter) -> bytes:
    request = letter.request
    content = {
        "letter_id": letter.letter_id,
        "kind": letter.kind,
        "reason": letter.reason,
        "account": letter.account,
        "attempts": letter.attempts,
        "created_at": rfc3339(letter.created_at),
        "request": {
            "method": request.method,
            "url": request.url,
            "headers": request.headers,
            "body_base64": b64encode(request.body).decode(),
            "received_at": rfc3339(request.received_at),
        },
    }
    return json.dumps(content, indent=1).encode()


def _from_json(text: bytes) -> DeadLetter:
    content = json.loads(text)
    request = content["request"]
    return DeadLetter(
        letter_id=content["letter_id"],
        kind=DeadLetterKind(content["kind"]),
        reason=content["reason"],
        account=content["account"],
        attempts=content["attempts"],
        created_at=parse_rfc3339(content["created_at"]),
        request=WebhookRequest(
            method=request["method"],
            url=request["url"],
            headers=tuple((name, value) for name, value in request["headers"]),
            body=b64decode(request["body_base64"]),
            received_at=parse_rfc3339(request["received_at"]),
        ),
    )
