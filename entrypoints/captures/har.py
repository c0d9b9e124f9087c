"""HAR files of browsers and proxies, and the JSON of ngrok's inspector.

http://www.softwareishard.com/blog/har-12-spec/
https://ngrok.com/docs/agent/api/#list-captured-requests
"""

import base64
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from application.ports.signature_doctor import Capture
from entrypoints.captures.raw_http import read_raw_http
from entrypoints.captures.requests import CaptureError, RecordedRequest, header_pairs

_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_LOST_BODY = "the HAR file has the parameters of the body, and not its text"


def is_har(value: Mapping[str, Any]) -> bool:
    """Whether ``value`` is the JSON of a HAR file."""
    log = value.get("log")
    return isinstance(log, dict) and isinstance(log.get("entries"), list)


def read_har(value: Mapping[str, Any]) -> Iterator[Capture]:
    """Every request of a HAR file; what is broken is left out."""
    for entry in value["log"]["entries"]:
        request = entry.get("request") if isinstance(entry, dict) else None
        if isinstance(request, dict) and isinstance(request.get("url"), str):
            yield _request(request, entry.get("startedDateTime"))


def _request(request: Mapping[str, Any], started: object) -> Capture:
    headers = request.get("headers")
    listed = [one for one in headers if isinstance(one, dict)] if isinstance(headers, list) else []
    pairs = header_pairs((one.get("name"), one.get("value")) for one in listed)
    data = request.get("postData")
    body, flaw = _body(data if isinstance(data, dict) else {})
    if isinstance(data, dict) and not any(name.lower() == "content-type" for name, _ in pairs):
        pairs += header_pairs([("content-type", data.get("mimeType"))])
    return RecordedRequest(
        tool="HAR",
        method=str(request.get("method", "GET")),
        target=request["url"],
        headers=pairs,
        body=body,
        received_at=_instant(started),
        flaw=flaw,
    ).capture()


def _body(data: Mapping[str, Any]) -> tuple[bytes, str | None]:
    text, params = data.get("text"), data.get("params")
    if isinstance(text, str) and (text or not params):
        if data.get("encoding", data.get("_encoding")) == "base64":
            return from_base64(text, "HAR"), None
        return text.encode("utf-8", "surrogatepass"), None
    if not isinstance(params, list):
        return b"", None
    pairs = [(one.get("name"), one.get("value")) for one in params if isinstance(one, dict)]
    named = [(str(name), str(value or "")) for name, value in pairs if name]
    # Some tools decode the parameters, and some do not.
    is_encoded = any(_ESCAPE.search(value) for _, value in named)
    write = str if is_encoded else quote_plus
    return "&".join(f"{write(name)}={write(value)}" for name, value in named).encode(), _LOST_BODY


def is_ngrok(value: Mapping[str, Any]) -> bool:
    """Whether ``value`` is what ngrok's inspector answers for its requests."""
    return isinstance(value.get("requests"), list) or _raw_of(value) is not None


def read_ngrok(value: Mapping[str, Any]) -> Iterator[Capture]:
    """Every request that ngrok's inspector holds."""
    listed = value.get("requests")
    for entry in listed if isinstance(listed, list) else [value]:
        raw = _raw_of(entry)
        if raw is not None:
            yield read_raw_http(from_base64(raw, "ngrok"))


def _raw_of(entry: object) -> str | None:
    request = entry.get("request") if isinstance(entry, dict) else None
    raw = request.get("raw") if isinstance(request, dict) else None
    return raw if isinstance(raw, str) else None


def from_base64(text: str, tool: str) -> bytes:
    """The bytes in ``text``. Raises ``CaptureError``."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise CaptureError(f"{tool}: the body is marked as base64, and is not") from error


def _instant(text: object) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return instant if instant is None or instant.tzinfo else None
