"""The consumer of the document keeps the contract that stands above it."""

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


class Desk:
    """A front door on real files, a customer who writes, and the consumer of the document."""

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
        self.answers: list[list[str]] = []

    def gets(self, *texts: str) -> None:
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

    def consume(self, answer: Any = None, queue: QueueName = REPLIES) -> int:
        """Let the consumer work until nothing is ready, as a new process; how often it did."""
        self.clock.advance(seconds=60)
        memory = consumer.open_memory(self.memory)
        take = answer or (lambda _, texts: self.answers.append(texts))
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
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.container.shutdown_resources()


def test_consumer_replies_once_to_a_burst_of_three_messages(desk: Desk) -> None:
    desk.gets("Hello?", "Is my order on its way?", "Number 12.")
    assert desk.consume() == 3
    assert desk.answers == [["Hello?", "Is my order on its way?", "Number 12."]]
    assert desk.backlog() == 0


def test_consumer_replies_in_the_next_turn_only_to_new_messages(desk: Desk) -> None:
    desk.gets("Hello?")
    desk.consume()
    desk.gets("Thank you.", "Bye.")
    desk.consume()
    assert desk.answers == [["Hello?"], ["Thank you.", "Bye."]]


def test_consumer_sends_no_reply_after_a_hand_off(desk: Desk) -> None:
    desk.gets("Hello?")
    desk.container.switch_hand_off()(desk.conversation.conversation_id, on=True)
    assert desk.consume() == 1
    assert desk.answers == []
    assert desk.backlog() == 0


def test_consumer_sends_no_second_reply_to_a_redelivered_context(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.gets("Hello?")
    with monkeypatch.context() as lost:
        lost.setattr(desk.container.context_queue(), "acknowledge", lambda *_: False)
        assert desk.consume() == 1
    desk.clock.advance(seconds=300)
    assert desk.consume() == 1
    assert desk.answers == [["Hello?"]]
    assert desk.backlog() == 0


def test_consumer_retries_a_turn_whose_reply_failed(desk: Desk) -> None:
    def fail(context: ContextObject, texts: list[str]) -> None:
        raise ConnectionError("the model is busy")

    desk.gets("Hello?")
    with pytest.raises(ConnectionError):
        desk.consume(fail)
    desk.clock.advance(seconds=300)
    desk.consume()
    assert desk.answers == [["Hello?"]]


def test_consumer_reads_the_full_text_of_a_context_with_a_preview(desk: Desk) -> None:
    text = "ä" * 150_000
    desk.gets(text)
    desk.clock.advance(seconds=60)
    (seen,) = desk.container.context_queue().receive(REPLIES, 1, visibility=timedelta(0))
    assert seen.context.message.body_truncated
    reference = seen.context.message.body_reference
    assert reference is not None
    assert desk.container.files().blobs.get(reference).decode() == text
    desk.consume()
    assert desk.answers == [[text]]


def test_consumer_replies_to_a_message_that_arrives_late(desk: Desk) -> None:
    early = desk.clock.now
    desk.clock.advance(seconds=5)
    desk.gets("Are you there?")
    desk.consume()
    desk.clock.now = early
    desk.gets("I forgot: number 12.")
    desk.clock.advance(seconds=3600)
    desk.consume()
    assert desk.answers == [["Are you there?"], ["I forgot: number 12."]]


def test_consumer_leaves_mail_from_an_unauthenticated_author_out_of_a_turn(desk: Desk) -> None:
    desk.container.open_conversation()(a_conversation(EMAIL, company_id=None))
    for number, (text, verified) in enumerate([("One", True), ("Forged", False), ("Two", True)]):
        desk.clock.advance(seconds=1)
        mail = an_inbound_message(
            EMAIL,
            account=SINGLE_SENDGRID_ACCOUNT,
            message_id=f"<{number}@example.com>",
            body=text,
            author_authenticated=verified,
            metadata={"author_authenticated": verified},
            received_at=desk.clock.now,
        )
        desk.container.record_message()(mail, Deadline.after())
    desk.consume(queue=QueueName(EMAIL, QueueKind.REPLIES))
    assert desk.answers == [["One", "Two"]]


def test_consumer_loop_of_the_document_replies_to_a_message(
    desk: Desk,
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
        lambda _: desk.container,
    )
    desk.gets("Hello?")
    desk.clock.advance(seconds=60)
    (loop,) = (block for block in blocks(DOCUMENT, "python") if "while True" in block)
    loop = loop.replace("ChannelType.WHATSAPP", "ChannelType.SMS")
    namespace: dict[str, Any] = {}
    with pytest.raises(KeyboardInterrupt):
        exec(loop, namespace)
    namespace["memory"].close()
    assert capsys.readouterr().out == "['Hello?']\n"
