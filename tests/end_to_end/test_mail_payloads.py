"""Each payload of ``tests/payloads/sendgrid``, posted over HTTP, becomes a context on a queue."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.queues import QueueKind
from tests.end_to_end.mail_frontdesk import MailFrontDesk, mail_frontdesk

PAYLOADS = Path(__file__).parents[1] / "payloads" / "sendgrid"
EXPECTED: dict[str, dict[str, Any]] = json.loads((PAYLOADS / "expected.json").read_text("utf-8"))
READABLE = sorted(name for name, expected in EXPECTED.items() if "error" not in expected)
UNREADABLE = sorted(set(EXPECTED) - set(READABLE))
OF_UNKNOWN_AUTHORS = {"raw_list_hides_author", "raw_list_without_a_word_about_the_author"}


@pytest.fixture
def frontdesk(tmp_path: Path) -> Iterator[MailFrontDesk]:
    with mail_frontdesk(tmp_path) as frontdesk:
        yield frontdesk


def post(frontdesk: MailFrontDesk, name: str) -> int:
    return frontdesk.post((PAYLOADS / f"{name}.multipart").read_bytes())


@pytest.mark.parametrize("name", [name for name in READABLE if name not in OF_UNKNOWN_AUTHORS])
def test_readable_mail_posted_over_http_is_on_a_queue_as_expected(
    frontdesk: MailFrontDesk, name: str
) -> None:
    expected = EXPECTED[name]
    assert post(frontdesk, name) == 200
    found = [context.message for kind in QueueKind for context in frontdesk.contexts(kind)]
    assert len(found) == len(expected["recipients"])
    for message in found:
        assert message.body == expected["body"]
        assert message.sender == expected["sender"]
        metadata = {key: message.metadata.get(key) for key in expected.get("metadata", {})}
        assert metadata == expected.get("metadata", {})
        if "files" in expected:
            files = message.attachments
            found_files = [[file.filename, file.content_type, file.size_bytes] for file in files]
            assert found_files == expected["files"]
    assert frontdesk.dead_letter_count() == 0


@pytest.mark.parametrize("name", sorted(OF_UNKNOWN_AUTHORS))
def test_mail_of_a_list_that_hides_its_author_stays_unmatched(
    frontdesk: MailFrontDesk, name: str
) -> None:
    assert post(frontdesk, name) == 200
    assert [message.body for message in frontdesk.unmatched()] == [EXPECTED[name]["body"]]
    assert [frontdesk.contexts(kind) for kind in QueueKind] == [[], []]


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_mail_posted_over_http_is_a_dead_letter(
    frontdesk: MailFrontDesk, name: str
) -> None:
    assert post(frontdesk, name) == 200
    assert frontdesk.dead_letter_count() == 1


def test_members_of_a_list_have_conversations_of_their_own(frontdesk: MailFrontDesk) -> None:
    names = (
        "raw_list_rewrites_author_with_reply_to",
        "raw_list_rewrites_author_with_original_from",
    )
    for name in names:
        # One mailer never makes an id twice.
        form = (PAYLOADS / f"{name}.multipart").read_bytes()
        frontdesk.post(form.replace(b"<lamp-1@", b"<" + name.encode() + b"@"))
    contexts = frontdesk.contexts(QueueKind.HANDOFF)
    assert {context.message.sender for context in contexts} == {
        "ana@customer.example",
        "ben@customer.example",
    }
    assert len({context.conversation.conversation_id for context in contexts}) == 2
