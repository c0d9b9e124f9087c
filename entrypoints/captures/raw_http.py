"""Raw HTTP: a request line, headers, an empty line, the body; as proxies and inspectors show it."""

import re

from application.ports.signature_doctor import Capture
from entrypoints.captures.requests import CaptureError, RecordedRequest

MAX_HEAD_BYTES = 256 * 1024

REQUEST_LINE = re.compile(rb"\A\s*([A-Za-z]{3,10})[ \t]+(\S+)(?:[ \t]+HTTP/[0-9.]+)?[ \t]*\r?\n?")
_PSEUDO_HEADERS = re.compile(rb"(?=:[a-z]+:)")
_END_OF_HEAD = re.compile(rb"\r?\n[ \t]*\r?\n")
_HEADER = re.compile(r"(:?[A-Za-z0-9_.-]+)[ \t]*:[ \t]*(.*)")
_CHUNK_SIZE = re.compile(rb"([0-9a-fA-F]{1,8})[^\r\n]*\r?\n")


def looks_raw(text: bytes) -> bool:
    """Whether ``text`` begins with a request line."""
    line = REQUEST_LINE.match(text)
    if text.startswith(b":"):
        return True
    return line is not None and (line[2].startswith(b"/") or b"://" in line[2])


def read_raw_http(text: bytes) -> Capture:
    """The one request in ``text``. Raises ``CaptureError``."""
    line = REQUEST_LINE.match(text) or _PSEUDO_HEADERS.match(text)
    if line is None:
        raise CaptureError("raw HTTP: the first line is no request line like 'POST /path HTTP/1.1'")
    end = _END_OF_HEAD.search(text, max(0, line.end() - 2))
    head, body = (
        (text[line.end() : end.start()], text[end.end() :]) if end else (text[line.end() :], b"")
    )
    if len(head) > MAX_HEAD_BYTES:
        raise CaptureError(f"raw HTTP: the headers are over {MAX_HEAD_BYTES // 1024} KiB")
    headers = _headers(head.decode("utf-8", "replace"))
    if any(name.lower() == "transfer-encoding" and "chunked" in value for name, value in headers):
        body = _without_chunks(body)
    if line.re is REQUEST_LINE:
        method, target = line[1].decode("latin-1"), line[2].decode("latin-1")
    else:
        method, target = _pseudo(headers, ":method"), _pseudo(headers, ":path")
    return RecordedRequest("raw HTTP", method, target, headers, body).capture()


def _pseudo(headers: list[tuple[str, str]], name: str) -> str:
    """A pseudo header of HTTP/2, as the tools of browsers show it."""
    value = next((value for key, value in headers if key == name), "")
    if not value:
        raise CaptureError(f"raw HTTP: the request has no {name}")
    return value


def _headers(head: str) -> list[tuple[str, str]]:
    headers: list[tuple[str, str]] = []
    for line in re.sub(r"\r?\n[ \t]+(?=\S)", " ", head).splitlines():
        if found := _HEADER.fullmatch(line.strip()):
            headers.append((found[1], found[2].strip()))
        elif line.strip():
            raise CaptureError(f"raw HTTP: line {len(headers) + 2} is no header like 'Name: value'")
    return headers


def _without_chunks(body: bytes) -> bytes:
    """The content of a chunked body; ``body`` itself where the tool has done that already."""
    parts: list[bytes] = []
    at = 0
    while size := _CHUNK_SIZE.match(body, at):
        length, start = int(size[1], 16), size.end()
        if length == 0:
            return b"".join(parts)
        parts.append(body[start : start + length])
        at = start + length
        at += 2 if body[at : at + 2] == b"\r\n" else 1
    return body
