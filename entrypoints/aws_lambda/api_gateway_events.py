"""The HTTP request in a Lambda event, and the answer in the shape that its sender expects.

Three senders, three shapes:
REST API (payload 1.0) https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
HTTP API and function URL (payload 2.0) https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
Application Load Balancer https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

import base64
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from application.ports.webhook_parser import WebhookResponse

Headers = tuple[tuple[str, str], ...]

_PATH_SAFE = "/%:@!$&'()*+,;=~"
"""What may stand in a path; a percent sign too, for where the path came still encoded."""


@dataclass(frozen=True, slots=True)
class HttpEvent(ABC):
    """A request of one shape. What the event lacks, or has in a wrong type, is empty."""

    event: Mapping[str, Any] = field(repr=False)

    @property
    @abstractmethod
    def method(self) -> str:
        """``POST`` and the like."""

    @property
    @abstractmethod
    def target(self) -> str:
        """Public path, stage or base path included, and query, percent-encoded."""

    @property
    def origin(self) -> str:
        """Scheme and host that the request was sent to."""
        return f"https://{self._host}"

    @property
    def headers(self) -> Headers:
        """Names in lower case, repeats kept as far as the event keeps them."""
        several = _mapping(self.event.get("multiValueHeaders"))
        single = _mapping(self.event.get("headers"))
        pairs = _repeated(several) if several else _texts(single)
        return tuple((name.lower(), value) for name, value in pairs)

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

    def answer(self, response: WebhookResponse) -> dict[str, object]:
        """``response`` as the function must return it."""
        headers = {name.title(): value for name, value in response.headers}
        return {
            "statusCode": response.status,
            "headers": {"Content-Type": response.content_type, **headers},
            "body": response.body.decode(),
            "isBase64Encoded": False,
        }

    @property
    def _context(self) -> Mapping[str, Any]:
        return _mapping(self.event.get("requestContext"))

    @property
    def _host(self) -> str:
        return _text(self._context.get("domainName")) or self._header("host")

    def _header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


class RestApiEvent(HttpEvent):
    """Payload 1.0. The path of its context is the public one: ``path`` may lack the stage."""

    @property
    def method(self) -> str:
        """``POST`` and the like."""
        return _text(self.event.get("httpMethod"))

    @property
    def target(self) -> str:
        """The path of the context, and the query put together again."""
        path = _text(self._context.get("path")) or _text(self.event.get("path"))
        query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in self._query())
        return _target(path, query)

    def _query(self) -> Iterator[tuple[str, str]]:
        """The event has the parameters decoded: how they were encoded is lost."""
        several = _mapping(self.event.get("multiValueQueryStringParameters"))
        single = _mapping(self.event.get("queryStringParameters"))
        return _repeated(several) if several else _texts(single)


class LoadBalancerEvent(RestApiEvent):
    """Much like payload 1.0, but the parameters come as they were sent.

    The balancer itself writes ``X-Forwarded-Proto``. Where it is set to send headers with all
    of their values, it wants them back like that.
    """

    @property
    def origin(self) -> str:
        """The scheme of the listener, and the host."""
        scheme = "http" if self._header("x-forwarded-proto") == "http" else "https"
        return f"{scheme}://{self._host}"

    @property
    def target(self) -> str:
        """Path and query as they were sent."""
        query = "&".join(f"{name}={value}" for name, value in self._query())
        return _target(_text(self.event.get("path")), query)

    def answer(self, response: WebhookResponse) -> dict[str, object]:
        """Like that of an API, with the reason phrase."""
        phrase = HTTPStatus(response.status).phrase
        answer = super().answer(response) | {"statusDescription": f"{response.status} {phrase}"}
        if isinstance(self.event.get("multiValueHeaders"), dict):
            headers = _mapping(answer.pop("headers"))
            answer["multiValueHeaders"] = {name: [value] for name, value in headers.items()}
        return answer


class HttpApiEvent(HttpEvent):
    """Payload 2.0. Its raw path holds a named stage, as the public path does."""

    @property
    def method(self) -> str:
        """``POST`` and the like."""
        return _text(_mapping(self._context.get("http")).get("method"))

    @property
    def target(self) -> str:
        """Path and query as they were sent."""
        path, query = self.event.get("rawPath"), self.event.get("rawQueryString")
        return _target(_text(path), _text(query))


def read_event(event: object) -> HttpEvent:
    """The request in ``event``, whatever it is: an unknown shape gives an empty request."""
    fields = _mapping(event)
    context = _mapping(fields.get("requestContext"))
    if "http" in context:
        return HttpApiEvent(fields)
    return LoadBalancerEvent(fields) if "elb" in context else RestApiEvent(fields)


def _target(path: str, query: str) -> str:
    encoded = _quoted(path, _PATH_SAFE)
    if encoded and not encoded.startswith("/"):
        encoded = f"/{encoded}"
    return f"{encoded}?{query}" if query else encoded


def _quoted(text: str, safe: str = "") -> str:
    return quote(text, safe, errors="replace")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(pairs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in pairs.items() if isinstance(value, str))


def _repeated(pairs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, values in pairs.items():
        if isinstance(values, list):
            yield from ((name, value) for value in values if isinstance(value, str))
