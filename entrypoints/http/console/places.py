"""Where the pages are."""

from entrypoints.http.access.request_heads import Head, is_change, path_of_segments

SIGNATURE = "/signature"

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
    "/simulator",
)
"""Below each of these the console answers, beside the overview at ``/``."""

BODY_BYTES = {SIGNATURE: 2 * 1024 * 1024}
"""How large the forms of these pages may be: a capture holds a whole mail."""

_LOOKS = frozenset({SIGNATURE})
"""The forms of these pages change nothing: what they ask about is too long for an address."""


def changes_something(head: Head) -> bool:
    """Whether a request asks for more than a look."""
    return is_change(head) and path_of_segments(head) not in _LOOKS
