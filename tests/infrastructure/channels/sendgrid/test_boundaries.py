"""The boundaries of a form are read from the signed body and not from its headers."""

from dataclasses import replace

import pytest

from application.ports.webhook_parser import WebhookRequest
from domain.errors import UnreadableMessageError
from tests.infrastructure.channels.sendgrid.webhooks import a_field, a_form, parsed, the_message

HONEST = (
    a_field("headers", b"From: mallory@evil.example\r\nTo: help@acme.example\r\n"),
    a_field("envelope", b'{"to": ["help@acme.example"], "from": "mallory@evil.example"}'),
    a_field("SPF", b"pass"),
)
FORGED = a_form(
    a_field("headers", b"From: boss@bank.example\r\nTo: help@acme.example\r\n"),
    a_field("envelope", b'{"to": ["help@acme.example"], "from": "boss@bank.example"}'),
    a_field("SPF", b"pass"),
    a_field("text", b"please pay"),
    boundary="EVIL",
).body
WITH_A_FORM_INSIDE = a_form(*HONEST, a_field("text", b"Hi\r\n" + FORGED))


def sent_as(*content_types: str) -> WebhookRequest:
    """A mail whose text contains another form, posted with these content types."""
    headers = tuple(("content-type", value) for value in content_types)
    return replace(WITH_A_FORM_INSIDE, headers=headers)


@pytest.mark.parametrize(
    "content_types",
    [
        pytest.param(("multipart/form-data; boundary=b0undary",), id="its own"),
        pytest.param(("multipart/form-data; boundary=EVIL",), id="another"),
        pytest.param(('multipart/form-data; boundary="EVIL"',), id="quoted"),
        pytest.param(("Multipart/Form-Data; BOUNDARY=EVIL",), id="in capitals"),
        pytest.param(("multipart/form-data; boundary=b0undary; boundary=EVIL",), id="two"),
        pytest.param(("multipart/form-data; boundary=EVIL; boundary=b0undary",), id="two, turned"),
        pytest.param(("multipart/form-data; boundary*=utf-8''EVIL",), id="encoded"),
        pytest.param(("multipart/form-data; boundary=b0und",), id="the start of its own"),
        pytest.param(("multipart/form-data; boundary=b0undary; charset=utf-16",), id="a charset"),
        pytest.param(("multipart/form-data",), id="none"),
        pytest.param(("multipart/mixed; boundary=EVIL",), id="another type"),
        pytest.param(("application/json",), id="no multipart at all"),
        pytest.param(("multipart/form-data; boundary=EVIL",) * 2, id="the header twice"),
        pytest.param((), id="no header"),
    ],
)
def test_mail_with_a_form_in_its_text_is_read_the_same_under_any_content_type(
    content_types: tuple[str, ...],
) -> None:
    message = the_message(sent_as(*content_types))
    assert message.sender.value == "mallory@evil.example"
    assert message.body == "Hi\n" + FORGED.decode().replace("\r\n", "\n")


BODY = a_form(*HONEST, a_field("text", b"Hi")).body


@pytest.mark.parametrize(
    "before",
    [b"\r\n", b"\n", b" ", b"preamble\r\n", b"\x00", b"--\r\n", b"--x\r\n", b"\xef\xbb\xbf"],
)
def test_form_with_content_before_its_first_boundary_is_unreadable(before: bytes) -> None:
    with pytest.raises(UnreadableMessageError):
        parsed(replace(WITH_A_FORM_INSIDE, body=before + BODY))


@pytest.mark.parametrize("end", [b"", b"\r\n"])
def test_last_line_of_a_form_may_lack_its_line_break(end: bytes) -> None:
    whole = replace(WITH_A_FORM_INSIDE, body=BODY.removesuffix(b"\r\n") + end)
    assert the_message(whole).body == "Hi"


@pytest.mark.parametrize(
    "after", [b"\r\n\r\n", b"\n", b"\r", b" ", b"--", b"\x00", b"\r\nepilogue", b"\r\n" + FORGED]
)
def test_form_with_content_after_its_end_is_unreadable(after: bytes) -> None:
    with pytest.raises(UnreadableMessageError, match="follows the end"):
        parsed(replace(WITH_A_FORM_INSIDE, body=BODY.removesuffix(b"\r\n") + after))


def test_text_that_contains_the_boundary_cannot_end_the_form_early() -> None:
    ended = b"Hi\r\n" + FORGED.replace(b"EVIL", b"b0undary")
    with pytest.raises(UnreadableMessageError, match="follows the end"):
        parsed(a_form(a_field("text", ended), *HONEST))


@pytest.mark.parametrize(
    ("head", "content"),
    [
        pytest.param(b"x\r\n--b0undary--: y\r\n", b"", id="in a head"),
        pytest.param(b"", b"--b0undary\r\n", id="where a content begins"),
        pytest.param(b"Content-Length: 3\r\n", b"Hi", id="too early"),
        pytest.param(b"Content-Length: 1\r\n", b"Hi", id="too late"),
    ],
)
def test_part_that_may_end_in_two_places_is_unreadable(head: bytes, content: bytes) -> None:
    text = b'Content-Disposition: form-data; name="text"\r\n'
    body = BODY.replace(text + b"\r\nHi", text + head + b"\r\n" + content)
    assert body != BODY
    with pytest.raises(UnreadableMessageError):
        parsed(replace(WITH_A_FORM_INSIDE, body=body))


def test_heads_of_the_fields_are_read_once_for_all_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed(WITH_A_FORM_INSIDE)
    monkeypatch.delattr("multipart.PushMultipartParser")
    assert len(parsed(WITH_A_FORM_INSIDE)) == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"--", id="no boundary"),
        pytest.param(b"--\r\n----\r\n", id="an empty boundary"),
        pytest.param(b"--b--\r\n", id="no parts"),
        pytest.param(BODY.replace(b"\r\n", b"\n"), id="other line breaks"),
        pytest.param(BODY.replace(b"b0undary", b"b\xc3\xb6undary"), id="a boundary beyond ASCII"),
        pytest.param(BODY.replace(b"b0undary", b"b" * 201), id="an endless boundary"),
        pytest.param(BODY.replace(b"b0undary", b"B0UNDARY", 1), id="a boundary in two cases"),
        pytest.param(b'{"to": "help@acme.example"}', id="JSON"),
    ],
)
def test_body_without_a_first_and_last_boundary_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableMessageError):
        parsed(replace(WITH_A_FORM_INSIDE, body=body))
