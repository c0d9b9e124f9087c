"""The consumer of the document fulfils the contract above it."""

import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from application.clock import Deadline
from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.routing import QueueKind, QueueName
from entrypoints.composition.container import Container, build_container
from infrastructure.channels.twilio.simulator import TwilioSimulator
from infrastructure.configuration.secrets.accounts import SINGLE_SENDGRID_ACCOUNT
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.builders import a_conversation, an_inbound_message
from tests.contracts.context_queue import REPLIES, ManualClock
from tests.documentation.documents import blocks, files, imported

DOCUMENT = "docs/consuming.md"
EMAIL = ChannelType.EMAIL
consumer = imported("consumer.py", files(DOCUMENT)["consumer.py"])


class FrontdeskAndConsumer:
    """Frontdesk on real files, a customer who writes, and the consumer of the document."""

    def __init__(self, directory: Path) -> None:
        environ = {"DATA_DIR": str(directory)}
        credentials = keep_development_credentials(directory)
        self.simulator = TwilioSimulator(
            credentials.twilio_account_sid, credentials.twilio_auth_token
        )
        self.memory = str(directory / "answered.db")
        self.clock = ManualClock()
        self.container: Container = build_container(environ)
        self.container.clock.override(self.clock)
        wanted = a_conversation(company_id=None, credentials_reference=None)
        self.conversation, _ = self.container.open_conversation()(wanted)
        self.replies: list[list[str]] = []

    def receive(self, *texts: str) -> None:
        """A message for each text, a second apart."""
        for text in texts:
            self.clock.advance(seconds=1)
            sent = self.simulator.request(
                "https://hooks.example.com/webhooks/sms",
                ChannelType.SMS,
                sender="+14155550123",
                recipient="+15005550006",
                body=text,
            )
            headers = tuple((name.lower(), value) for name, value in sent.headers.items())
            webhook = WebhookRequest("POST", sent.url, headers, sent.body, self.clock.now)
            assert self.container.receive_webhook()(webhook).status == 200

    def consume(self, reply: Any = None, queue: QueueName = REPLIES) -> int:
        """Run the consumer as a new process until no context is ready; how many it processed."""
        self.clock.advance(seconds=60)
        memory = consumer.open_memory(self.memory)
        take = reply or (lambda _, texts: self.replies.append(texts))
        try:
            count = 0
            while consumer.consume(self.container, queue, memory, take):
                count += 1
            return count
        finally:
            memory.close()

    def backlog(self) -> int:
        """How many contexts are on the queue, ready or not."""
        depths = self.container.context_queue().depths()
        return sum(d.ready + d.delayed + d.in_flight for d in depths if d.queue == REPLIES)


@pytest.fixture
def frontdesk(tmp_path: Path) -> Iterator[FrontdeskAndConsumer]:
    frontdesk = FrontdeskAndConsumer(tmp_path)
    yield frontdesk
    frontdesk.container.shutdown_resources()


def test_burst_of_three_messages_is_answered_once(frontdesk: FrontdeskAndConsumer) -> None:
    frontdesk.receive("Hello?", "Is my order on its way?", "Number 12.")
    assert frontdesk.consume() == 3
    assert frontdesk.replies == [["Hello?", "Is my order on its way?", "Number 12."]]
    assert frontdesk.backlog() == 0


def test_next_turn_answers_only_new_messages(frontdesk: FrontdeskAndConsumer) -> None:
    frontdesk.receive("Hello?")
    frontdesk.consume()
    frontdesk.receive("Thank you.", "Bye.")
    frontdesk.consume()
    assert frontdesk.replies == [["Hello?"], ["Thank you.", "Bye."]]


def test_conversation_with_a_human_is_not_answered(frontdesk: FrontdeskAndConsumer) -> None:
    frontdesk.receive("Hello?")
    frontdesk.container.operations().switch_hand_off()(
        frontdesk.conversation.conversation_id, on=True
    )
    assert frontdesk.consume() == 1
    assert frontdesk.replies == []
    assert frontdesk.backlog() == 0


def test_context_that_is_delivered_again_is_not_answered_again(
    frontdesk: FrontdeskAndConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    frontdesk.receive("Hello?")
    with monkeypatch.context() as lost:
        lost.setattr(frontdesk.container.context_queue(), "acknowledge", lambda *_: False)
        assert frontdesk.consume() == 1
    frontdesk.clock.advance(seconds=300)
    assert frontdesk.consume() == 1
    assert frontdesk.replies == [["Hello?"]]
    assert frontdesk.backlog() == 0


def test_turn_whose_answer_failed_is_answered_later(frontdesk: FrontdeskAndConsumer) -> None:
    def fail(context: ContextObject, texts: list[str]) -> None:
        raise ConnectionError("the model is busy")

    frontdesk.receive("Hello?")
    with pytest.raises(ConnectionError):
        frontdesk.consume(fail)
    frontdesk.clock.advance(seconds=300)
    frontdesk.consume()
    assert frontdesk.replies == [["Hello?"]]


def test_context_with_a_preview_is_answered_with_the_whole_text(
    frontdesk: FrontdeskAndConsumer,
) -> None:
    text = "ä" * 150_000
    frontdesk.receive(text)
    frontdesk.clock.advance(seconds=60)
    (seen,) = frontdesk.container.context_queue().receive(REPLIES, 1, visibility=timedelta(0))
    assert seen.context.message.body_truncated
    reference = seen.context.message.body_reference
    assert reference is not None
    assert frontdesk.container.files().blobs.get(reference).decode() == text
    frontdesk.consume()
    assert frontdesk.replies == [[text]]


def test_message_that_comes_late_is_answered_too(frontdesk: FrontdeskAndConsumer) -> None:
    early = frontdesk.clock.now
    frontdesk.clock.advance(seconds=5)
    frontdesk.receive("Are you there?")
    frontdesk.consume()
    frontdesk.clock.now = early
    frontdesk.receive("I forgot: number 12.")
    frontdesk.clock.advance(seconds=3600)
    frontdesk.consume()
    assert frontdesk.replies == [["Are you there?"], ["I forgot: number 12."]]


@pytest.mark.parametrize(
    "doubt", [{"author_authenticated": False}, {"automated": {"kind": "report", "sign": "report"}}]
)
def test_mail_that_goes_to_a_human_is_part_of_no_turn(
    frontdesk: FrontdeskAndConsumer, doubt: dict[str, object]
) -> None:
    frontdesk.container.open_conversation()(a_conversation(EMAIL, company_id=None))
    texts: list[tuple[str, dict[str, object]]] = [("One", {}), ("Doubtful", doubt), ("Two", {})]
    for number, (text, metadata) in enumerate(texts):
        frontdesk.clock.advance(seconds=1)
        mail = an_inbound_message(
            EMAIL,
            account=SINGLE_SENDGRID_ACCOUNT,
            message_id=f"<{number}@example.com>",
            body=text,
            author_authenticated="author_authenticated" not in metadata,
            metadata=metadata,
            received_at=frontdesk.clock.now,
        )
        frontdesk.container.record_message()(mail, Deadline.after())
    frontdesk.consume(queue=QueueName(EMAIL, QueueKind.REPLIES))
    assert frontdesk.replies == [["One", "Two"]]


def test_loop_of_the_document_answers(
    frontdesk: FrontdeskAndConsumer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "sleep", interrupt)
    monkeypatch.setattr(
        sys.modules["entrypoints.composition.container"],
        "build_container",
        lambda _: frontdesk.container,
    )
    frontdesk.receive("Hello?")
    frontdesk.clock.advance(seconds=60)
    (loop,) = (block for block in blocks(DOCUMENT, "python") if "while True" in block)
    loop = loop.replace("ChannelType.WHATSAPP", "ChannelType.SMS")
    namespace: dict[str, Any] = {}
    with pytest.raises(KeyboardInterrupt):
        exec(loop, namespace)
    namespace["memory"].close()
    assert capsys.readouterr().out == "['Hello?']\n"
