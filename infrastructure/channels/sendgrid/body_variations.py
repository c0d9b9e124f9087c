"""The bytes that SendGrid may have signed where others were captured."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator

from application.ports.signature_doctor import Capture, Cause

MAX_BYTES_OF_TWO_CHANGES = 1024 * 1024

_CR_LF = b"\r\n"
_REPLACEMENT_CHARACTER = b"\xef\xbf\xbd"
_BOUNDARY = re.compile(r'boundary="?([^";,]+)')
_OTHER_CHARSET = re.compile(rb'"(?:text|html)" ?: ?"(?!(?i:utf-8|us-ascii))[A-Za-z]')
_Change = Callable[[bytes], bytes]


def body_variations(capture: Capture) -> Iterator[tuple[bytes, tuple[Cause, ...]]]:
    """The body as it is, then changed in one way, then in two; each only once.

    A large one is changed in one way only: there are some 200 pairs, and each is a copy.
    """
    seen = {_digest(capture.body)}
    yield capture.body, ()
    is_small = len(capture.body) <= MAX_BYTES_OF_TWO_CHANGES
    changed = []
    for body, cause in _new(capture.body, seen):
        yield body, (cause,)
        if is_small:
            changed.append((body, cause))
    for first, first_cause in changed:
        for body, cause in _new(first, seen):
            yield body, tuple(dict.fromkeys((first_cause, cause)))


def _new(body: bytes, seen: set[bytes]) -> Iterator[tuple[bytes, Cause]]:
    """What ``body`` may have been that is not ``seen`` yet."""
    for changed, cause in _changed(body):
        digest = _digest(changed)
        if digest not in seen:
            seen.add(digest)
            yield changed, cause


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def _changed(body: bytes) -> Iterator[tuple[bytes, Cause]]:
    for change, cause in _CHANGES:
        try:
            yield change(body), cause
        except ValueError:  # these bytes cannot have become so
            continue


def _from_base64(body: bytes) -> bytes:
    return base64.b64decode(body.translate(None, b'" \t\r\n'), validate=True)


def _from_json_text(body: bytes) -> bytes:
    """The body as a text in JSON, which a log or a function has made of it."""
    import json

    text = json.loads(body)
    if not isinstance(text, str):
        raise ValueError("no text")  # noqa: TRY004 - a wrong value
    return text.encode()


def _recoded(read: str, write: str) -> _Change:
    return lambda body: body.decode(read).encode(write)


_CHANGES: tuple[tuple[_Change, Cause], ...] = (
    (lambda body: body.replace(_CR_LF, b"\n").replace(b"\n", _CR_LF), Cause.LINE_BREAKS),
    (lambda body: body.replace(_CR_LF, b"\n"), Cause.LINE_BREAKS),
    (lambda body: body + _CR_LF, Cause.LINE_BREAKS),
    (lambda body: body + b"\n", Cause.LINE_BREAKS),
    (lambda body: body.removesuffix(_CR_LF), Cause.LINE_BREAKS),
    (lambda body: body.removesuffix(b"\n"), Cause.LINE_BREAKS),
    (_from_base64, Cause.BODY_BASE64),
    (_from_json_text, Cause.BODY_DECODED),
    (_recoded("utf-8", "latin-1"), Cause.BODY_DECODED),
    (_recoded("utf-8", "cp1252"), Cause.BODY_DECODED),
    (_recoded("latin-1", "utf-8"), Cause.BODY_DECODED),
    (_recoded("cp1252", "utf-8"), Cause.BODY_DECODED),
    (lambda body: body.removeprefix(b"\xef\xbb\xbf"), Cause.BODY_DECODED),
    (lambda body: body.replace(b"\\r\\n", _CR_LF), Cause.BODY_DECODED),
)


def damage(capture: Capture) -> tuple[Cause, ...]:
    """What has certainly happened to a body that cannot be put right."""
    declared = capture.header("content-length") or ""
    content_type = capture.header("content-type") or ""
    boundary = _BOUNDARY.search(content_type)
    if not capture.body:
        return (Cause.BODY_MISSING,)
    if declared.isdigit() and len(capture.body) < int(declared[:18]):
        return (Cause.BODY_CUT,)
    if _was_decoded(capture.body):
        return (Cause.BODY_DECODED,)
    is_rebuilt = (
        "multipart/form-data" not in content_type.lower()
        or (boundary and boundary[1].encode("latin-1", "replace") not in capture.body)
        or capture.flaw
    )
    return (Cause.BODY_REBUILT,) if is_rebuilt else ()


def has_replacement_characters(body: bytes) -> bool:
    """Whether ``body`` has U+FFFD, which an author hardly ever writes."""
    return _REPLACEMENT_CHARACTER in body


def _was_decoded(body: bytes) -> bool:
    """Whether replacement characters stand where there never were any.

    An author may have written one. But no picture begins with it, and a text in another
    character set than UTF-8 is no UTF-8 as a whole.
    """
    if not has_replacement_characters(body):
        return False
    if b"\r\n\r\n" + _REPLACEMENT_CHARACTER + b"PNG" in body:
        return True
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return _OTHER_CHARSET.search(body) is not None
