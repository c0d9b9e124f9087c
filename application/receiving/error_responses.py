"""The HTTP answer to each error: the same table for every entrypoint."""

import json

from application.ports.webhook_parser import WebhookResponse
from domain.errors import (
    MethodNotAllowedError,
    PayloadTooLargeError,
    TemporaryError,
    UnsupportedChannelError,
    ValidationError,
)

RETRY_AFTER_SECONDS = 30

_ANSWERS: tuple[tuple[type[Exception], int, str, tuple[tuple[str, str], ...]], ...] = (
    (ValidationError, 401, "Invalid signature", ()),
    (UnsupportedChannelError, 404, "Unsupported channel", ()),
    (MethodNotAllowedError, 405, "Method not allowed", (("allow", "POST"),)),
    (PayloadTooLargeError, 413, "Payload too large", ()),
    (
        TemporaryError,
        503,
        "Temporarily unavailable",
        (("retry-after", str(RETRY_AFTER_SECONDS)),),
    ),
)


def json_error(
    status: int, message: str, headers: tuple[tuple[str, str], ...] = ()
) -> WebhookResponse:
    """``{"error": message}`` with a status."""
    body = json.dumps({"error": message}).encode()
    return WebhookResponse(status, body, "application/json", headers)


INTERNAL_ERROR = json_error(500, "Internal server error")
"""For an error that was not expected: no internal text."""


def response_to(error: Exception) -> WebhookResponse:
    """The answer that tells a provider what to do, and not why."""
    for kind, status, message, headers in _ANSWERS:
        if isinstance(error, kind):
            return json_error(status, message, headers)
    return INTERNAL_ERROR
