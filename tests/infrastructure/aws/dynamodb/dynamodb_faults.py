"""Faults between an adapter and DynamoDB, and a record of the adapter's calls."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ReadTimeoutError
from botocore.httpsession import URLLib3Session

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from mypy_boto3_dynamodb import DynamoDBClient


class StaleIndex:
    """A client whose indexes return nothing for the first ``empty_responses`` queries."""

    def __init__(self, client: "DynamoDBClient", empty_responses: int) -> None:
        self._client = client
        self._empty_responses = empty_responses

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def query(self, **arguments: Any) -> Any:
        if "IndexName" in arguments and self._empty_responses:
            self._empty_responses -= 1
            return {"Items": []}
        return self._client.query(**arguments)


@contextmanager
def recorded_calls(client: "BaseClient", service: str = "dynamodb") -> Iterator[list[str]]:
    """The operations that are called within the block, in order: each is a round trip."""
    calls: list[str] = []

    def record(model: Any, **_: object) -> None:
        calls.append(model.name)

    with _handler(client, f"before-call.{service}", record):
        yield calls


@contextmanager
def first_response_lost(client: "DynamoDBClient", operation: str) -> Iterator[None]:
    """DynamoDB executes the request but its response is lost, so the SDK repeats the request."""
    connections = URLLib3Session()
    lost: list[AWSResponse] = []

    def send(request: AWSPreparedRequest, **_: object) -> None:
        if not lost:
            lost.append(connections.send(request))
            raise ReadTimeoutError(endpoint_url=request.url)

    with _handler(client, f"before-send.dynamodb.{operation}", send):
        yield
    connections.close()
    assert lost


@contextmanager
def every_response(client: "DynamoDBClient", status: int, code: str) -> Iterator[None]:
    """DynamoDB responds to every request with one error."""

    def respond(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        return response(request, status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}"})

    with answering(client, respond):
        yield


def response(request: AWSPreparedRequest, status: int, content: object) -> AWSResponse:
    """A response with ``content`` as JSON."""
    return AWSResponse(request.url, status, HTTPHeaders(), _Raw(json.dumps(content).encode()))


def sent(request: AWSPreparedRequest) -> bytes:
    """The body of a request."""
    assert isinstance(request.body, bytes)
    return request.body


@contextmanager
def answering(client: "BaseClient", respond: Callable[..., AWSResponse | None]) -> Iterator[None]:
    """Every request to a service is answered by ``respond``."""
    with _handler(client, "before-send", respond):
        yield


@contextmanager
def every_call_raises(client: "DynamoDBClient", error: Exception) -> Iterator[None]:
    """DynamoDB cannot be reached."""

    def fail(**_: object) -> None:
        raise error

    with _handler(client, "before-send.dynamodb", fail):
        yield


class _Raw:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: object) -> Iterator[bytes]:
        yield self._content


@contextmanager
def _handler(client: "BaseClient", event: str, handler: Callable[..., Any]) -> Iterator[None]:
    events = client.meta.events
    events.register_first(event, handler)
    try:
        yield
    finally:
        events.unregister(event, handler)
