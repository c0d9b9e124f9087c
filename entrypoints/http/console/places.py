"""Where the pages are."""

from urllib.parse import quote

from domain.channels import ChannelType
from entrypoints.http.access.bounded import BODY_BYTES
from entrypoints.http.access.request_heads import Head, is_change, path_of_segments

SIGNATURE = "/signature"
SIMULATOR = "/simulator"
"""For development alone."""

PLACES = (
    "/overview",
    "/conversations",
    "/messages",
    "/trace",
    "/unmatched",
    "/dead-letters",
    "/queues",
    "/refusals",
    "/checks",
    SIGNATURE,
    SIMULATOR,
)
"""Below each of these the console answers, beside the overview at ``/``."""

CAPTURE_BYTES = 2 * 1024 * 1024
"""How large the form for a signature may be: a capture holds a whole mail."""


def body_bytes(path: str) -> int:
    """How large the body of a request for a page may be."""
    return CAPTURE_BYTES if path == SIGNATURE else BODY_BYTES


_LOOKS = frozenset({SIGNATURE})
"""The forms of these pages change nothing: what they ask about is too long for an address."""


def changes_something(head: Head) -> bool:
    """Whether a request asks for more than a look."""
    return is_change(head) and path_of_segments(head) not in _LOOKS


def segment(text: str) -> str:
    """``text`` as one segment of a path."""
    return quote(text, safe="")


def conversation_page(channel: ChannelType, conversation_id: str) -> str:
    """The page of a conversation."""
    return f"/conversations/{channel}/{segment(conversation_id)}"


def trace_page(subject: str) -> str:
    """The page of a trace."""
    return f"/trace?subject={segment(subject)}"
