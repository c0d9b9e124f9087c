"""Captures in any of the forms that are known, told apart by how they begin."""

import json
from typing import Any

from application.ports.signature_doctor import Capture
from entrypoints.captures.curl import looks_like_curl, read_curl
from entrypoints.captures.har import is_har, is_ngrok, read_har, read_ngrok
from entrypoints.captures.lambda_events import is_event, read_lambda_event
from entrypoints.captures.raw_http import looks_raw, read_raw_http
from entrypoints.captures.requests import CaptureError

MAX_CAPTURE_BYTES = 64 * 1024 * 1024
"""A mail of 30 MB in base64, and something to spare."""

MAX_REQUESTS = 1_000
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_KNOWN = "a HAR file, a curl command, raw HTTP, or the event of a Lambda function"


def read_captures(content: bytes, body_file: bytes | None = None) -> tuple[Capture, ...]:
    """Every request in ``content``, in its order; at most 1,000.

    ``body_file`` is the body of a curl command that names a file for it. Raises
    ``CaptureError``, with a message of one line, for what is no capture or too large.
    """
    if max(len(content), len(body_file or b"")) > MAX_CAPTURE_BYTES:
        raise CaptureError(f"the capture is larger than {MAX_CAPTURE_BYTES // 2**20} MiB")
    text = content.removeprefix(_BYTE_ORDER_MARK).lstrip()
    if not text:
        raise CaptureError("the capture is empty")
    if text[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return read_captures(_from_utf16(text), body_file)
    if text[:1] in {b"{", b"["}:
        captures = _read_json(text)
    elif looks_like_curl(head := text[:200].decode("utf-8", "replace")):
        captures = (read_curl(text.decode("utf-8", "surrogateescape"), body_file),)
    elif looks_raw(text):
        captures = (read_raw_http(text),)
    else:
        hint = (
            "; PowerShell and fetch() are not read" if "fetch(" in head or "Invoke-" in head else ""
        )
        raise CaptureError(f"this is no capture that can be read: give {_KNOWN}{hint}")
    if not captures:
        raise CaptureError("the capture has no request")
    return captures[:MAX_REQUESTS]


def _from_utf16(text: bytes) -> bytes:
    try:
        return text.decode("utf-16").encode()
    except UnicodeError as error:
        raise CaptureError("the capture is damaged: it begins as UTF-16 and is not") from error


def _read_json(text: bytes) -> tuple[Capture, ...]:
    try:
        value: Any = json.loads(text)
    except RecursionError as error:
        raise CaptureError("the JSON of the capture is nested too deeply") from error
    except ValueError as error:
        raise CaptureError("the capture begins like JSON, and is damaged or cut off") from error
    if isinstance(value, list):
        return tuple(
            read_lambda_event(one) for one in value if isinstance(one, dict) and is_event(one)
        )
    if is_har(value):
        return tuple(read_har(value))
    if is_event(value):
        return (read_lambda_event(value),)
    if is_ngrok(value):
        return tuple(read_ngrok(value))
    inner = value.get("event")
    if isinstance(inner, dict) and is_event(inner):
        return (read_lambda_event(inner),)
    raise CaptureError(f"this JSON has no request that can be read: give {_KNOWN}")
