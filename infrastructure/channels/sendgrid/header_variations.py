"""The signature, time and password that a captured mail may have had in its headers."""

import base64
import re
from collections.abc import Iterator, Sequence
from urllib.parse import quote, unquote

from application.ports.signature_doctor import Capture, Cause
from infrastructure.channels.sendgrid.verification import (
    AUTHORIZATION_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    basic_credentials,
)

_BASE64 = re.compile(r"[A-Za-z0-9+/]{80,120}={0,2}")
_TIMESTAMP = re.compile(r"[0-9]{10}")


def signature_variations(capture: Capture) -> Iterator[tuple[bytes, tuple[Cause, ...]]]:
    """The signatures, in DER, each with what was done to its header."""
    named = [value for name, value in capture.headers if name == SIGNATURE_HEADER]
    repeated = (Cause.SIGNATURE_REPEATED,) if len(named) > 1 else ()
    for value in named:
        text = unquote(value.strip().strip("\"'")).replace(" ", "+")
        text = text.replace("-", "+").replace("_", "/")
        causes = repeated if text == value else (*repeated, Cause.SIGNATURE_ALTERED)
        yield from ((der, causes) for der in _der(text))
    if not named:
        for name, value in capture.headers:
            if "signature" in name or (_BASE64.fullmatch(value) and value.startswith("ME")):
                yield from ((der, (Cause.SIGNATURE_RENAMED,)) for der in _der(value.strip()))


def _der(text: str) -> Iterator[bytes]:
    try:
        yield base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        return


def timestamp_variations(capture: Capture) -> Iterator[tuple[str, tuple[Cause, ...]]]:
    """The timestamps, ten digits, each with what was done to its header."""
    named = [value for name, value in capture.headers if name == TIMESTAMP_HEADER]
    for value in named:
        if _TIMESTAMP.fullmatch(value):
            yield value, ()
        elif found := _TIMESTAMP.search(value):
            yield found[0], (Cause.TIMESTAMP_ALTERED,)
    if not named:
        for name, value in capture.headers:
            if "timestamp" in name and _TIMESTAMP.fullmatch(value.strip()):
                yield value.strip(), (Cause.TIMESTAMP_ALTERED,)


def basic_auth_causes(capture: Capture, pairs: Sequence[bytes]) -> Iterator[Cause]:
    """What is wrong with the ``Authorization`` header, where one of ``pairs`` must be in it."""
    header = capture.header(AUTHORIZATION_HEADER)
    given = basic_credentials(header)
    if header is None:
        yield Cause.BASIC_AUTH_MISSING
    elif given in pairs:
        return
    elif given is not None and any(_is_spelled_otherwise(given, pair) for pair in pairs):
        yield Cause.BASIC_AUTH_SPELLING
    else:
        yield Cause.BASIC_AUTH_WRONG


def _is_spelled_otherwise(given: bytes, pair: bytes) -> bool:
    text, other = (one.decode("utf-8", "replace") for one in (given, pair))
    return other in {
        unquote(text),
        quote(text, ":"),
        text.strip(),
        text.strip().strip("\"'"),
    } or text in {unquote(other), other.strip("\"'")}
