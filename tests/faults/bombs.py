"""The largest and hardest requests within the limits, each posted by a process of its own.

``python -m tests.faults.bombs`` reads their names, one a line. For each it prints the status, and
the time and memory that the request added to those of the process.
"""

import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from urllib.parse import quote

from tests.faults.fuzzed_frontdesk import (
    ACCOUNT_SID,
    ENVELOPE,
    FuzzedFrontDesk,
    fuzzed_frontdesk,
    multipart,
    signed_form,
    signed_mail,
)

MEBIBYTE = 1024 * 1024
LARGEST_FORM = MEBIBYTE
LARGEST_MAIL = 32 * MEBIBYTE - 2_000
"""Leaves space for the other form fields."""

HEAD = b"From: ana@example.com\r\nTo: help@acme.example\r\nSubject: Hi\r\n"
MIXED = HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
_FORM_START = (
    f"MessageSid=SM{'1' * 32}&AccountSid={ACCOUNT_SID}&From=%2B14155550123&To=%2B15005550006"
).encode()


@dataclass(frozen=True)
class Damage:
    """The cost of a request: CPU seconds, and growth of the peak resident memory."""

    status: int
    seconds: float
    mebibytes: float


def _filled(piece: bytes, size_bytes: int = LARGEST_MAIL) -> bytes:
    return piece * (size_bytes // len(piece))


def _form(name: bytes, piece: str, *, times: int = 1) -> bytes:
    room = (LARGEST_FORM - len(_FORM_START)) // times - len(name) - 6
    value = piece.encode() * (room // len(piece))
    fields = (b"&%s%d=%s" % (name, number, value) for number in range(1, times))
    return b"".join((_FORM_START, b"&", name, b"=", value, *fields))


def _parsed(**fields: bytes) -> bytes:
    return multipart(headers=HEAD, envelope=ENVELOPE, **fields)


def _raw(raw: bytes) -> bytes:
    return multipart(email=raw, envelope=ENVELOPE)


def _nested(levels: int) -> bytes:
    return HEAD + b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (level, level)
        for level in range(levels)
    )


def _parts(count: int, head: bytes, content: bytes) -> bytes:
    return MIXED + (b"--b\r\n" + head + b"\r\n\r\n" + content + b"\r\n") * count + b"--b--"


def _to_many(count: int, text: bytes) -> bytes:
    to = [f"help{number}@acme.example" for number in range(count)]
    envelope = json.dumps({"to": to, "from": "ana@example.com"}).encode()
    return multipart(headers=HEAD, envelope=envelope, text=text)


def _in_charset(charset: bytes, piece: bytes) -> bytes:
    return _parsed(charsets=b'{"text": "%s"}' % charset, text=_filled(piece))


FORMS: dict[str, Callable[[], bytes]] = {
    "a long text of escapes": lambda: _form(b"Body", "%F0%9F%98%80"),
    "a text of addresses": lambda: _form(b"Body", "From%2B14155550123"),
    "a text of one endless address": lambda: _form(b"Body", "Fromrcs:"),
    "490 media": lambda: _form(b"MediaUrl", "0https:", times=490),
    "nested JSON": lambda: _form(b"AddOns", "%5B"),
    "wide JSON": lambda: _FORM_START + b"&AddOns=" + quote("[" + "[]," * 100_000 + "[]]").encode(),
}
MAILS: dict[str, Callable[[], bytes]] = {
    "a text of smileys": lambda: _parsed(text=_filled("😀".encode())),
    "a text with one smiley": lambda: _parsed(text="😀".encode() + _filled(b"Hello world. ")),
    "a text of nulls": lambda: _parsed(text=_filled(b"\0")),
    "a text in broken UTF-8": lambda: _parsed(text=_filled(b"\xff")),
    "a text of carriage returns": lambda: _parsed(text=_filled(b"\r")),
    "a text of quotation marks": lambda: _parsed(text=_filled(b'"\\')),
    "a text in GB18030": lambda: _in_charset(b"gb18030", b"\x94\x39\xda\x33"),
    "a page of tags": lambda: _parsed(html=_filled(b"<b>")),
    "a page with one smiley": lambda: _parsed(html="😀".encode() + _filled(b"<p>Hello</p>")),
    "a page of entities": lambda: _parsed(html=_filled(b"&amp;")),
    "a page of pictures": lambda: _parsed(html=_filled(b"<img src=cid:a>")),
    "50 recipients": lambda: _to_many(50, _filled(b"a", 640_000)),
    "a raw file in base64": lambda: _raw(
        HEAD
        + b"Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + _filled(b"A" * 76 + b"\r\n")
    ),
    "a raw text in base64": lambda: _raw(
        HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + _filled(b"QUFB" * 19 + b"\r\n")
    ),
    "a raw text in quoted-printable": lambda: _raw(
        HEAD
        + b"Content-Type: text/plain; charset=utf-8\r\n"
        + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        + _filled(b"=F0=9F=98=80")
    ),
    "a raw text with one smiley": lambda: _raw(
        HEAD + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + "😀".encode() + _filled(b"Hi. ")
    ),
    "49 levels": lambda: _raw(_nested(49) + b"\r\n" + _filled(b"x\r\n--", 30 * MEBIBYTE)),
    "499 parts of text": lambda: _raw(_parts(499, b"Content-Type: text/plain", b"x" * 66_000)),
    "100 files": lambda: _raw(_parts(100, b"Content-Type: image/png", b"x" * 330_000)),
    "499 files": lambda: _raw(_parts(499, b"Content-Type: image/png", b"x" * 66_000)),
    "499 pages beside a text": lambda: _raw(
        _parts(499, b"Content-Type: text/html", b"<p>x</p>" * 8_000).replace(b"html", b"plain", 1)
    ),
    "a raw text of a million base64 pieces": lambda: _raw(
        HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + b"QQ==" * 450_000
    ),
    "a raw text of padding": lambda: _raw(
        HEAD + b"Content-Transfer-Encoding: base64\r\n\r\n" + _filled(b"Q=")
    ),
    "a text in UTF-7": lambda: _in_charset(b"utf-7", b"+2D3eAA-"),
    "a Japanese text of Windows": lambda: _in_charset(b"iso-2022-jp", b"\x1b$B-!\x1b(B"),
    "a million characters that look like labels": lambda: _parsed(text=b"From: a@b.cd\n" * 75_000),
    "headers without an end": lambda: _raw(HEAD + b" \t\r\n" * 50_000 + _filled(b" x\r\n", 60_000)),
    "lines that are no headers": lambda: _raw(b"Subject: x\r\n" + _filled(b"no header\r\n")),
    "millions of empty parts": lambda: _raw(MIXED + _filled(b"--b\r\n")),
    "millions of form parts": lambda: _filled(b"--b0undary\r\n"),
    "no form at all": lambda: _filled(b"\r\n--"),
}


def explode(name: str, frontdesk: FuzzedFrontDesk) -> Damage:
    """Post the bomb called ``name``."""
    is_form = name in FORMS
    body = FORMS[name]() if is_form else MAILS[name]()
    _warm_up(frontdesk)
    request = signed_form(body) if is_form else signed_mail(body)
    before = _peak_mebibytes()
    started = time.process_time()
    status = frontdesk.post(request)
    seconds = time.process_time() - started
    return Damage(status, round(seconds, 2), round(_peak_mebibytes() - before, 1))


def _warm_up(frontdesk: FuzzedFrontDesk) -> None:
    """Imports and caches of the first requests are not part of the cost."""
    frontdesk.post_form(_FORM_START + b"&Body=Hi")
    frontdesk.post_raw_mail(HEAD + b"Content-Type: text/html\r\n\r\n<p>Hi</p>")


def _peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def explode_apart(name: str) -> None:
    """Post the bomb called ``name`` in a process that has nothing of other bombs; print the cost.

    It is forked, because starting one takes longer than most bombs.
    """
    process = os.fork()
    if process:
        os.waitpid(process, 0)
        return
    try:
        with fuzzed_frontdesk() as opened:
            sys.stdout.write(json.dumps(asdict(explode(name, opened))))
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)


if __name__ == "__main__":
    with fuzzed_frontdesk() as first:
        _warm_up(first)  # the processes that are forked have its imports
    for line in sys.stdin:
        explode_apart(line.rstrip("\n"))
        sys.stdout.write("\n")
        sys.stdout.flush()
