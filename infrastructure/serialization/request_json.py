"""Webhook requests as a part of JSON documents, which people can read as well."""

from base64 import b64decode, b64encode
from typing import Any

from application.ports.webhook_parser import WebhookRequest
from domain.times import parse_rfc3339, rfc3339


def request_to_json(request: WebhookRequest) -> dict[str, object]:
    """A request complete; its body, which may be anything, in base64."""
    return {
        "method": request.method,
        "url": request.url,
        "headers": request.headers,
        "body_base64": b64encode(request.body).decode(),
        "received_at": rfc3339(request.received_at),
    }


def request_from_json(content: Any) -> WebhookRequest:  # noqa: ANN401 - whatever was in the document
    """What ``request_to_json`` wrote; ``LookupError``, ``TypeError``, ``ValueError`` otherwise."""
    return WebhookRequest(
        method=content["method"],
        url=content["url"],
        headers=tuple((name, value) for name, value in content["headers"]),
        body=b64decode(content["body_base64"]),
        received_at=parse_rfc3339(content["received_at"]),
    )
