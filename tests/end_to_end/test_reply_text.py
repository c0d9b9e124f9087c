"""The new text of replies, over HTTP: headers of today's mail programs, and texts like them."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.queues import QueueKind
from infrastructure.mail.replies import new_text
from tests.end_to_end.mail_frontdesk import MailFrontDesk, mail_frontdesk
from tests.infrastructure.channels.sendgrid.webhooks import a_field, a_form

PAYLOADS = Path(__file__).parents[1] / "payloads" / "replies"
HEADERS: dict[str, Any] = json.loads((PAYLOADS / "headers.json").read_text("utf-8"))
TRAPS: dict[str, str] = json.loads((PAYLOADS / "traps.json").read_text("utf-8"))
NEW_TEXT: str = HEADERS["new_text"]
REPLIES: dict[str, str] = {
    f"{one['client']} {one['language']}": f"{NEW_TEXT}\n\n{one['header']}\n{one['history']}"
    for one in HEADERS["headers"]
}


@pytest.fixture
def frontdesk(tmp_path: Path) -> Iterator[MailFrontDesk]:
    with mail_frontdesk(tmp_path) as frontdesk:
        yield frontdesk


def reply_text(frontdesk: MailFrontDesk, text: str) -> object:
    """The key of the context, after SendGrid posted a mail with ``text``."""
    form = a_form(
        a_field("headers", b"From: ana@customer.example\r\nTo: help@acme.example\r\n"),
        a_field("envelope", b'{"to": ["help@acme.example"], "from": "ana@customer.example"}'),
        a_field("dkim", b"{@customer.example : pass}"),
        a_field("charsets", b'{"text": "UTF-8"}'),
        a_field("text", text.replace("\n", "\r\n").encode()),
    )
    assert frontdesk.post(form.body) == 200
    (context,) = frontdesk.contexts(QueueKind.REPLIES)
    assert context.message.body == text
    return context.message.metadata.get("reply_text")


@pytest.mark.parametrize("name", REPLIES)
def test_reply_text_ends_at_the_header_of_the_mail_program(
    frontdesk: MailFrontDesk, name: str
) -> None:
    assert reply_text(frontdesk, REPLIES[name]) == NEW_TEXT


@pytest.mark.parametrize("name", TRAPS)
def test_text_that_only_looks_like_a_header_is_left_whole(
    frontdesk: MailFrontDesk, name: str
) -> None:
    assert reply_text(frontdesk, TRAPS[name]) is None


@pytest.mark.parametrize("name", REPLIES)
def test_answer_below_the_history_is_never_lost(name: str) -> None:
    if REPLIES[name].count("\n>"):
        assert (
            new_text(f"{REPLIES[name]}\n\nIn blue, please.")
            == f"{REPLIES[name]}\n\nIn blue, please."
        )


def test_corpus_of_replies_is_large(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        clients = Counter(one["client"] for one in HEADERS["headers"])
        print(f"{len(REPLIES)} headers, {len(TRAPS)} traps: {dict(clients)}")  # noqa: T201 - the figures are for the developer who runs it
    assert len(REPLIES) == len(HEADERS["headers"]) >= 80
    assert len(TRAPS) >= 20
