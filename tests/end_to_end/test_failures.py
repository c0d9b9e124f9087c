"""The answers when something of ours is broken: nothing is lost, and nothing told."""

from collections.abc import Callable

import pytest
from dependency_injector import providers

from application.ports.dead_letters import DeadLetter
from application.ports.webhook_parser import (
    ParsedMessage,
    VerifiedWebhook,
    WebhookParser,
    WebhookParserFactory,
    WebhookRequest,
    WebhookResponse,
)
from application.recovery.drain_spool import DrainOutcome
from domain.channels import ChannelType
from domain.errors import StorageUnavailableError
from domain.messages import MessageRecord
from entrypoints.composition.container import Container
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.configuration.secrets.development_secret import FILE_NAME
from infrastructure.memory.memory_blobs import MemoryDeadLetters
from infrastructure.memory.memory_conversations import MemoryConversationStore
from infrastructure.memory.memory_messages import MemoryMessageStore
from infrastructure.memory.memory_spool import MemorySpool
from tests.changed_units import use_ports, use_separate_steps
from tests.end_to_end.broken_databases import locked, renamed
from tests.end_to_end.conftest import Serve
from tests.end_to_end.frontdesk import RunningFrontDesk
from tests.end_to_end.providers import Providers
from tests.end_to_end.responses import (
    ACKNOWLEDGED,
    EMAIL,
    INTERNAL_ERROR,
    SMS,
    UNAVAILABLE,
    every_channel,
)
from tests.end_to_end.test_acknowledgements import UNREADABLE

only_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


class MissingMessages(MemoryMessageStore):
    """A store of messages that does not answer."""

    def record(self, record: MessageRecord) -> MessageRecord | None:
        raise StorageUnavailableError("internal text: no answer")


class BuggyConversations(MemoryConversationStore):
    """A store of conversations with a bug."""

    def find_open_conversations(self, *_: object) -> tuple[()]:
        raise LookupError("internal text: row 7")


class FullDeadLetters(MemoryDeadLetters):
    """A place for dead letters that takes no more."""

    def store(self, dead_letter: DeadLetter) -> None:
        raise StorageUnavailableError("internal text: no space left")


class BuggyParser(WebhookParser):
    """A parser with a bug where it matters most."""

    max_body_bytes = 1_000_000

    def validate(self, request: WebhookRequest) -> VerifiedWebhook:
        raise LookupError("internal text: no such attribute")

    def parse(self, webhook: VerifiedWebhook) -> tuple[ParsedMessage, ...]:
        raise NotImplementedError

    def respond(self) -> WebhookResponse:
        raise NotImplementedError


def without_messages(container: Container) -> None:
    use_ports(container, messages=MissingMessages())


def without_messages_and_spool(container: Container) -> None:
    without_messages(container)
    container.spool.override(providers.Object(MemorySpool(container.clock(), max_entries=0)))


def with_a_bug(container: Container) -> None:
    use_ports(container, conversations=BuggyConversations())


def with_nowhere_for_dead_letters(container: Container) -> None:
    container.dead_letters.override(providers.Object(FullDeadLetters()))


def with_buggy_parsers(container: Container) -> None:
    parsers = WebhookParserFactory(dict.fromkeys(ChannelType, BuggyParser))
    container.parsers.override(providers.Object(parsers))


def with_parsers_that_cannot_be_built(container: Container) -> None:
    def build() -> WebhookParser:
        raise LookupError("internal text: no such library")

    parsers = WebhookParserFactory(dict.fromkeys(ChannelType, build))
    container.parsers.override(providers.Object(parsers))


def without_secrets(container: Container) -> None:
    """A directory where the secret should be cannot be read, whoever asks."""
    (container.settings().data_dir / FILE_NAME).mkdir(parents=True)


# 200: a bug after authentication


@every_channel
def test_bug_after_verification_leaves_one_dead_letter(serve: Serve, channel: ChannelType) -> None:
    frontdesk = serve(prepare=with_a_bug)
    webhook = frontdesk.webhook(channel)

    assert [frontdesk.post(webhook).shown for _ in range(2)] == [ACKNOWLEDGED[channel]] * 2

    (dead_letter,) = frontdesk.dead_letters()
    assert (dead_letter.kind, dead_letter.reason) == ("bug", "LookupError")
    assert dead_letter.webhook is not None
    assert dead_letter.webhook.request.body == webhook.body


# 500


@every_channel
def test_bug_whose_dead_letter_cannot_be_stored_is_a_500(
    serve: Serve, channel: ChannelType
) -> None:
    def prepare(container: Container) -> None:
        with_a_bug(container)
        with_nowhere_for_dead_letters(container)

    frontdesk = serve(prepare=prepare)
    assert frontdesk.post(frontdesk.webhook(channel)).shown == INTERNAL_ERROR


@pytest.mark.parametrize("make", [make for _, make in UNREADABLE.values()], ids=UNREADABLE)
def test_unreadable_webhook_whose_dead_letter_cannot_be_stored_is_a_500(
    serve: Serve, make: Callable[[RunningFrontDesk], SimulatedRequest]
) -> None:
    frontdesk = serve(prepare=with_nowhere_for_dead_letters)
    assert frontdesk.post(make(frontdesk)).shown == INTERNAL_ERROR


@only_sqlite
def test_file_in_place_of_the_dead_letter_directory_is_a_500_until_it_is_deleted(
    frontdesk: RunningFrontDesk,
) -> None:
    _, make = UNREADABLE["a form without From"]
    in_the_way = frontdesk.data_dir / "dead-letters"
    frontdesk.given_conversation(SMS)
    in_the_way.touch()
    assert frontdesk.post(make(frontdesk)).shown == INTERNAL_ERROR

    in_the_way.unlink()
    assert frontdesk.post(make(frontdesk)).shown == ACKNOWLEDGED[SMS]
    assert len(frontdesk.dead_letters()) == 1


@every_channel
@pytest.mark.parametrize("prepare", [with_buggy_parsers, with_parsers_that_cannot_be_built])
def test_bug_before_verification_is_a_500_and_stores_nothing(
    serve: Serve, channel: ChannelType, prepare: Callable[[Container], None]
) -> None:
    frontdesk = serve(prepare=prepare)
    webhook = frontdesk.webhook(channel)
    before = frontdesk.stored_state()
    assert frontdesk.post(webhook).shown == INTERNAL_ERROR
    assert frontdesk.stored_state() == before


# 200, although the store is broken: the webhook waits in the spool


def drained(frontdesk: RunningFrontDesk) -> list[DrainOutcome]:
    """What became of the webhooks in the spool."""
    return list(frontdesk.container.operations().drain_spool()().values())


@every_channel
def test_webhook_waits_in_the_spool_while_the_store_is_unavailable(
    serve: Serve, channel: ChannelType
) -> None:
    frontdesk = serve(prepare=without_messages)
    webhook = frontdesk.webhook(channel)
    assert [frontdesk.post(webhook).shown for _ in range(2)] == [ACKNOWLEDGED[channel]] * 2
    assert frontdesk.container.spool().depth().entries == 1
    assert drained(frontdesk) == [DrainOutcome.RELEASED]
    assert frontdesk.container.spool().depth().entries == 1


@only_sqlite
def test_webhook_waits_in_the_spool_while_another_process_locks_the_store(
    frontdesk: RunningFrontDesk,
) -> None:
    frontdesk.given_conversation(SMS)
    webhook = frontdesk.webhook(SMS)
    with locked(frontdesk.data_dir / "frontdesk.db"):
        assert frontdesk.post(webhook).shown == ACKNOWLEDGED[SMS]
    assert drained(frontdesk) == [DrainOutcome.RECEIVED]

    assert frontdesk.post(webhook).shown == ACKNOWLEDGED[SMS]
    assert [len(found) for found in frontdesk.contexts().values()] == [1]


@only_sqlite
@every_channel
@pytest.mark.parametrize("table", ["messages", "conversations"])
def test_webhook_waits_in_the_spool_while_the_store_is_damaged(
    frontdesk: RunningFrontDesk, channel: ChannelType, table: str
) -> None:
    frontdesk.given_conversation(channel)
    webhook = frontdesk.webhook(channel)
    with renamed(frontdesk.data_dir / "frontdesk.db", table):
        assert frontdesk.post(webhook).shown == ACKNOWLEDGED[channel]
    assert drained(frontdesk) == [DrainOutcome.RECEIVED]
    assert [len(found) for found in frontdesk.contexts().values()] == [1]


@only_sqlite
def test_mail_waits_in_the_spool_while_its_attachment_cannot_be_stored(
    frontdesk: RunningFrontDesk,
) -> None:
    frontdesk.given_conversation(EMAIL)
    mail = frontdesk.webhook(EMAIL, attachments=[("order.txt", "text/plain", b"42")])
    in_the_way = frontdesk.data_dir / "blobs"
    in_the_way.touch()
    assert frontdesk.post(mail).shown == ACKNOWLEDGED[EMAIL]

    in_the_way.unlink()
    assert drained(frontdesk) == [DrainOutcome.RECEIVED]
    assert [len(found) for found in frontdesk.contexts().values()] == [1]


# 503


@every_channel
def test_webhook_receives_503_when_neither_store_nor_spool_can_be_written(
    serve: Serve, channel: ChannelType
) -> None:
    frontdesk = serve(prepare=without_messages_and_spool)
    webhook = frontdesk.webhook(channel)
    before = frontdesk.stored_state()

    response = frontdesk.post(webhook)

    assert (response.shown, response.headers["retry-after"]) == (UNAVAILABLE, "30")
    assert frontdesk.stored_state() == before


@only_sqlite
def test_webhook_receives_503_when_a_file_is_in_place_of_the_spool(
    frontdesk: RunningFrontDesk,
) -> None:
    frontdesk.given_conversation(SMS)
    webhook = frontdesk.webhook(SMS)
    (frontdesk.data_dir / "spool").touch()
    with locked(frontdesk.data_dir / "frontdesk.db"):
        assert frontdesk.post(webhook).shown == UNAVAILABLE
    assert frontdesk.post(webhook).shown == ACKNOWLEDGED[SMS]
    assert [len(found) for found in frontdesk.contexts().values()] == [1]


@every_channel
def test_webhook_receives_503_when_secrets_cannot_be_read(
    serve: Serve, channel: ChannelType
) -> None:
    frontdesk = serve(prepare=without_secrets)
    webhook = Providers.numbered(1).webhook(frontdesk.url(channel), channel)
    before = frontdesk.stored_state()

    response = frontdesk.post(webhook)

    assert (response.shown, response.headers["retry-after"]) == (UNAVAILABLE, "30")
    assert frontdesk.stored_state() == before


# 200, although the queue is broken: the webhook waits in the spool, or its message is pending


@only_sqlite
@every_channel
def test_webhook_waits_in_the_spool_while_the_queue_in_the_same_database_is_broken(
    frontdesk: RunningFrontDesk, channel: ChannelType
) -> None:
    conversation = frontdesk.given_conversation(channel)
    frontdesk.contexts()
    webhook = frontdesk.webhook(channel)
    with renamed(frontdesk.data_dir / "frontdesk.db", "contexts"):
        responses = [frontdesk.post(webhook).shown for _ in range(2)]
        assert responses == [ACKNOWLEDGED[channel]] * 2
        assert frontdesk.container.message_store().history(conversation.key) == ()
    assert drained(frontdesk) == [DrainOutcome.RECEIVED]
    assert [len(found) for found in frontdesk.contexts().values()] == [1]


@only_sqlite
@every_channel
def test_message_whose_queue_is_another_engine_is_recorded_while_that_is_broken(
    serve: Serve, channel: ChannelType
) -> None:
    frontdesk = serve(prepare=use_separate_steps)
    conversation = frontdesk.given_conversation(channel)
    frontdesk.contexts()
    webhook = frontdesk.webhook(channel)
    with renamed(frontdesk.data_dir / "frontdesk.db", "contexts"):
        responses = [frontdesk.post(webhook).shown for _ in range(2)]

    assert responses == [ACKNOWLEDGED[channel]] * 2
    assert frontdesk.contexts() == {}
    assert len(frontdesk.container.message_store().history(conversation.key)) == 1
