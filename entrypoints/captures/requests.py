"""What every reader of captures makes: a request in one form."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from application.ports.signature_doctor import Capture
from domain.errors import PermanentError
from entrypoints.public_urls import sent_queries

MAX_URL_CHARACTERS = 16_384
FORM = "application/x-www-form-urlencoded"


class CaptureError(PermanentError):
    """The text is no capture that can be read. The message says why, on one line."""


@dataclass
class RecordedRequest:
    """A request in parts, as a tool shows it.

    ``target`` is a path with a query, or a whole URL. ``origin`` is used where ``target`` has
    none: the scheme that the tool shows, and the ``Host`` header. ``tool`` names the form.
    """

    tool: str
    method: str
    target: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    scheme: str = "http"
    received_at: datetime | None = None
    flaw: str | None = None

    def capture(self) -> Capture:
        """The capture. Raises ``CaptureError`` where no host is to be found."""
        headers = tuple((name.lower().strip(), value) for name, value in self.headers)
        named = dict(reversed(headers))
        if len(self.target) > MAX_URL_CHARACTERS:
            raise CaptureError(f"{self.tool}: the URL has over {MAX_URL_CHARACTERS} characters")
        target = printable_ascii(self.target.partition("#")[0])
        scheme, mark, rest = target.partition("://")
        is_whole = bool(mark) and "/" not in scheme and "?" not in scheme
        if not is_whole:
            scheme, rest = named.get(":scheme", self.scheme), target
        authority, path = _split(rest) if is_whole else ("", rest)
        authority = authority.rpartition("@")[2]
        # What arrives is the header: a client may connect to one host and name another.
        host = named.get("host") or named.get(":authority") or authority
        if not host:
            raise CaptureError(
                f"{self.tool}: the request has neither a whole URL nor a Host header"
            )
        path, mark, query = path.partition("?")
        path = path or "/"
        method = self.method.upper()
        return Capture(
            title=f"{self.tool}: {method} {scheme.lower()}://{printable_ascii(host)}{path}",
            method=method,
            origin=f"{scheme.lower()}://{printable_ascii(host)}",
            path=path if path.startswith("/") else f"/{path}",
            queries=sent_queries(query) if mark else ("",),
            headers=headers,
            body=trimmed_form(self.body, named),
            hosts=(authority,) if authority and authority != host else (),
            received_at=self.received_at,
            flaw=self.flaw,
        )


def _split(rest: str) -> tuple[str, str]:
    """The authority, and the path with the query."""
    ends = [at for mark in "/?" if (at := rest.find(mark)) != -1]
    end = min(ends, default=len(rest))
    return rest[:end], rest[end:]


def printable_ascii(text: str) -> str:
    """``text`` as it stands in a request line: characters beyond ASCII are escaped."""
    return "".join(
        one
        if "!" <= one <= "~"
        else "".join(f"%{byte:02X}" for byte in one.encode("utf-8", "replace"))
        for one in text.strip()
    )


def trimmed_form(body: bytes, headers: dict[str, str]) -> bytes:
    """``body`` without what an editor has added at its end.

    A form has no line break there. Any other body is cut to its ``Content-Length``, if only
    line breaks follow.
    """
    if headers.get("content-type", "").lower().startswith(FORM):
        return body.rstrip(b"\r\n")
    declared = headers.get("content-length", "")
    length = int(declared) if declared.isdigit() and len(declared) < 12 else len(body)  # noqa: PLR2004 - digits of a length
    return body[:length] if not body[length:].strip(b"\r\n") else body


def header_pairs(values: Iterable[tuple[object, object]]) -> list[tuple[str, str]]:
    """Names and values that are text; a value may be a list of them."""
    return [
        (name, one)
        for name, value in values
        if isinstance(name, str)
        for one in (value if isinstance(value, list) else [value])
        if isinstance(one, str)
    ]
