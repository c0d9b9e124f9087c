"""The consumer of the document fulfils the contract above it."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from application.clock import Deadline, utc_now
from application.ports.webhook_parser import WebhookRequest
from domain.channels import ChannelType
from domain.context import ContextObject
from domain.queues import QueueKind, QueueName
from entrypoints.composition.container import Container, build_container
from infrastructure.channels.twilio.simulator import TwilioSimulator
from infrastructure.configuration.secrets.accounts import SINGLE_SENDGRID_ACCOUNT
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.builders import a_conversation, an_inbound_message
from tests.contracts.context_queue import HANDOFF, REPLIES, ManualClock
from tests.documentation.documents import ROOT, blocks, files, imported

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

    def receive(self, *texts: str, sender: str = "+14155550123") -> None:
        """A message for each text, a second apart."""
        for text in texts:
            self.clock.advance(seconds=1)
            sent = self.simulator.request(
                "https://hooks.example.com/webhooks/sms",
                ChannelType.SMS,
                sender=sender,
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

    def hand_off(self, *, on: bool) -> None:
        """Let a human answer, or the AI."""
        conversation_id = self.conversation.conversation_id
        self.container.operations().switch_hand_off()(conversation_id, on=on)

    def backlog(self, queue: QueueName = REPLIES) -> int:
        """How many contexts are on a queue, ready or not."""
        depths = self.container.context_queue().depths()
        return sum(d.ready + d.delayed + d.in_flight for d in depths if d.queue == queue)


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


def test_context_of_a_conversation_that_was_handed_off_is_moved_to_the_human(
    frontdesk: FrontdeskAndConsumer,
) -> None:
    frontdesk.receive("Hello?", "Is a human there?")
    frontdesk.hand_off(on=True)
    assert frontdesk.consume() == 2
    assert frontdesk.replies == []
    assert (frontdesk.backlog(), frontdesk.backlog(HANDOFF)) == (0, 2)


def test_context_that_a_human_moves_back_is_answered(frontdesk: FrontdeskAndConsumer) -> None:
    frontdesk.receive("Hello?", "Is a human there?")
    frontdesk.hand_off(on=True)
    frontdesk.consume()
    frontdesk.hand_off(on=False)
    moved, done = frontdesk.container.context_queue().receive(HANDOFF, 10)
    frontdesk.container.operations().move_context()(moved.key, QueueKind.REPLIES)
    frontdesk.container.context_queue().acknowledge(HANDOFF, done.receipt)
    frontdesk.consume()
    assert frontdesk.replies == [["Hello?", "Is a human there?"]]
    assert (frontdesk.backlog(), frontdesk.backlog(HANDOFF)) == (0, 0)


@pytest.mark.parametrize("in_history", [[], ["Hello?"]])
def test_message_that_the_history_does_not_show_yet_is_answered(
    frontdesk: FrontdeskAndConsumer, monkeypatch: pytest.MonkeyPatch, in_history: list[str]
) -> None:
    frontdesk.receive("Hello?", "Is my order on its way?")
    store = frontdesk.container.message_store()
    whole = store.history(frontdesk.conversation.key)
    late = tuple(message for message in whole if message.content in in_history)
    with monkeypatch.context() as lagging:
        lagging.setattr(store, "history", lambda *_, **__: late)
        frontdesk.consume()
    assert [text for texts in frontdesk.replies for text in texts] == [
        "Hello?",
        "Is my order on its way?",
    ]
    assert frontdesk.backlog() == 0


def test_context_of_an_erased_message_is_acknowledged(
    frontdesk: FrontdeskAndConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    frontdesk.receive("Hello?")
    (retained,) = frontdesk.container.stores().retention.list_retained(10).items
    frontdesk.container.stores().retention.erase(retained)
    assert frontdesk.consume() == 1
    assert (frontdesk.replies, frontdesk.backlog()) == ([], 0)


def test_context_of_an_erased_conversation_is_acknowledged(
    frontdesk: FrontdeskAndConsumer,
) -> None:
    frontdesk.receive("Hello?")
    retention = frontdesk.container.stores().retention
    for retained in retention.list_retained(10).items:
        retention.erase(retained)
    retention.erase_conversation(frontdesk.conversation.key)
    assert frontdesk.consume() == 1
    assert frontdesk.replies == []
    assert frontdesk.backlog() == 0


def test_message_that_arrives_during_an_answer_waits_for_its_end(
    frontdesk: FrontdeskAndConsumer,
) -> None:
    def consume_next() -> None:
        memory = consumer.open_memory(frontdesk.memory)
        consumer.consume(frontdesk.container, REPLIES, memory, keep)
        memory.close()

    def keep(context: ContextObject, texts: list[str]) -> None:
        if not frontdesk.replies:
            frontdesk.receive("One more thing.")
            frontdesk.clock.advance(seconds=60)
            other.start()
            other.join(timeout=0.5)
        frontdesk.replies.append(texts)

    other = Thread(target=consume_next)
    frontdesk.receive("Hello?")
    frontdesk.consume(keep)
    other.join(timeout=30)
    assert frontdesk.replies == [["Hello?"], ["One more thing."]]
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


def receive_mail(frontdesk: FrontdeskAndConsumer, text: str, **metadata: object) -> None:
    """A mail of the customer, with this metadata."""
    frontdesk.clock.advance(seconds=1)
    mail = an_inbound_message(
        EMAIL,
        account=SINGLE_SENDGRID_ACCOUNT,
        message_id=f"<{text}@example.com>",
        body=text,
        author_authenticated=bool(metadata.get("author_authenticated", True)),
        metadata=metadata,
        received_at=frontdesk.clock.now,
    )
    frontdesk.container.record_message()(mail, Deadline.after())


def test_unauthenticated_and_automated_mail_is_part_of_no_turn(
    frontdesk: FrontdeskAndConsumer,
) -> None:
    frontdesk.container.open_conversation()(a_conversation(EMAIL, company_id=None))
    receive_mail(frontdesk, "One", author_authenticated=True)
    receive_mail(frontdesk, "Forged", author_authenticated=False)
    receive_mail(frontdesk, "I am on holiday", automated={"kind": "auto_reply"})
    receive_mail(frontdesk, "Two")
    frontdesk.consume(queue=QueueName(EMAIL, QueueKind.REPLIES))
    assert frontdesk.replies == [["One", "Two"]]


def test_unauthenticated_mail_that_a_human_moves_to_the_ai_is_answered(
    frontdesk: FrontdeskAndConsumer,
) -> None:
    frontdesk.container.open_conversation()(a_conversation(EMAIL, company_id=None))
    receive_mail(frontdesk, "Doubtful", author_authenticated=False)
    replies, handoff = (QueueName(EMAIL, kind) for kind in QueueKind)
    (delivery,) = frontdesk.container.context_queue().receive(handoff, 10)
    frontdesk.container.operations().move_context()(delivery.key, QueueKind.REPLIES)
    frontdesk.consume(queue=replies)
    assert frontdesk.replies == [["Doubtful"]]


ONE_OF_TWO_PROCESSES = """
import sys, time
from pathlib import Path
from consumer import consume, open_memory
from domain.channels import ChannelType
from domain.queues import QueueKind, QueueName
from entrypoints.composition.container import build_container

folder = Path(sys.argv[1])

def answer(context, texts):
    (folder / f"answering {context.message.sender}").touch()
    deadline = time.monotonic() + 60
    while len([*folder.glob("answering *")]) < 2:
        assert time.monotonic() < deadline, "the other process does not answer meanwhile"
        time.sleep(0.01)
    print(context.message.metadata["sender"], *texts)

frontdesk, memory = build_container({"DATA_DIR": str(folder)}), open_memory(folder / "answered.db")
assert consume(frontdesk, QueueName(ChannelType.SMS, QueueKind.REPLIES), memory, answer)
frontdesk.shutdown_resources()
"""


def test_two_processes_answer_two_conversations_at_the_same_time(
    frontdesk: FrontdeskAndConsumer, tmp_path: Path
) -> None:
    (tmp_path / "consumer.py").write_text(files(DOCUMENT)["consumer.py"], "utf-8")
    frontdesk.clock.now = utc_now() - timedelta(hours=1)
    other = a_conversation(
        company_id=None,
        credentials_reference=None,
        conversation_id="conversation-2",
        sender_id="+14155550199",
    )
    frontdesk.container.open_conversation()(other)
    frontdesk.receive("Hello?")
    frontdesk.receive("Good morning.", sender="+14155550199")
    command = [sys.executable, "-c", ONE_OF_TWO_PROCESSES, str(tmp_path)]
    environ = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "PATH": os.environ["PATH"]}
    processes = [
        subprocess.Popen(command, env=environ, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(outputs) == ["+14155550123 Hello?\n", "+14155550199 Good morning.\n"]
    assert frontdesk.backlog() == 0


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
    (loop,) = (
        block for block in blocks(DOCUMENT, "python") if "build_container(os.environ)" in block
    )
    loop = loop.replace("ChannelType.WHATSAPP", "ChannelType.SMS")
    namespace: dict[str, Any] = {}
    with pytest.raises(KeyboardInterrupt):
        exec(loop, namespace)
    namespace["memory"].close()
    assert capsys.readouterr().out == "to +14155550123: an answer to ['Hello?']\n"
