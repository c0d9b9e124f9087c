"""``frontdesk dead-letters``."""

from application.ports.channels import WebhookRequest
from application.ports.files import DeadLetter, DeadLetterKind
from entrypoints.container import Container
from tests.builders import ACCOUNT, NOW
from tests.entrypoints.cli.support import frontdesk, json_lines


def buried(container: Container, reason: str = "MessageSid is missing") -> None:
    request = WebhookRequest("POST", "https://hooks.example.com/webhooks/sms", (), b"a=b", NOW)
    container.dead_letters().keep(
        DeadLetter("unreadable-1", DeadLetterKind.UNREADABLE, reason, ACCOUNT, request, 1, NOW)
    )


def test_no_dead_letters_are_told() -> None:
    assert frontdesk("dead-letters", "list").stdout == "There are no dead letters.\n"


def test_a_line_tells_why_without_the_request(container: Container) -> None:
    buried(container)
    assert json_lines(frontdesk("dead-letters", "list", "--json")) == [
        {
            "id": "unreadable-1",
            "kind": "unreadable",
            "reason": "MessageSid is missing",
            "attempts": 1,
            "created_at": "2026-03-04T12:00:00.250000Z",
            "account": ACCOUNT,
            "path": "/webhooks/sms",
            "size_bytes": 3,
        }
    ]


def test_a_person_sees_a_table_without_control_characters(container: Container) -> None:
    buried(container, reason="bad \x1b[31m")
    output = frontdesk("dead-letters", "list").stdout
    assert "unreadable-1  unreadable  bad \\x1b[31m         1  2026-03-04 12:00:00" in output
