"""Webhooks as a part of JSON documents, which people can read as well."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any, TypeVar

from application.ports.webhook_parser import VerifiedWebhook, WebhookRequest
from domain.channels import ChannelType
from domain.times import parse_rfc3339, rfc3339

Document = TypeVar("Document")

VERSION = 1
"""The form of documents that hold a webhook: each says it under ``version``."""


def read_document(
    text: str | bytes,
    name: str,
    build: Callable[[Any], Document],
) -> Document:
    """What ``build`` makes of a JSON document of this version.

    For anything else a ``ValueError`` that says what it is, and nothing of its content.
    """
    try:
        content = json.loads(text)
        if "version" not in content:
            problem = f"the old form of a {name}, of an unreleased version"
        elif content["version"] != VERSION:
            problem = f"a {name} of another version"
        else:
            return build(content)
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"not a {name}, or a part of it is missing") from error
    raise ValueError(problem)


def webhook_to_json(
    webhook: VerifiedWebhook, *, request_reference: str | None = None
) -> dict[str, object]:
    """A webhook with its request complete, or with a reference instead of it."""
    content = {"channel": webhook.channel, "account": webhook.account, "id": webhook.id}
    if request_reference is not None:
        return {**content, "request_reference": request_reference}
    return {**content, "request": request_to_json(webhook.request)}


def webhook_from_json(
    content: Any,  # noqa: ANN401 - whatever was in the document
    read_reference: Callable[[str], bytes] | None = None,
) -> VerifiedWebhook:
    """What ``webhook_to_json`` wrote; ``LookupError``, ``TypeError``, ``ValueError`` otherwise.

    A request that lies elsewhere is the JSON that ``read_reference`` returns, or raises for.
    """
    if read_reference is not None and "request_reference" in content:
        request = json.loads(read_reference(str(content["request_reference"])))
    else:
        request = content["request"]
    return VerifiedWebhook(
        channel=ChannelType(content["channel"]),
        account=content["account"],
        request=_request_from_json(request),
        id=content["id"],
    )


def request_to_json(request: WebhookRequest) -> dict[str, object]:
    """A request complete; its body, which may be anything, in base64."""
    return {
        "method": request.method,
        "url": request.url,
        "headers": request.headers,
        "body_base64": b64encode(request.body).decode(),
        "received_at": rfc3339(request.received_at),
    }


def _request_from_json(content: Any) -> WebhookRequest:  # noqa: ANN401 - as above
    return WebhookRequest(
        method=content["method"],
        url=content["url"],
        headers=tuple((name, value) for name, value in content["headers"]),
        body=b64decode(content["body_base64"]),
        received_at=parse_rfc3339(content["received_at"]),
    )
