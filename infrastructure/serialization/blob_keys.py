"""Keys of blobs and dead letters, the same for every backend."""

import re

_KEY = re.compile(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*")


def is_key(text: str) -> bool:
    """Whether ``text`` is made of letters, digits, ``-`` and ``_``, in parts between ``/``.

    Neither dots nor empty parts: such a key cannot lead anywhere else as a path or in a URL.
    """
    return _KEY.fullmatch(text) is not None


def checked_key(text: str) -> str:
    """``text`` if it is a key; else ``ValueError``, for only a programming error makes others."""
    if not is_key(text):
        raise ValueError("a key has letters, digits, '-', '_' and '/' between its parts")
    return text


def key_of(reference: str, base: str) -> str:
    """The key behind ``base`` in ``reference``; ``KeyError`` if the reference is not of it."""
    key = reference.removeprefix(base)
    if key == reference or not is_key(key):
        raise KeyError(reference)
    return key
