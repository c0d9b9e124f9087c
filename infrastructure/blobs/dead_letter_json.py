"""Dead letters as JSON documents, which people can read as well."""

import json
from base64 import b64decode, b64encode

from application.ports.channels import WebhookRequest
from application.ports.files import DeadLetter, DeadLetterKind
from domain.times import parse_rfc3339, rfc3339


def letter_to_json(letter: DeadLetter) -> bytes:
    """A letter with its request complete; the body, which may be anything, in base64."""
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


def letter_from_json(text: bytes) -> DeadLetter:
    """What ``letter_to_json`` wrote; ``ValueError`` for anything else."""
    try:
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
    except (LookupError, TypeError) as error:
        raise ValueError("not a dead letter") from error
