"""What the head of a request says, read from an ASGI scope."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

SLASH = "\0"
"""Stands in a segment of a path for a slash that was escaped: ids of other systems have some."""

CHANGES = frozenset({"POST", "PUT", "PATCH", "DELETE"})

Head = Mapping[str, Any]
"""An ASGI HTTP scope."""


def headers_named(head: Head, name: str) -> list[str]:
    """The values of every header with this name, which is in lower case."""
    wanted = name.encode()
    return [value.decode("latin-1") for key, value in head["headers"] if key == wanted]


def header(head: Head, name: str) -> str | None:
    """The first header with this name; ``None`` if there is none."""
    return next(iter(headers_named(head, name)), None)


def media_type(head: Head) -> str:
    """The type of the body, without parameters."""
    return (header(head, "content-type") or "").partition(";")[0].strip().lower()


def cookies(head: Head) -> dict[str, str]:
    """The cookies by name. What cannot be read is left out."""
    found: dict[str, str] = {}
    for line in headers_named(head, "cookie"):
        for part in line.split(";"):
            name, _, value = part.strip().partition("=")
            found.setdefault(name, value)
    return found


def is_change(head: Head) -> bool:
    """Whether it asks for more than a look."""
    return head["method"] in CHANGES


def path_of_segments(head: Head) -> str:
    """The decoded path, whose slashes separate segments and nothing else."""
    raw: bytes = head.get("raw_path") or head["path"].encode()
    segments = raw.decode("latin-1").split("/")
    return "/".join(unquote(segment).replace("/", SLASH) for segment in segments)
