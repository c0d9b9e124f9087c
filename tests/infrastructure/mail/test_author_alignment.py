"""The author of a mail is authenticated by a domain that is aligned with the author's."""

import os
import subprocess
import sys

import pytest

from infrastructure.mail.author_alignment import (
    are_aligned,
    has_one_author_field,
    is_author_authenticated,
    organisational_domain,
)
from infrastructure.mail.header_text import Mailbox
from infrastructure.mail.parsed_mail import Envelope, Relay
from tests.infrastructure.channels.sendgrid.webhooks import a_field, a_form, parsed

ANA = (Mailbox("ana@example.com", "Ana"),)


@pytest.mark.parametrize(
    ("one", "other", "aligned"),
    [
        ("example.com", "example.com", True),
        ("news.example.com", "example.com", True),
        ("a.example.com", "b.example.com", True),
        ("example.com", "example.org", False),
        ("notexample.com", "example.com", False),
        ("shop.example.co.uk", "example.co.uk", True),
        ("one.co.uk", "two.co.uk", False),
        ("one.github.io", "two.github.io", False),
        ("a.one.github.io", "one.github.io", True),
        ("github.io", "one.github.io", False),
        ("one.blogspot.com", "two.blogspot.com", False),
        ("a.acme.example", "acme.example", True),
        ("one.example", "two.example", False),
        ("localhost", "localhost", True),
        ("192.0.2.1", "198.51.2.1", False),
        ("com", "example.com", False),
        ("xn--mnchen-3ya.example", "mail.xn--mnchen-3ya.example", True),
    ],
)
def test_domains_are_aligned_if_they_belong_to_one_organisation(
    one: str, other: str, aligned: bool
) -> None:
    assert are_aligned(one, other) is aligned
    assert are_aligned(other, one) is aligned


@pytest.mark.parametrize(
    ("relay", "authenticated"),
    [
        (Relay(Envelope("x@other.example"), passed_dkim_domains=("example.com",)), True),
        (
            Relay(
                Envelope("x@other.example"), passed_dkim_domains=("mail.example.com",), spf="fail"
            ),
            True,
        ),
        (Relay(Envelope("x@bounce.example.com"), spf="pass"), True),
        (Relay(Envelope("<x@example.com>"), spf="Pass "), True),
        (Relay(Envelope("x@example.com"), spf="softfail"), False),
        (Relay(Envelope("x@example.com"), spf="neutral"), False),
        (Relay(Envelope("x@example.com"), spf=""), False),
        (
            Relay(Envelope("x@other.example"), passed_dkim_domains=("other.example",), spf="pass"),
            False,
        ),
        (Relay(Envelope(""), spf="pass"), False),
        (Relay(Envelope(None), spf="pass"), False),
        (Relay(Envelope("nonsense"), spf="pass"), False),
        (Relay(Envelope("x@com"), passed_dkim_domains=("com",), spf="pass"), False),
    ],
)
def test_author_is_authenticated_by_an_aligned_domain(relay: Relay, authenticated: bool) -> None:
    assert is_author_authenticated(ANA, relay) is authenticated


@pytest.mark.parametrize(
    "authors", [(), (*ANA, Mailbox("bo@example.com")), (Mailbox("ana@@"),), ANA + ANA]
)
def test_mail_with_no_author_or_several_is_never_authenticated(
    authors: tuple[Mailbox, ...],
) -> None:
    assert not is_author_authenticated(
        authors, Relay(Envelope(), passed_dkim_domains=("example.com",))
    )


def test_public_suffix_list_needs_neither_network_nor_files(tmp_path: os.PathLike[str]) -> None:
    script = (
        "import socket, sys\n"
        "def refuse(event, args):\n"
        "    writes = event == 'open' and isinstance(args[1], str) and set(args[1]) & set('wax+')\n"
        "    if event in ('socket.connect', 'socket.getaddrinfo', 'socket.sendto') or writes:\n"
        "        raise SystemExit(f'{event} {args}')\n"
        "sys.dont_write_bytecode = True\n"
        "sys.addaudithook(refuse)\n"
        "from infrastructure.mail.author_alignment import organisational_domain\n"
        "print(organisational_domain('a.b.example.co.uk'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert done.stdout.strip() == "example.co.uk", done.stderr
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # its names are all that matters


def test_public_suffix_is_its_own_organisational_domain() -> None:
    assert organisational_domain("co.uk") == "co.uk"


SIGNED = (
    b"Subject: Parcel\r\nDKIM-Signature: v=1; d=example.com; h=from\r\n"
    b"From: eve@example.com\r\nMessage-ID: <1@example.com>\r\n\r\nSend it to me.\r\n"
)


def is_authenticated(raw: bytes) -> bool:
    """Whether the author of a mail in raw mode is, where DKIM has passed for example.com."""
    fields = {
        "email": raw,
        "dkim": b"{@example.com : pass}",
        "envelope": b'{"to": ["help@acme.example"], "from": "eve@example.net"}',
    }
    (one,) = parsed(a_form(*(a_field(name, content) for name, content in fields.items())))
    return one.message.author_authenticated


@pytest.mark.parametrize(
    "between",
    [b"", b" \r\n", b"\t\r\n", b"no field\r\n", b"\r\r\n", b"\r", b"\n"],
    ids=["nothing", "blank", "tab", "text", "two returns", "return", "line feed"],
)
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\r\n", b" \r\n"])
def test_author_above_a_signed_mail_is_not_authenticated(before: bytes, between: bytes) -> None:
    assert is_authenticated(SIGNED)
    assert not is_authenticated(before + b"From: ana@example.com\r\n" + between + SIGNED)


@pytest.mark.parametrize(
    ("raw", "has_one"),
    [
        (b"From: a@example.com\r\n \r\nHi\r\n\r\nFrom: b@example.com", True),
        (b"From: a@example.com\n\nFrom: b@example.com", True),
        (b"from\t: a@example.com\rSubject: x\r\rHi", True),
        (b"From: a@example.com\n\nHi\r\nFrom: b@example.com\r\n\r\n", False),
        (b"Subject: x\r\n\r\nFrom: a@example.com", False),
        (b"From: a@example.com\r\n" + b"x" * 2_000_000, False),
    ],
)
def test_fields_of_authors_are_counted_up_to_an_empty_line(raw: bytes, has_one: bool) -> None:
    assert has_one_author_field(raw) is has_one
