"""Events of Lambda, as a function logs them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from application.ports.signature_doctor import Capture
from entrypoints.aws_lambda.api_gateway_events import read_event
from entrypoints.captures.requests import CaptureError, trimmed_form


def is_event(value: Mapping[str, Any]) -> bool:
    """Whether ``value`` looks like the event of an HTTP request."""
    has_request = isinstance(value.get("requestContext"), dict) or "httpMethod" in value
    return has_request and ("headers" in value or "multiValueHeaders" in value)


def read_lambda_event(value: Mapping[str, Any]) -> Capture:
    """The request of an event: REST API, HTTP API, function URL or load balancer."""
    event = read_event(value)
    try:
        body = event.body()
    except ValueError as error:
        raise CaptureError(
            "Lambda event: the body is no text, or isBase64Encoded is true and it is no base64"
        ) from error
    headers = dict(reversed(event.headers))
    path = event.path or "/"
    host = headers.get("host", "")
    return Capture(
        title=f"Lambda event: {event.method} {event.origin}{path}",
        method=event.method.upper(),
        origin=event.origin,
        path=path,
        queries=event.queries(),
        headers=event.headers,
        body=trimmed_form(body, headers),
        path_without_stage=event.path_without_stage,
        hosts=(host,) if host else (),
        received_at=_instant(value),
        is_event=True,
    )


def _instant(value: Mapping[str, Any]) -> datetime | None:
    context = value.get("requestContext")
    if not isinstance(context, dict):
        return None
    milliseconds = context.get("requestTimeEpoch", context.get("timeEpoch"))
    if not isinstance(milliseconds, int) or not 0 < milliseconds < 10**14:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
