"""Everything is put together here, and nowhere else.

The only module that imports adapters. Each is imported when it is built, so that a process
pays for what it uses: an SMS never loads the mail parser, SQLite never loads an SDK.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, assert_never

from dependency_injector import containers, providers

from application.answer_unknown_sender import AnswerUnknownSender
from application.clock import Clock, utc_now
from application.conversations import OpenConversation, ShowConversation, SwitchHandOff
from application.deliver_message import DeliverMessage
from application.match_conversation import MatchConversation
from application.ports.channels import AnswerSender, WebhookParser, WebhookParserFactory
from application.ports.files import BlobStore, DeadLetters
from application.ports.queueing import ContextPublisher, ContextReader
from application.ports.storage import AnswerClaims, ClaimLimits, ConversationStore, MessageStore
from application.receive_message import ReceiveMessage
from application.receive_webhook import ReceiveWebhook
from application.redrive_unmatched import RedriveUnmatched
from domain.addresses import ChannelType
from domain.automatic_answers import OwnAddresses
from domain.routing import RoutingPolicy
from domain.tenants import TenantDirectory
from infrastructure.settings import Settings, read_settings
from infrastructure.telemetry.memory import MemoryMetrics
from infrastructure.tenancy import Tenancy, read_tenancy

if TYPE_CHECKING:
    from infrastructure.sqlite import SqliteDatabase

OpenDatabase = Callable[[], "SqliteDatabase"]


def _new_id() -> str:
    return str(uuid.uuid4())


def _sqlite_database(settings: Settings, name: str) -> Iterator["SqliteDatabase"]:
    from infrastructure.sqlite import SqliteDatabase

    database = SqliteDatabase(settings.data_dir / name)
    yield database
    database.close()


@dataclass(frozen=True, slots=True)
class Storage:
    """What one storage backend provides."""

    conversations: ConversationStore
    messages: MessageStore
    claims: AnswerClaims
    blobs: BlobStore
    dead_letters: DeadLetters


def _storage(settings: Settings, open_database: OpenDatabase) -> Storage:
    match settings.storage:
        case "sqlite":
            from infrastructure.blobs.dead_letter_files import FileDeadLetters
            from infrastructure.blobs.files import FileBlobStore
            from infrastructure.storage.sqlite_claims import SqliteAnswerClaims
            from infrastructure.storage.sqlite_conversations import SqliteConversationStore
            from infrastructure.storage.sqlite_messages import SqliteMessageStore

            database = open_database()
            return Storage(
                SqliteConversationStore(database),
                SqliteMessageStore(database),
                SqliteAnswerClaims(database),
                FileBlobStore(settings.data_dir / "blobs"),
                FileDeadLetters(settings.data_dir / "dead-letters"),
            )
        case "memory":
            from infrastructure.blobs.memory import MemoryBlobStore, MemoryDeadLetters
            from infrastructure.storage.memory import (
                MemoryAnswerClaims,
                MemoryConversationStore,
                MemoryMessageStore,
            )

            return Storage(
                MemoryConversationStore(),
                MemoryMessageStore(),
                MemoryAnswerClaims(),
                MemoryBlobStore(),
                MemoryDeadLetters(),
            )
        case _:
            assert_never(settings.storage)


class ContextQueue(ContextPublisher, ContextReader, Protocol):
    """What one queue backend provides."""


def _context_queue(settings: Settings, open_database: OpenDatabase, clock: Clock) -> ContextQueue:
    match settings.queue:
        case "sqlite":
            from infrastructure.queueing.sqlite import SqliteContextQueue

            return SqliteContextQueue(open_database(), clock)
        case "memory":
            from infrastructure.queueing.memory import MemoryContextQueue

            return MemoryContextQueue(clock)
        case _:
            assert_never(settings.queue)


def _conversations(storage: Storage) -> ConversationStore:
    return storage.conversations


def _messages(storage: Storage) -> MessageStore:
    return storage.messages


def _dead_letters(storage: Storage) -> DeadLetters:
    return storage.dead_letters


def _context_publisher(queue: ContextPublisher, storage: Storage) -> ContextPublisher:
    from infrastructure.queueing.claim_check import ClaimCheckPublisher

    return ClaimCheckPublisher(queue, storage.blobs)


def _twilio_parser(tenancy: Tenancy) -> WebhookParser:
    from infrastructure.channels.twilio.parser import TwilioWebhookParser

    return TwilioWebhookParser(lambda: tenancy.accounts.twilio)


def _sendgrid_parser(settings: Settings, tenancy: Tenancy, clock: Clock) -> WebhookParser:
    from infrastructure.channels.sendgrid.parser import SendgridWebhookParser

    return SendgridWebhookParser(
        lambda: tenancy.accounts.sendgrid,
        clock,
        timedelta(seconds=settings.sendgrid_tolerance_seconds),
    )


def _twilio_sender(settings: Settings, tenancy: Tenancy) -> AnswerSender:
    if not settings.has_real_secrets:
        return _outgoing_file(settings)
    from infrastructure.channels.twilio.sender import TwilioAnswerSender

    return TwilioAnswerSender(lambda: tenancy.accounts.twilio)


def _sendgrid_sender(settings: Settings, tenancy: Tenancy) -> AnswerSender:
    if not any(account.api_key for account in tenancy.accounts.sendgrid):
        return _outgoing_file(settings)
    from infrastructure.channels.sendgrid.sender import SendgridAnswerSender

    return SendgridAnswerSender(lambda: tenancy.accounts.sendgrid)


def _outgoing_file(settings: Settings) -> AnswerSender:
    from infrastructure.channels.outgoing_file import OutgoingFileSender

    return OutgoingFileSender(settings.data_dir / "outgoing.jsonl")


def _directory(tenancy: Tenancy) -> TenantDirectory:
    return tenancy.directory


def _own_addresses(tenancy: Tenancy) -> OwnAddresses:
    return tenancy.own_addresses


def _routing_policy(settings: Settings) -> RoutingPolicy:
    return RoutingPolicy(
        timedelta(seconds=settings.reply_delay_seconds), settings.unauthenticated_mail
    )


def _claim_limits(settings: Settings) -> ClaimLimits:
    return ClaimLimits(
        timedelta(seconds=settings.fallback_window_seconds), settings.fallback_max_per_hour
    )


Once = providers.ThreadSafeSingleton


class Container(containers.DeclarativeContainer):
    """Every part of Frontdesk by its name. ``shutdown_resources()`` closes what is open."""

    environ: providers.Dependency[Mapping[str, str]] = providers.Dependency()
    ephemeral = providers.Object(False)

    settings = Once(read_settings, environ, ephemeral=ephemeral)
    tenancy = Once(read_tenancy, settings)
    directory = providers.Callable(_directory, tenancy)
    own_addresses = providers.Callable(_own_addresses, tenancy)
    clock = providers.Object(utc_now)
    new_id = providers.Object(_new_id)
    metrics = Once(MemoryMetrics)

    store_database = providers.Resource(_sqlite_database, settings, "frontdesk.db")
    queue_database = providers.Resource(_sqlite_database, settings, "queues.db")
    storage = Once(_storage, settings, store_database.provider)
    conversation_store = providers.Callable(_conversations, storage)
    message_store = providers.Callable(_messages, storage)
    dead_letters = providers.Callable(_dead_letters, storage)
    context_queue = Once(_context_queue, settings, queue_database.provider, clock)
    context_publisher = Once(_context_publisher, context_queue, storage)

    twilio_parser = Once(_twilio_parser, tenancy)
    sendgrid_parser = Once(_sendgrid_parser, settings, tenancy, clock)
    parsers = Once(
        WebhookParserFactory,
        providers.Dict(
            {
                ChannelType.WHATSAPP: twilio_parser.provider,
                ChannelType.SMS: twilio_parser.provider,
                ChannelType.EMAIL: sendgrid_parser.provider,
            }
        ),
    )
    twilio_sender = Once(_twilio_sender, settings, tenancy)
    sendgrid_sender = Once(_sendgrid_sender, settings, tenancy)
    senders = providers.Dict(
        {
            ChannelType.WHATSAPP: twilio_sender.provider,
            ChannelType.SMS: twilio_sender.provider,
            ChannelType.EMAIL: sendgrid_sender.provider,
        }
    )

    open_conversation = Once(OpenConversation, conversation_store, directory.provider)
    match = Once(
        MatchConversation,
        conversation_store,
        directory.provider,
        open_conversation,
        settings.provided.unknown_sender,
    )
    show_conversation = Once(ShowConversation, conversation_store, message_store)
    switch_hand_off = Once(SwitchHandOff, conversation_store)
    deliver_message = Once(
        DeliverMessage,
        conversation_store,
        message_store,
        context_publisher,
        match,
        providers.Callable(_routing_policy, settings),
        clock,
        metrics,
    )
    answer_unknown_sender = Once(
        AnswerUnknownSender,
        senders=senders,
        claims=storage.provided.claims,
        limits=providers.Callable(_claim_limits, settings),
        texts=settings.provided.fallback_texts,
        own_addresses=own_addresses.provider,
        clock=clock,
        metrics=metrics,
    )
    receive_message = Once(
        ReceiveMessage,
        match=match,
        messages=message_store,
        blobs=storage.provided.blobs,
        deliver=deliver_message,
        answer_unknown_sender=answer_unknown_sender,
        clock=clock,
        new_id=new_id,
        metrics=metrics,
    )
    receive_webhook = Once(
        ReceiveWebhook,
        parsers=parsers,
        receive_message=receive_message,
        dead_letters=dead_letters,
        unauthenticated_mail=settings.provided.unauthenticated_mail,
        clock=clock,
        metrics=metrics,
    )
    redrive_unmatched = Once(RedriveUnmatched, message_store, match, deliver_message)


def build_container(environ: Mapping[str, str], *, ephemeral: bool = False) -> Container:
    """The container for the settings in ``environ``. Raises ``SettingsError``."""
    container = Container(environ=environ, ephemeral=ephemeral)
    container.settings()
    return container
