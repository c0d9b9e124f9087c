"""Parts of mail: charsets, headers, encoded words, mailboxes, labels, replies."""

import subprocess
import sys
import time

import pytest

from infrastructure.mail.charsets import DecodedText, decode, text_codec
from infrastructure.mail.header_text import (
    Mailbox,
    decode_words,
    mailboxes,
    message_ids,
    read_headers,
)
from infrastructure.mail.html_text import text_of_html
from infrastructure.mail.mail_files import label, media_type
from infrastructure.mail.mail_metadata import select_notable_headers
from infrastructure.mail.replies import new_text
from tests.infrastructure.channels.sendgrid.webhooks import a_raw_mail, the_message


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("UTF-8", "utf-8"),
        ("us-ascii", "utf-8"),
        (" 'ISO-8859-1' ", "cp1252"),
        ("windows-1252", "cp1252"),
        ("ibm850", "cp850"),
        ("iso_2022_jp", "iso2022_jp_ext"),
        ("gb2312", "gb18030"),
        ("x-sjis", "cp932"),
        ("utf-7", "utf-7"),
        ("utf-16", "utf-16"),
        ("iso-2022-kr", "iso2022_kr"),
        ("unicode-1-1-utf-7", "utf-7"),
        ("tis-620", "cp874"),
        *((name, None) for name in ("base64", "rot13", "zlib", "bz2", "hex", "uu", "quopri")),
        *((name, None) for name in ("idna", "punycode", "unicode_escape", "raw_unicode_escape")),
        *(
            (name, None)
            for name in ("undefined", "mbcs", "x-user-defined", "", "a\0b", "é", "x" * 9_999)
        ),
        ("windows-99999", None),
        ("cp-850", "cp850"),
        ("win1251", "cp1251"),
        ("charset=koi8-r", "koi8-r"),
        ("x-ms-cp932", "cp932"),
        ("cp50221", "iso2022_jp_ext"),
        ("ms950", "big5hkscs"),
        ("_iso-2022-jp$ESC", "iso2022_jp_ext"),
        ("iso-8859-1?", "cp1252"),
        ("8859-1", "cp1252"),
        ("ANSI", "cp1252"),
        ("utf-8=20", "utf-8"),
        ("uft-8", "utf-8"),
    ],
)
def test_charset_name_is_mapped_to_its_text_codec_or_to_none(
    charset: str, codec: str | None
) -> None:
    assert text_codec(charset) == codec


@pytest.mark.parametrize(
    ("raw", "charset", "expected"),
    [
        (b"Caf\xe9", "iso-8859-1", DecodedText("Café")),
        ("Café".encode(), None, DecodedText("Café")),
        ("Café".encode(), "iso-2022-jp", DecodedText("Café", uncertain=True)),
        (b"\xad\xa1", "euc-jp", DecodedText("①")),
        (b"\xa3\xe1", "big5", DecodedText("€")),
        ("Café".encode(), "utf-8 (of course)", DecodedText("Café")),
        (b"\x1b$B%i%s%W\x1b(B", None, DecodedText("ランプ")),
        (b"\x1b$B%i%s%W\x1b(B", "us-ascii", DecodedText("ランプ")),
        (b"\x1b$B%i%s%W\x1b(B", "utf-8", DecodedText("ランプ", uncertain=True)),
        (b"\x1b$B-!\x1b(I12\x1b(B.", "iso-2022-jp", DecodedText("①ｱｲ.")),
        (b"\x1b$B%i%s%W\x1b(B \x1b$B!\x1b(B", None, DecodedText("ランプ \x1b$B!", uncertain=True)),
        (b"It\x92s", "us-ascii", DecodedText("It’s", uncertain=True)),  # noqa: RUF001  # as mailers write it
        ("Café".encode(), "klingon", DecodedText("Café", uncertain=True)),
        (b"Caf\xe9", "utf-8", DecodedText("Caf\ufffd", uncertain=True)),
        (b"Caf\xe9", None, DecodedText("Caf\ufffd", uncertain=True)),
        (b"", "utf-8", DecodedText("")),
    ],
)
def test_any_bytes_are_decoded_as_text(
    raw: bytes, charset: str | None, expected: DecodedText
) -> None:
    assert decode(raw, charset) == expected


def test_headers_are_unfolded_and_repeated_ones_retained() -> None:
    block = (
        b"Received: a\r\n\tb\r\nreceived:  c \r\nbroken line\r\n"
        b": none\r\nX : y\r\nSubject:\r\n Hi\n"
    )
    assert read_headers(block) == {"received": ("a b", "c"), "x": ("y",), "subject": ("Hi",)}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ("=?utf-8?q?a_b=C3=A9?=", "a bé"),
        ("=?utf-8?b?w6k?=", "é"),
        ("=?UTF-8*de?B?w6k=?= x", "é x"),
        ("=?utf-8?b?w6k=?=\r\n =?utf-8?b?w6k=?=", "éé"),
        ("=?utf-8?b?ww==?= =?utf-8?b?qQ==?=", "é"),
        ("=?iso-8859-1?q?=E9?= =?utf-8?q?=C3=A9?=", "éé"),
        ("a =?utf-8?q?b?= c", "a b c"),
        ("=?utf-8?x?b?=", "=?utf-8?x?b?="),
        ("=?utf-8?b?é?=", "=?utf-8?b?é?="),
        ("=?utf-8?b?A?=", "=?utf-8?b?A?="),
        ("=?base64?q?QQ?=", "QQ"),
        ("=?", "=?"),
    ],
)
def test_encoded_words_are_decoded(value: str, expected: str) -> None:
    assert decode_words(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ana@example.com", [Mailbox("ana@example.com")]),
        ("<ana@example.com>", [Mailbox("ana@example.com")]),
        ("Ana Lopez <ana@example.com>", [Mailbox("ana@example.com", "Ana Lopez")]),
        ('"Lopez, Ana" <a@b.example>', [Mailbox("a@b.example", "Lopez, Ana")]),
        (r'"say \"hi\"" <a@b.example>', [Mailbox("a@b.example", 'say "hi"')]),
        ("a@b.example (Ana, (x@y.example))", [Mailbox("a@b.example")]),
        ("a@b.example, c@d.example;", [Mailbox("a@b.example"), Mailbox("c@d.example")]),
        ("a@b.example;c@d.example", [Mailbox("a@b.example"), Mailbox("c@d.example")]),
        ("Friends: a@b.example, c@d.example;", [Mailbox("a@b.example"), Mailbox("c@d.example")]),
        ("undisclosed-recipients:;", []),
        ('"x@evil.example" <a@b.example>', [Mailbox("a@b.example", "x@evil.example")]),
        ("=?utf-8?q?x=40y=2Eexample=2C?= <a@b.example>", [Mailbox("a@b.example", "x@y.example,")]),
        ("<a@b.example> <c@d.example>", [Mailbox("a@b.example c@d.example")]),
        ('<"a b"@c.example>', [Mailbox('"a b"@c.example')]),
        ('"unclosed <a@b.example>', []),
        ("(" * 5_000 + "a@b.example", []),
        ("nobody", []),
        ("", []),
    ],
)
def test_address_list_is_split_into_mailboxes(value: str, expected: list[Mailbox]) -> None:
    found = list(mailboxes([value]))
    if value.startswith('"unclosed'):
        assert all(" " in box.address for box in found)  # a text with a space is no address
    else:
        assert found == expected


@pytest.mark.parametrize(
    "message_id",
    ["<>", "", "<@>", "< >", "<@example.com>", "<localhost>", "<unknown>", "null", "<1>", "@"],
)
def test_mails_with_a_meaningless_message_id_are_distinguished_by_their_content(
    message_id: str,
) -> None:
    raw = b"From: ana@example.com\r\nMessage-ID: %s\r\n\r\n" % message_id.encode()
    one, other = the_message(a_raw_mail(raw + b"one")), the_message(a_raw_mail(raw + b"other"))
    assert one.provider_message_id.startswith("sha256:")
    assert one.request_id != other.request_id
    assert one.request_id == the_message(a_raw_mail(raw + b"one")).request_id


@pytest.mark.parametrize(
    "message_id",
    [
        *("<a@b>", "a@b", "<a@b@c>", '<"a b"@example.com>', "<x@[192.0.2.1]>", "<=@=>"),
        *("<20260304120000.1234>", "<0F7A6C2E-1B1D-4E0B-9C39-5F1E6E1D7A11>"),
    ],
)
def test_meaningful_message_id_of_a_mail_is_used(message_id: str) -> None:
    raw = b"From: ana@example.com\r\nMessage-ID: %s\r\n\r\nHi" % message_id.encode()
    assert the_message(a_raw_mail(raw)).provider_message_id == message_id


def test_message_ids_are_found_once_and_in_order() -> None:
    assert message_ids(["<b@x> junk <a@x>", "<a@x><c@x> <broken"]) == ("<b@x>", "<a@x>", "<c@x>")


@pytest.mark.parametrize(
    "name",
    [
        *("auto-submitted", "precedence", "return-path", "content-type", "x-loop"),
        *("list-id", "list-help", "list-subscribe", "list-unsubscribe", "list-unsubscribe-post"),
        *("list-post", "list-owner", "list-archive", "x-failed-recipients", "x-mail-autoreply"),
        *("x-auto-response-suppress", "x-autoreply", "x-autorespond", "x-autoresponder"),
        "x-auto-reply",
    ],
)
def test_notable_headers_of_a_mail_are_selected_and_shortened(name: str) -> None:
    assert select_notable_headers({name: ("a", "b" * 2_000), "received": ("c",)}) == {
        name: ("a", "b" * 1_000)
    }


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("a.txt", "a.txt"),
        ("/etc/passwd", "passwd"),
        ("dir/", "dir"),
        ("C:\\a\\b.txt", "b.txt"),
        ("a\r\nb.txt", "a b.txt"),
        ("a\x00b\x7f.txt", "a b .txt"),
        ("e\u0301.txt", "\u00e9.txt"),
        ("\u202etxt.exe", "txt.exe"),
        ("\ud800.txt", "?.txt"),
        *((empty, None) for empty in (None, "", " ", ".", "..", "/", "\r\n", "a/..")),
    ],
)
def test_file_name_of_an_attachment_becomes_a_label(
    filename: str | None, expected: str | None
) -> None:
    assert label(filename) == expected


def test_marks_in_the_name_of_a_file_take_no_time() -> None:
    """The attack: thousands of files whose names take a fifth of a second each."""
    began_at = time.thread_time()
    for _ in range(50):
        assert label("\u0301" * 5_000 + "\u0323" * 5_000)
    assert time.thread_time() - began_at < 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Image/PNG; name=x", "image/png"),
        ("application/vnd.api+json", "application/vnd.api+json"),
        *((odd, "application/octet-stream") for odd in (None, "", "text", "a/b/c", "a/b\r\nX: y")),
    ],
)
def test_invalid_content_type_becomes_octet_stream(text: str | None, expected: str) -> None:
    assert media_type(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes!\n\nOn Mon, 2 Mar 2026 at 10:00, Bo <bo@acme.example> wrote:\n> Ok?\n", "Yes!"),
        ("Ja.\n\nAm 02.03.26 um 10:00 schrieb Bo <bo@acme.example>:\n> Ok?\n", "Ja."),
        ("Oui.\n\nLe lun. 2 mars 2026 à 10:00, Bo <b@acme.example> a écrit :\n> Ok?", "Oui."),
        ("Yes!\n\nFrom: Bo\nSent: Monday\nTo: Ana\nSubject: Ok?\n\nOk?", None),
        ("Yes!\n\n\n\n\nTwo\n\n-----Original Message-----\nOk?", None),
        ("long" * 100 + "\n\nOn Mon, 2 Mar 2026 at 10:00, Bo wrote:\n> Ok?", "long" * 100),
        ("On Mon, 2 Mar 2026 at 10:00, Bo wrote:\n> Ok?\nYes!", None),
        ("Yes!\n\nOn 2 Mar 2026 Bo <bo@acme.example> wrote:\n> Ok?\n", "Yes!"),
        ("Yes!\nOn Mon, 2 Mar 2026 at 10:00, Bo wrote:\n\n> Ok?\n>> Well.\n", "Yes!"),
        ("Yes!\n\nOn Mon, 2 Mar 2026 at 10:00, Bo wrote:\n\nOk?\n", None),
        ("Yes!\n\nOn Monday Bo wrote:\n> Ok?\n", None),
        ("No history at all.\n", None),
        ("On my way", None),
        ("", None),
    ],
)
def test_new_text_of_a_reply_ends_where_the_quoted_history_begins(
    text: str, expected: str | None
) -> None:
    assert new_text(text) == (text if expected is None else expected)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two<br>three</p>", "One\n\nTwo\nthree"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("<div style='Display: none'>hidden</div>shown", "shown"),
        ("<style>p{}</style><script>x()</script><title>t</title>Hi &amp; bye", "Hi & bye"),
        ("<?xml version='1.0' encoding='latin-1'?><p>é</p>", "é"),
        ("<html><head><meta charset='latin-1'></head><body>é €</body></html>", "é €"),
        ("", ""),
        ("<!-- -->", ""),
    ],
)
def test_text_of_html_is_what_its_reader_sees(html: str, text: str) -> None:
    assert text_of_html(html) == text


def test_sendgrid_parser_does_not_import_heavy_libraries_before_use() -> None:
    heavy = ("lxml", "inscriptis", "tldextract", "requests", "cryptography", "email.message")
    script = (
        "import sys, infrastructure.channels.sendgrid.parser\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert done.stdout.strip() == b"[]"
