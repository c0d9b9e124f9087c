"""Each payload of ``tests/payloads/sendgrid`` becomes the messages in ``expected.json``."""

import json
from pathlib import Path
from typing import Any

import pytest

from application.ports.webhook_parser import ParsedMessage
from domain.automated_mail import sign_of_automated_mail
from domain.errors import UnreadableMessageError
from tests.infrastructure.channels.sendgrid.webhooks import parsed, posted

PAYLOADS = Path(__file__).parents[3] / "payloads" / "sendgrid"
EXPECTED: dict[str, dict[str, Any]] = json.loads((PAYLOADS / "expected.json").read_text("utf-8"))
READABLE = sorted(name for name, expected in EXPECTED.items() if "error" not in expected)
UNREADABLE = sorted(name for name, expected in EXPECTED.items() if "error" in expected)


def parse(name: str) -> tuple[ParsedMessage, ...]:
    body = (PAYLOADS / f"{name}.multipart").read_bytes()
    boundary = body.partition(b"\r\n")[0].removeprefix(b"--").decode()
    return parsed(posted(body, boundary))


def test_every_payload_file_has_an_expectation() -> None:
    assert {path.stem for path in PAYLOADS.glob("*.multipart")} == set(EXPECTED)


@pytest.mark.parametrize("name", READABLE)
def test_payload_becomes_the_expected_messages(name: str) -> None:
    expected = EXPECTED[name]
    messages = parse(name)
    message = messages[0].message
    assert {
        "sender": message.sender.value,
        "recipients": [one.message.recipient.address for one in messages],
        "body": message.body,
        "subject": message.subject,
        "authenticated": message.author_authenticated,
    } == {
        key: expected[key] for key in ("sender", "recipients", "body", "subject", "authenticated")
    }
    if expected["message_id"] is None:
        assert message.provider_message_id.startswith("sha256:")
    else:
        assert message.provider_message_id == expected["message_id"]


@pytest.mark.parametrize("name", READABLE)
def test_payload_has_the_expected_attachments(name: str) -> None:
    attachments = [file.attachment for file in parse(name)[0].files]
    expected = EXPECTED[name]
    if "files" in expected:
        found = [[one.filename, one.content_type, one.size_bytes] for one in attachments]
        assert found == expected["files"]
    shown = [one.content_id for one in attachments if one.inline and one.content_id]
    assert shown == expected.get("inline", [])


@pytest.mark.parametrize("name", READABLE)
def test_payload_has_the_expected_metadata_and_references(name: str) -> None:
    message = parse(name)[0].message
    expected = EXPECTED[name]
    metadata = expected.get("metadata", {})
    assert {key: message.metadata.get(key) for key in metadata} == metadata
    assert json.loads(json.dumps(message.metadata)) == message.metadata
    assert list(message.thread_references) == expected.get("references", [])


@pytest.mark.parametrize("name", READABLE)
def test_payload_has_the_expected_sign_of_automated_mail(name: str) -> None:
    message = parse(name)[0].message
    assert message.mail is not None
    assert message.mail.addressed_to_us is EXPECTED[name].get("addressed_to_us", True)
    expected = EXPECTED[name].get("automation")
    if message.mail.addressed_to_us:
        assert sign_of_automated_mail(message.mail) == expected


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_payload_is_reported_with_the_expected_error(name: str) -> None:
    with pytest.raises(UnreadableMessageError) as caught:
        parse(name)
    assert str(caught.value) == EXPECTED[name]["error"]


def test_mail_to_several_own_addresses_has_a_request_id_for_each() -> None:
    messages = parse("several_recipients")
    assert len({one.message.request_id for one in messages}) == 2


def test_html_of_a_mail_is_stored_whole() -> None:
    (one,) = parse("mixed_charsets")
    index = one.message.metadata["html_attachment_index"]
    assert isinstance(index, int)
    assert one.files[index].content.decode() == "<p>Café €</p>"


def test_file_contents_are_stored_byte_for_byte() -> None:
    (one,) = parse("inline_image")
    assert one.files[0].content == b"\xff\xd8\xff\xe0\r\n--not a boundary\r\n\x00"
