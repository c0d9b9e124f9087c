"""Which picture some bytes begin. Browsers show these four and run nothing in them."""

import re

FIRST_BYTES = 16
"""How many bytes tell the type."""

_BEGINNINGS = {
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"),
    "image/jpeg": re.compile(rb"\xff\xd8\xff[\xc0-\xfe]"),
    "image/gif": re.compile(rb"GIF8[79]a"),
    "image/webp": re.compile(rb"RIFF.{4}WEBPVP8[ LX]", re.DOTALL),
}
"""PNG 5.2 and 11.2.2, JPEG B.1.1.3, GIF89a 17, and Google's WebP Container Specification."""


def image_type(first_bytes: bytes) -> str | None:
    """The media type of a PNG, JPEG, GIF or WebP that begins so; ``None`` for anything else."""
    found = (name for name, beginning in _BEGINNINGS.items() if beginning.match(first_bytes))
    return next(found, None)
