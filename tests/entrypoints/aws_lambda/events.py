"""Lambda events of every shape, made from recorded files by the rules of each AWS service."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from infrastructure.channels.provider import SimulatedRequest

PAYLOADS = Path(__file__).parents[2] / "payloads" / "aws"

PUBLIC_URLS = {
    "rest_api_stage": "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/prod/webhooks/",
    "rest_api_custom_domain": "https://hooks.acme.example/desk/webhooks/",
    "http_api_default_stage": (
        "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/webhooks/"
    ),
    "http_api_named_stage": (
        "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/live/webhooks/"
    ),
    "function_url": (
        "https://abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws/webhooks/"
    ),
    "load_balancer": "https://desk.acme.example/webhooks/",
    "load_balancer_multi_value": "https://desk.acme.example/webhooks/",
}
"""The URL prefix that a provider posts to for each shape; the channel follows it."""

SHAPES = tuple(PUBLIC_URLS)


def an_event(
    shape: str, request: SimulatedRequest, *, method: str = "POST", as_base64: bool = True
) -> dict[str, Any]:
    """The event of ``shape`` that carries ``request`` to the function."""
    parts = urlsplit(request.url)
    body = base64.b64encode(request.body).decode() if as_base64 else request.body.decode()
    values = {"channel": parts.path.rpartition("/")[2], "method": method, "body": body}
    event: dict[str, Any] = _filled(json.loads((PAYLOADS / f"{shape}.json").read_text()), values)
    event["isBase64Encoded"] = as_base64
    _add_headers(event, request.headers, lower=not shape.startswith("rest_api"))
    if parts.query:
        _add_query(event, shape, parts.query)
    return event


def _filled(node: Any, values: dict[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value, values) for key, value in node.items()}
    if isinstance(node, str):
        for name, value in values.items():
            node = node.replace(f"{{{name}}}", value)
    return node


def _add_headers(event: dict[str, Any], headers: dict[str, str], *, lower: bool) -> None:
    for name, value in headers.items():
        key = name.lower() if lower else name
        if "headers" in event:
            event["headers"][key] = value
        if "multiValueHeaders" in event:
            event["multiValueHeaders"][key] = [value]


def _add_query(event: dict[str, Any], shape: str, query: str) -> None:
    if "rawQueryString" in event:
        event["rawQueryString"] = query
        return
    if shape.startswith("rest_api"):
        several = parse_qs(query, keep_blank_values=True)
    else:
        several = {}
        for name, _, value in (pair.partition("=") for pair in query.split("&")):
            several.setdefault(name, []).append(value)
    if "queryStringParameters" in event:
        event["queryStringParameters"] = {name: values[-1] for name, values in several.items()}
    if "multiValueQueryStringParameters" in event:
        event["multiValueQueryStringParameters"] = several
