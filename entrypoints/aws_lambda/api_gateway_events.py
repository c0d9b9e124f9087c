"""The HTTP request in a Lambda event, and the response in the shape that its sender expects.

Three senders, three shapes:
REST API (payload 1.0) https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
HTTP API and function URL (payload 2.0) https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
Application Load Balancer https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from application.ports.webhook_parser import WebhookResponse
from entrypoints.aws_lambda.query_spellings import decoded_queries, encoded_queries
from entrypoints.public_urls import sent_queries

Headers = tuple[tuple[str, str], ...]

_PATH_SAFE = "/%:@!$&'()*+,;=~"
"""What may stand in a path; a percent sign too, for where the path came still encoded."""


@dataclass(frozen=True, slots=True)
class HttpEvent:
    """A request. What its event lacks, or has in a wrong type, is empty.

    ``origin`` is the scheme and the host. ``path`` is the public one, stage or base path
    included, percent-encoded. ``queries`` gives the query as it was sent, or every way in which
    it may have been. ``headers`` have names in lower case, and repeats as far as the event keeps
    them.
    """

    event: Mapping[str, Any] = field(repr=False)
    method: str
    origin: str
    path: str
    queries: Callable[[], tuple[str, ...]] = field(repr=False)
    headers: Headers = field(repr=False)

    @property
    def path_without_stage(self) -> str | None:
        """The path behind the stage of an API, if it begins with that stage."""
        stage = _text(_mapping(self.event, "requestContext"), "stage")
        start = f"/{stage}/"
        return self.path[len(start) - 1 :] if stage and self.path.startswith(start) else None

    def body(self) -> bytes:
        """The bytes that were sent. Raises ``ValueError`` where the event cannot say."""
        text = self.event.get("body")
        if text is None:
            return b""
        if not isinstance(text, str):
            raise ValueError("the body of the event is no text")  # noqa: TRY004 - a wrong value
        if self.event.get("isBase64Encoded") is True:
            return base64.b64decode(text, validate=True)
        return text.encode()

    def respond(self, response: WebhookResponse) -> dict[str, object]:
        """``response`` as the function must return it.

        A load balancer also wants the reason phrase. Where it is set to send headers with all
        of their values, it wants them back like that.
        """
        headers = {"Content-Type": response.content_type}
        headers |= {name.title(): value for name, value in response.headers}
        result: dict[str, object] = {
            "statusCode": response.status,
            "headers": headers,
            "body": response.body.decode(),
            "isBase64Encoded": False,
        }
        if "elb" in _mapping(self.event, "requestContext"):
            phrase = HTTPStatus(response.status).phrase
            result["statusDescription"] = f"{response.status} {phrase}"
            if isinstance(self.event.get("multiValueHeaders"), dict):
                del result["headers"]
                result["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
        return result


def read_event(value: object) -> HttpEvent:
    """The request in ``value``, whatever it is: an unknown shape gives an empty request."""
    event = value if isinstance(value, dict) else {}
    context = _mapping(event, "requestContext")
    headers = tuple(
        (name.lower(), text) for name, text in _pairs(event, "multiValueHeaders", "headers")
    )
    names = dict(reversed(headers))
    host = _text(context, "domainName") or names.get("host", "")
    if "http" in context:
        # Its raw path holds a named stage, as the public path does.
        method = _text(_mapping(context, "http"), "method")
        path, sent = _public_path(_text(event, "rawPath")), _text(event, "rawQueryString")
        return HttpEvent(
            event, method, f"https://{host}", path, partial(sent_queries, sent), headers
        )
    method = _text(event, "httpMethod")
    query = _pairs(event, "multiValueQueryStringParameters", "queryStringParameters")
    if "elb" in context:
        # The balancer itself writes the header, and passes the parameters on as they were sent.
        scheme = "http" if names.get("x-forwarded-proto") == "http" else "https"
        path = _public_path(_text(event, "path"))
        return HttpEvent(
            event, method, f"{scheme}://{host}", path, partial(encoded_queries, query), headers
        )
    # The path of the context is the public one: ``path`` may lack the stage. The parameters are
    # decoded: how they were encoded is lost.
    path = _public_path(_text(context, "path") or _text(event, "path"))
    return HttpEvent(
        event, method, f"https://{host}", path, partial(decoded_queries, query), headers
    )


def _public_path(path: str) -> str:
    encoded = quote(path, _PATH_SAFE, errors="replace")
    return f"/{encoded}" if encoded and not encoded.startswith("/") else encoded


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _mapping(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _pairs(event: Mapping[str, Any], several: str, single: str) -> list[tuple[str, str]]:
    """Names and values under ``several``, which holds lists, or else under ``single``."""
    lists = _mapping(event, several) or {
        name: [value] for name, value in _mapping(event, single).items()
    }
    return [
        (name, value)
        for name, values in lists.items()
        if isinstance(values, list)
        for value in values
        if isinstance(value, str)
    ]
