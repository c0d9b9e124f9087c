"""Fuzz targets and their first bytes. Every target runs all steps of processing."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults.fuzzed_frontdesk import ENVELOPE, FuzzedFrontDesk, multipart
from tests.faults.in_process import HttpRequest

PAYLOADS = Path(__file__).parents[1] / "payloads"

_VISIBLE = re.compile(r"[\x21-\x7e]*")


@dataclass(frozen=True)
class Target:
    """Takes any bytes; raises if the status is not an allowed one."""

    post: Callable[[FuzzedFrontDesk, bytes], object]
    seeds: Callable[[], Iterator[bytes]]


def _post_form(frontdesk: FuzzedFrontDesk, data: bytes) -> None:
    frontdesk.post_form(data)


def _post_mail_form(frontdesk: FuzzedFrontDesk, data: bytes) -> None:
    frontdesk.post_multipart(data)


def _post_raw_mail(frontdesk: FuzzedFrontDesk, data: bytes) -> None:
    frontdesk.post_raw_mail(data)


def _invoke_event(frontdesk: FuzzedFrontDesk, data: bytes) -> None:
    """Lines of changes to an event: a dotted path, a tab, and JSON or text."""
    number, *lines = data.decode("utf-8", "replace").split("\n")
    shapes = sorted((PAYLOADS / "aws").glob("*.json"))
    event: dict[str, object] = json.loads(shapes[len(number) % len(shapes)].read_bytes())
    for line in lines:
        path, _, text = line.partition("\t")
        _change(event, path.split("."), text)
    frontdesk.invoke(event)


def _change(event: dict[str, object], path: list[str], text: str) -> None:
    for key in path[:-1]:
        inner = event.get(key)
        if not isinstance(inner, dict):
            return
        event = inner
    try:
        event[path[-1]] = json.loads(text)
    except (ValueError, RecursionError):
        event[path[-1]] = text


def _post_request(frontdesk: FuzzedFrontDesk, data: bytes) -> None:
    """Lines of target, method, host and headers, an empty line, the body."""
    head, _, body = data.partition(b"\n\n")
    lines = head.decode("latin-1").split("\n")
    target, method, host = (lines + [""] * 3)[:3]
    if not _VISIBLE.fullmatch(target):
        return  # the HTTP parser of the server refuses it
    pairs = [line.partition(":") for line in lines[3:]]
    headers = tuple((name.lower(), value.strip()) for name, _, value in pairs)
    frontdesk.post(HttpRequest(f"/{target}", body, headers, host=host, method=method))


def _files(folder: str, pattern: str) -> Iterator[bytes]:
    return (path.read_bytes() for path in sorted((PAYLOADS / folder).rglob(pattern)))


def _mail_forms() -> Iterator[bytes]:
    yield from _files("sendgrid", "*.multipart")
    yield multipart(email=b"From: ana@example.com\r\n\r\nHi", envelope=ENVELOPE)


def _events() -> Iterator[bytes]:
    context = ["requestContext.path\t/x/sms", "requestContext.http.method\tPOST", "path\t/sms"]
    lines = [*context, "httpMethod\tPOST", "rawPath\t/v1/email", "body\tQm9keT1IaQ=="]
    more = ["isBase64Encoded\ttrue", 'headers\t{"host": "a"}', 'multiValueHeaders.a\t["b"]']
    for shape in range(7):
        yield "\n".join(["x" * shape, *lines, *more, "rawQueryString\ta=1&b"]).encode()


def _requests() -> Iterator[bytes]:
    for channel in ("sms", "whatsapp", "email"):
        head = f"webhooks/{channel}?a=1\nPOST\nhooks.example.com\ncontent-type: text/plain"
        yield f"{head}\nx-twilio-signature: x\nauthorization: Basic eDp5\n\nBody=Hi".encode()


TARGETS = {
    "twilio_form": Target(_post_form, lambda: _files("twilio", "*.form")),
    "mail_form": Target(_post_mail_form, _mail_forms),
    "raw_mail": Target(_post_raw_mail, lambda: _files("automated_mail", "*.eml")),
    "lambda_event": Target(_invoke_event, _events),
    "http_request": Target(_post_request, _requests),
}
