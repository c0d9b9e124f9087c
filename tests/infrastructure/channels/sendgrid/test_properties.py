"""Any mail is read as it was sent, or is reported as unreadable."""

import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from application.ports.webhook_parser import WebhookRequest
from domain.errors import UnreadableMessageError, ValidationError
from domain.messages import InboundMessage
from infrastructure.channels.sendgrid.simulator import Mode, SendgridSimulator
from infrastructure.channels.sendgrid.verification import SIGNATURE_HEADER, TIMESTAMP_HEADER
from infrastructure.mail.charsets import is_blank
from tests.builders import NOW
from tests.infrastructure.channels.sendgrid.webhooks import (
    ACCOUNT_NAME,
    KEY,
    SIMULATOR,
    URL,
    a_field,
    a_form,
    a_parser,
    a_raw_mail,
    an_account,
    as_received,
    parsed,
    posted,
    public_key,
    the_message,
)

CHARSETS = {
    "utf-8": st.characters(codec="utf-8"),
    # The label means windows-1252, which has other characters for these bytes.
    "iso-8859-1": st.characters(
        codec="latin-1", exclude_categories=["Cc"], include_characters="\n"
    ),
    "windows-1252": st.sampled_from("aÄé€“”ž\n"),
    "iso-2022-jp": st.sampled_from("abc注文はいつ届きますか\n"),
    "cp850": st.sampled_from("abcäöü░╬\n"),
}
TEXTS = st.sampled_from(sorted(CHARSETS)).flatmap(
    lambda charset: st.tuples(st.just(charset), st.text(CHARSETS[charset], max_size=200))
)
LINES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), max_size=80)
ADDRESSES = st.from_regex(
    r"[a-z0-9][a-z0-9._+-]{0,20}@([a-z][a-z0-9]{0,9}\.){1,2}example", fullmatch=True
)
FILES = st.lists(
    st.tuples(
        st.text(st.characters(codec="utf-8"), max_size=20),
        st.just("text/x-any"),
        st.binary(max_size=50),
    ),
    max_size=3,
)
PARSER = a_parser(an_account(public_key(KEY)))


def unified(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


SENDERS = st.tuples(ADDRESSES, LINES)


@settings(max_examples=150, deadline=None)
@given(TEXTS, LINES, SENDERS, st.lists(ADDRESSES, min_size=1, max_size=3, unique=True), FILES)
def test_mail_sent_in_parsed_mode_is_read_unchanged(
    text: tuple[str, str],
    subject: str,
    sender: tuple[str, str],
    to: list[str],
    files: list[tuple[str, str, bytes]],
) -> None:
    address, name = sender
    simulated = SIMULATOR.request(
        URL,
        sender=address,
        recipient=to,
        subject=subject,
        text=text[1],
        charset=text[0],
        sender_name=name,
        attachments=files,
        now=NOW,
        message_id="",
    )
    request = as_received(simulated)
    messages = PARSER.parse(PARSER.validate(request))
    assert [one.message.recipient.address for one in messages] == to
    message = messages[0].message
    assert message.body == unified(text[1])
    assert message.subject == (subject.strip() or None)
    assert message.metadata.get("from_name") == (name.strip() or None)
    assert message.sender.value == address
    assert message.author_authenticated
    assert [file.content for file in messages[0].files] == [content for _, _, content in files]
    json.dumps(message.metadata)


@settings(max_examples=100, deadline=None)
@given(TEXTS, LINES, ADDRESSES, FILES, st.booleans())
def test_mail_sent_in_raw_mode_is_read_unchanged(
    text: tuple[str, str],
    subject: str,
    sender: str,
    files: list[tuple[str, str, bytes]],
    with_html: bool,
) -> None:
    simulated = SIMULATOR.request(
        URL,
        sender=sender,
        recipient="help@acme.example",
        subject=subject,
        text=text[1],
        charset=text[0],
        html="<p>é</p>" if with_html and text[0] == "utf-8" else None,
        attachments=files,
        now=NOW,
        mode="raw",
    )
    request = as_received(simulated)
    (one,) = PARSER.parse(PARSER.validate(request))
    # A mailer chooses its line ends, so only the words can be compared.
    if not (is_blank(text[1]) and with_html):
        assert "".join(one.message.body.split()) == "".join(text[1].split())
    assert one.message.subject == (subject.strip() or None)
    retained = [file.content for file in one.files if file.attachment.content_type == "text/x-any"]
    assert retained == [content for _, _, content in files]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(["parsed", "raw"]), st.integers(0, 10_000), st.integers(1, 255))
def test_mail_with_a_changed_byte_is_refused(mode: Mode, at: int, change: int) -> None:
    simulated = SIMULATOR.request(
        URL,
        sender="ana@example.com",
        recipient="help@acme.example",
        subject="Hi",
        text="Hi",
        now=NOW,
        mode=mode,
    )
    body = bytearray(simulated.body)
    body[at % len(body)] ^= change
    changed = replace(as_received(simulated), body=bytes(body))
    with pytest.raises(ValidationError):
        PARSER.validate(changed)


MIME_PIECES = st.sampled_from(
    [
        *(b"From: ana@example.com\r\n", b"From: ", b"To: help@acme.example\n", b"Subject: "),
        *(b"\r\n", b"\r\n\r\n", b"\n", b" ", b"\t", b"<", b">", b'"', b"(", b",", b"@", b"="),
        *(b"--b", b"--b\r\n", b"\r\n--b--\r\n", b"--c\r\n", b"--", b"A" * 70),
        *(b"\xff", b"\x00", b"\x1b$B", b"=?utf-8?q?", b"?="),
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b'Content-Type: multipart/alternative; boundary="c"\r\n',
        *(b"Content-Type: text/plain; charset=", b"utf-8\r\n", b"iso-2022-jp\r\n"),
        b"Content-Type: text/html\r\n\r\n<p>",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Transfer-Encoding: quoted-printable\n",
        b"Content-Disposition: attachment; filename*0*=utf-8''%ff; filename*1=x\r\n",
        *(b"Content-ID: <x>\r\n", b"References: <a@b>\r\n"),
    ]
)
MIME = st.lists(MIME_PIECES | st.binary(max_size=10), max_size=40).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(MIME)
def test_any_mime_is_read_or_reported_as_unreadable(raw: bytes) -> None:
    with contextlib.suppress(UnreadableMessageError):
        for one in parsed(a_raw_mail(raw)):
            json.dumps(one.message.metadata)
            one.message.body.encode()


FORM_PIECES = st.sampled_from(
    [
        *(b"--b0undary", b"--b0undary\r\n", b"\r\n--b0undary--\r\n", b"\r\n", b"\r\n\r\n", b"\n"),
        b"Content-Disposition: form-data; name=from\r\n\r\nana@example.com\r\n",
        b"Content-Disposition: form-data; name=envelope\r\n\r\n",
        b'{"to": ["help@acme.example"]}\r\n',
        b'Content-Disposition: form-data; name="attachment1"; filename="',
        *(b'"', b"\xe9", b"\x00", b": ", b"Content-Disposition: ", b" folded\r\n"),
        *(b"Content-Type: text/plain\r\n", b"Content-Length: 3\r\n"),
    ]
)
FORMS = st.lists(FORM_PIECES | st.binary(max_size=10), max_size=20).map(b"".join)


@settings(max_examples=400, deadline=None)
@given(FORMS)
def test_any_form_is_read_or_reported_as_unreadable(body: bytes) -> None:
    with contextlib.suppress(UnreadableMessageError):
        parsed(posted(body))


FIELD_NAMES = st.sampled_from(
    [
        *("headers", "text", "html", "envelope", "charsets", "dkim", "SPF", "spam_score"),
        *("attachment-info", "content-ids", "subject", "to", "attachment1"),
    ]
)
JSON_KEYS = st.sampled_from(["to", "from", "text", "attachment1", "filename", "type"])
JSON = st.recursive(
    st.none() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(JSON_KEYS, inner, max_size=3),
    max_leaves=5,
).map(lambda value: json.dumps(value).encode())
FIELDS = st.dictionaries(FIELD_NAMES, MIME | st.binary(max_size=30) | JSON)


@settings(max_examples=300, deadline=None)
@given(FIELDS)
def test_any_fields_are_read_or_reported_as_unreadable(fields: dict[str, bytes]) -> None:
    given_fields = (a_field(name, value) for name, value in fields.items())
    request = a_form(*given_fields, a_field("from", b"ana@example.com"))
    with contextlib.suppress(UnreadableMessageError):
        for one in parsed(request):
            json.dumps(one.message.metadata)


SECURITY_HEADERS = st.sampled_from([SIGNATURE_HEADER, TIMESTAMP_HEADER, "authorization"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(SECURITY_HEADERS, st.text(max_size=30))), st.binary(max_size=30))
def test_unsigned_mail_is_refused(headers: list[tuple[str, str]], body: bytes) -> None:
    with pytest.raises(ValidationError):
        PARSER.validate(WebhookRequest("POST", URL, tuple(headers), body, NOW))


def a_mail_without_id(subject: str = "Hi", text: str = "Hi", **changes: Any) -> InboundMessage:
    simulated = SIMULATOR.request(
        URL,
        sender="ana@example.com",
        recipient="help@acme.example",
        subject=subject,
        text=text,
        now=NOW,
        message_id="",
        **changes,
    )
    return the_message(as_received(simulated))


def test_repeated_delivery_of_mail_without_an_id_has_the_same_request_id() -> None:
    assert a_mail_without_id(spf="pass").request_id == a_mail_without_id(spf="softfail").request_id


def test_different_mail_without_ids_has_different_request_ids() -> None:
    keys = {
        a_mail_without_id(subject, text, mode=mode).request_id
        for subject, text in (("a", "bc"), ("ab", "c"), ("abc", ""))
        for mode in ("parsed", "raw")
    }
    assert len(keys) == 6


def test_simulator_accepts_a_key_and_a_user_and_password() -> None:
    simulated = SendgridSimulator(KEY, "user:pässword").request(
        URL,
        sender="ana@example.com",
        recipient="help@acme.example",
        subject="Hi",
        text="Hi",
        now=NOW,
    )
    account = an_account(public_key(KEY), basic_auth=["user:pässword"])
    assert a_parser(account).validate(as_received(simulated)).account == ACCOUNT_NAME


def test_response_to_sendgrid_always_has_the_same_bytes() -> None:
    response = PARSER.respond()
    assert (response.status, response.content_type) == (200, "application/json")
    assert response.body == b'{"success": true}'


def test_body_limit_is_32_mib() -> None:
    assert PARSER.max_body_bytes == 32 * 1024 * 1024
