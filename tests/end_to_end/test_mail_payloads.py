"""Each payload of ``tests/payloads/sendgrid``, posted over HTTP, becomes a context on a queue."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from application.ports.context_queue import DelayedReader
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.routing import QueueKind, QueueName
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.end_to_end.providers import Providers
from tests.faults.in_process import HttpRequest, InProcessFrontDesk, in_process_frontdesk

PAYLOADS = Path(__file__).parents[1] / "payloads" / "sendgrid"
EXPECTED: dict[str, dict[str, Any]] = json.loads((PAYLOADS / "expected.json").read_text("utf-8"))
READABLE = sorted(name for name, expected in EXPECTED.items() if "error" not in expected)
UNREADABLE = sorted(set(EXPECTED) - set(READABLE))


@pytest.fixture
def frontdesk(tmp_path: Path) -> Iterator[InProcessFrontDesk]:
    with in_process_frontdesk(tmp_path, {"UNKNOWN_SENDER": "open"}) as frontdesk:
        yield frontdesk


def post(frontdesk: InProcessFrontDesk, name: str) -> int:
    data_dir = frontdesk.container.settings().data_dir
    providers = Providers.of(keep_development_credentials(data_dir))
    body = (PAYLOADS / f"{name}.multipart").read_bytes()
    webhook = providers.multipart_body("http://internal/webhooks/email", body)
    headers = tuple(webhook.headers.items())
    return frontdesk.post(HttpRequest("/webhooks/email", webhook.body, headers))


def contexts(frontdesk: InProcessFrontDesk, kind: QueueKind) -> list[ContextObject]:
    queue = frontdesk.container.context_queue()
    assert isinstance(queue, DelayedReader)
    deliveries = queue.receive_with_delayed(QueueName(ChannelType.EMAIL, kind), 100)
    return [delivery.context for delivery in deliveries]


@pytest.mark.parametrize("name", READABLE)
def test_readable_mail_posted_over_http_is_on_a_queue_as_expected(
    frontdesk: InProcessFrontDesk, name: str
) -> None:
    expected = EXPECTED[name]
    assert post(frontdesk, name) == 200
    replies, handoff = (contexts(frontdesk, kind) for kind in QueueKind)
    unmatched = frontdesk.container.message_store().list_unmatched(100).items
    found = [context.message for context in replies + handoff]
    assert len(found) + len(unmatched) == len(expected["recipients"])
    for message in found:
        assert message.body == expected["body"]
        assert message.sender == expected["sender"]
        metadata = {key: message.metadata.get(key) for key in expected.get("metadata", {})}
        assert metadata == expected.get("metadata", {})
        if "files" in expected:
            names = [
                [file.filename, file.content_type, file.size_bytes] for file in message.attachments
            ]
            assert names == expected["files"]
    assert frontdesk.stored_counts().dead_letters == 0


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_mail_posted_over_http_is_a_dead_letter(
    frontdesk: InProcessFrontDesk, name: str
) -> None:
    assert post(frontdesk, name) == 200
    assert frontdesk.stored_counts().dead_letters == 1
