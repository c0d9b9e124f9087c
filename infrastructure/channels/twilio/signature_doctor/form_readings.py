"""How the bytes of a captured body may become the fields that Twilio has signed."""

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from email import message_from_bytes
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, unquote, unquote_plus

from application.ports.signature_doctor import Capture, Cause
from infrastructure.channels.twilio.signature_doctor.best_first import Variation
from infrastructure.channels.twilio.verification import MAX_FORM_FIELDS, decode_form

Fields = tuple[tuple[str, str], ...]
"""Names and values in their order, with repetitions."""

_CHARSETS = ("latin-1", "cp1252")
_FIELD = re.compile(rb"[\w.%-]+=")
_PLACE = re.compile(rb"(?:From|To|Called|Caller)(?:City|State|Country)=|ProfileName=")
_Reader = Callable[[Capture], Fields | None]


def form_readings(capture: Capture) -> list[Variation[Fields]]:
    """The fields of ``capture``: as Frontdesk reads them, then as a changed body may be read.

    What is no form in one way is left out there.
    """
    return [
        Variation(fields, cost, causes)
        for read, cost, causes in _READERS
        if (fields := _read(read, capture)) is not None
    ]


def account_of(capture: Capture) -> str | None:
    """The account that the form names, in whichever way it can be read; not one of several."""
    for reading in form_readings(capture):
        named = [value for name, value in reading.value if name.lower() == "accountsid"]
        if named:
            return named[0] if len(named) == 1 else None
    return None


def is_cut(capture: Capture) -> bool:
    """Whether the body is shorter than the head of the request says."""
    declared = capture.header("content-length") or ""
    return declared.isdigit() and len(capture.body) < int(declared[:18])


def _read(read: _Reader, capture: Capture) -> Fields | None:
    try:
        fields = read(capture)
        return fields if fields is None or len(fields) <= MAX_FORM_FIELDS else None
    except (ValueError, LookupError, RecursionError):  # whatever the bytes are
        return None


def _as_frontdesk(capture: Capture) -> Fields | None:
    return _strict(capture.body) if capture.body else ()


def _strict(body: bytes) -> Fields:
    form = decode_form(body)
    return tuple((name, value) for name in form for value in form.getall(name))


def _lenient(capture: Capture) -> Fields | None:
    body = capture.body.strip()
    return _pairs(body.decode("utf-8")) if _FIELD.match(body) else None


def _pairs(text: str, charset: str = "utf-8") -> Fields:
    return tuple(parse_qsl(text, keep_blank_values=True, encoding=charset, errors="strict"))


def _without_line_breaks(capture: Capture) -> Fields | None:
    body = capture.body
    return _strict(re.sub(rb"[\r\n]+[ \t]*", b"", body)) if b"\n" in body else None


def _literal_plus(capture: Capture) -> Fields | None:
    return _strict(capture.body.replace(b"+", b"%2B")) if b"+" in capture.body else None


def _literal_plus_but_in_places(capture: Capture) -> Fields | None:
    """Cities have blanks in their names, which are plus signs also where others are literal."""
    if b"+" not in capture.body:
        return None
    fields = [
        field if _PLACE.match(field) else field.replace(b"+", b"%2B")
        for field in capture.body.split(b"&")
    ]
    return _strict(b"&".join(fields))


def _twice(capture: Capture) -> Fields | None:
    fields = _strict(capture.body)
    return tuple((unquote_plus(name), unquote_plus(value)) for name, value in fields)


def _whole_twice(capture: Capture) -> Fields | None:
    return _strict(unquote(capture.body.decode("ascii")).encode()) if capture.body else None


def _half_twice(capture: Capture) -> Fields | None:
    """Escaped again, but for plus signs."""
    return tuple((unquote(name), unquote(value)) for name, value in _strict(capture.body))


def _in_charset(charset: str) -> _Reader:
    def read(capture: Capture) -> Fields | None:
        text = capture.body.decode(charset)
        return _pairs(text, charset) if _FIELD.match(capture.body) else None

    return read


def _with_escaped_ampersands(capture: Capture) -> Fields | None:
    return _strict(capture.body.replace(b"&amp;", b"&")) if b"&amp;" in capture.body else None


def _from_base64(capture: Capture) -> Fields | None:
    text = b"".join(capture.body.strip().strip(b'"').split())
    return _strict(base64.b64decode(text, validate=True)) if text else None


def _from_json(capture: Capture) -> Fields | None:
    value = json.loads(capture.body)
    if isinstance(value, str):
        return _strict(value.encode())
    if not isinstance(value, dict):
        return None
    inner = value.get("body")
    if isinstance(inner, str) and _FIELD.match(inner.encode()):
        return _strict(inner.encode())
    return tuple(_of_mapping(inner if isinstance(inner, dict) else value))


def _of_mapping(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, bool | dict | list):
                yield name, json.dumps(one, separators=(",", ":"), ensure_ascii=False)
            else:
                yield name, "" if one is None else str(one)


def _from_multipart(capture: Capture) -> Fields | None:
    content_type = capture.header("content-type") or ""
    boundary = re.match(rb"--([^\r\n]{1,200})\r?\n", capture.body)
    if boundary is None:
        return None
    if "boundary" not in content_type:
        content_type = f'multipart/form-data; boundary="{boundary[1].decode("ascii")}"'
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = message_from_bytes(head + capture.body, policy=HTTP)
    return tuple(
        (str(name), bytes(part.get_payload(decode=True) or b"").decode("utf-8"))
        for part in message.walk()
        if (name := part.get_param("name", header="content-disposition"))
    )


def _as_encoded(capture: Capture) -> Fields | None:
    """As they stand in the body: so some test tools sign them, and Twilio does not."""
    pairs = (pair.partition("=") for pair in capture.body.decode("utf-8").split("&"))
    return tuple((name, value) for name, _, value in pairs) if b"=" in capture.body else None


def _from_query(capture: Capture) -> Fields | None:
    return _pairs(capture.queries[0]) if capture.queries and capture.queries[0] else None


def _nothing(_: Capture) -> Fields:
    return ()


_READERS: tuple[tuple[_Reader, float, tuple[Cause, ...]], ...] = (
    (_as_frontdesk, 0.0, ()),
    (_literal_plus, 1.0, (Cause.PLUS_SIGNS,)),
    (_literal_plus_but_in_places, 1.0, (Cause.PLUS_SIGNS,)),
    (_lenient, 1.0, (Cause.BODY_ENCODING,)),
    (_from_base64, 1.0, (Cause.BODY_BASE64,)),
    (_from_json, 1.0, (Cause.BODY_TO_JSON,)),
    (_from_multipart, 1.0, (Cause.BODY_TO_MULTIPART,)),
    (_half_twice, 1.05, (Cause.DOUBLE_ENCODING,)),
    (_twice, 1.05, (Cause.DOUBLE_ENCODING,)),
    (_whole_twice, 1.05, (Cause.DOUBLE_ENCODING,)),
    (_with_escaped_ampersands, 1.1, (Cause.ESCAPED_VALUES,)),
    (_without_line_breaks, 1.1, (Cause.BODY_ENCODING,)),
    *((_in_charset(charset), 1.1, (Cause.CHARSET,)) for charset in _CHARSETS),
    (_as_encoded, 1.2, (Cause.SIGNED_OTHERWISE,)),
    (_nothing, 1.2, (Cause.NOT_A_MESSAGE,)),
    (_from_query, 1.2, (Cause.METHOD,)),
)
