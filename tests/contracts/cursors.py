"""Texts that are no cursor of any list."""

from base64 import urlsafe_b64encode

WRONG_CURSORS = (
    "",
    "unknown",
    "2026-03-04T12:00:00.250000Z",
    "\ud800",
    "x" * 100_000,
    urlsafe_b64encode(b"[" * 5_000).decode(),
    urlsafe_b64encode(b'["another list","a","b","c"]').decode(),
    urlsafe_b64encode(b"7").decode(),
)
