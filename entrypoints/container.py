"""Everything is put together here, and nowhere else.

With ``backends`` the only module that imports adapters. Each is imported when it is built, so
that a process pays for what it uses: an SMS never loads the mail parser, SQLite never an SDK.
"""

import uuid
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta

from dependency_injector import containers, providers

from application.answer_unknown_sender import AnswerUnknownSender
from application.bury_request import BuryRequest
from application.clock import Clock, utc_now
from application.conversations import OpenConversation, ShowConversation, SwitchHandOff
from application.deliver_message import DeliverMessage
from application.match_conversation import MatchConversation
from application.migrate_history import MigrateHistory
from application.ports.channels import AnswerSender, WebhookParser, WebhookParserFactory
from application.ports.files import DeadLetters
from application.ports.queueing import ContextPublisher
from application.ports.storage import ClaimLimits, ConversationStore, MessageStore
from application.receive_message import ReceiveMessage
from application.receive_proven import ReceiveProven
from application.receive_webhook import ReceiveWebhook
from application.redrive_dead_letters import RedriveDeadLetters
from application.redrive_unmatched import RedriveUnmatched
from application.relay_pending import RelayPending
from application.spool_request import SpoolRequest
from application.store_files import StoreFiles
from application.work_off_spool import WorkOffSpool
from domain.addresses import ChannelType
from domain.automatic_answers import OwnAddresses
from domain.errors import SecretsUnavailableError
from domain.routing import RoutingPolicy
from domain.tenants import TenantDirectory
from entrypoints.backends import (
    Files,
    Storage,
    choose_context_queue,
    choose_files,
    choose_spool,
    choose_storage,
    open_aws,
    open_dynamodb,
    open_s3,
    open_sqlite,
    open_sqs,
    outgoing_file,
    spool_record_reader,
)
from entrypoints.erasing import (
    build_erase_message,
    build_erase_sender,
    build_sweep,
    rewriter,
)
from infrastructure.secrets.references import SecretReader
from infrastructure.secrets.refreshing import Refreshing
from infrastructure.settings import Settings, read_settings
from infrastructure.telemetry.memory import MemoryMetrics
from infrastructure.tenancy import Tenancy, read_tenancy

Once = providers.ThreadSafeSingleton
Tenancies = Refreshing[Tenancy]


def _new_id() -> str:
    return str(uuid.uuid4())


def _conversations(storage: Storage) -> ConversationStore:
    return storage.conversations


def _messages(storage: Storage) -> MessageStore:
    return storage.messages


def _dead_letters(files: Files) -> DeadLetters:
    return files.dead_letters


def _context_publisher(queue: ContextPublisher, files: Files) -> ContextPublisher:
    from infrastructure.queueing.claim_check import ClaimCheckPublisher

    return ClaimCheckPublisher(queue, files.blobs)


def _tenancies(settings: Settings, clock: Clock) -> Tenancies:
    read_secret = SecretReader()
    return Refreshing(lambda: read_tenancy(settings, read_secret), clock)


def _current(tenancies: Tenancies) -> Tenancy:
    return tenancies.current()


def _refreshing(parser: WebhookParser, tenancies: Tenancies) -> WebhookParser:
    from infrastructure.channels.refreshing_parser import RefreshingParser

    # Read here, where the start has time for it. If that fails, webhooks wait outside.
    with suppress(SecretsUnavailableError):
        tenancies.current()
    return RefreshingParser(parser, tenancies)


def _twilio_parser(tenancies: Tenancies) -> WebhookParser:
    from infrastructure.channels.twilio.parser import TwilioWebhookParser

    parser = TwilioWebhookParser(lambda: tenancies.current().accounts.twilio)
    return _refreshing(parser, tenancies)


def _sendgrid_parser(settings: Settings, tenancies: Tenancies, clock: Clock) -> WebhookParser:
    from infrastructure.channels.sendgrid.parser import SendgridWebhookParser

    parser = SendgridWebhookParser(
        lambda: tenancies.current().accounts.sendgrid,
        clock,
        timedelta(seconds=settings.sendgrid_tolerance_seconds),
    )
    return _refreshing(parser, tenancies)


def _twilio_sender(settings: Settings, tenancies: Tenancies) -> AnswerSender:
    if not settings.has_real_secrets:
        return outgoing_file(settings)
    from infrastructure.channels.twilio.sender import TwilioAnswerSender

    return TwilioAnswerSender(lambda: tenancies.current().accounts.twilio)


def _sendgrid_sender(settings: Settings, tenancies: Tenancies) -> AnswerSender | None:
    if not any(account.api_key for account in tenancies.current().accounts.sendgrid):
        # With the AWS backends there need not be a disk, and nobody would look at it.
        return outgoing_file(settings) if settings.storage != "dynamodb" else None
    from infrastructure.channels.sendgrid.sender import SendgridAnswerSender

    return SendgridAnswerSender(lambda: tenancies.current().accounts.sendgrid)


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


class Container(containers.DeclarativeContainer):
    """Every part of Frontdesk by its name. ``shutdown_resources()`` closes what is open."""

    environ: providers.Dependency[Mapping[str, str]] = providers.Dependency()
    ephemeral = providers.Object(False)

    settings = Once(read_settings, environ, ephemeral=ephemeral)
    clock = providers.Object(utc_now)
    tenancies = Once(_tenancies, settings, clock)
    tenancy = providers.Callable(_current, tenancies)
    directory = providers.Callable(_directory, tenancy)
    own_addresses = providers.Callable(_own_addresses, tenancy)
    new_id = providers.Object(_new_id)
    metrics = Once(MemoryMetrics)

    store_database = providers.Resource(open_sqlite, settings, "frontdesk.db")
    queue_database = providers.Resource(open_sqlite, settings, "queues.db")
    aws = Once(open_aws, settings)
    dynamodb = Once(open_dynamodb, aws)
    sqs = Once(open_sqs, aws)
    s3 = Once(open_s3, aws)
    files = Once(choose_files, settings, s3.provider)
    storage = Once(choose_storage, settings, store_database.provider, dynamodb.provider, files)
    conversation_store = providers.Callable(_conversations, storage)
    message_store = providers.Callable(_messages, storage)
    dead_letters = providers.Callable(_dead_letters, files)
    context_queue = Once(
        choose_context_queue, settings, queue_database.provider, sqs.provider, clock
    )
    context_publisher = Once(_context_publisher, context_queue, files)

    twilio_parser = Once(_twilio_parser, tenancies)
    sendgrid_parser = Once(_sendgrid_parser, settings, tenancies, clock)
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
    twilio_sender = Once(_twilio_sender, settings, tenancies)
    sendgrid_sender = Once(_sendgrid_sender, settings, tenancies)
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
        message_store,
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
        deliver=deliver_message,
        answer_unknown_sender=answer_unknown_sender,
        clock=clock,
        new_id=new_id,
        metrics=metrics,
    )
    receive_proven = Once(
        ReceiveProven,
        parsers,
        Once(StoreFiles, files.provided.blobs),
        receive_message,
        settings.provided.unauthenticated_mail,
    )
    bury_request = Once(BuryRequest, dead_letters, parsers, clock, metrics)
    spool = Once(choose_spool, settings, sqs.provider, files, clock, metrics)
    receive_webhook = Once(
        ReceiveWebhook,
        parsers,
        receive_proven,
        Once(SpoolRequest, spool, parsers, clock, metrics),
        bury_request,
        metrics,
    )
    read_spool_record = Once(spool_record_reader, files)
    work_off_spool = Once(WorkOffSpool, spool, receive_proven, bury_request)
    relay_pending = Once(RelayPending, message_store, deliver_message, dead_letters, clock, metrics)
    migrate_history = Once(MigrateHistory, conversation_store, message_store)
    redrive_dead_letters = Once(RedriveDeadLetters, dead_letters, receive_proven, message_store)
    redrive_unmatched = Once(RedriveUnmatched, message_store, match, deliver_message)

    erase_message = Once(build_erase_message, storage, files, context_queue)
    rewrite = Once(rewriter, settings, store_database.provider, queue_database.provider)
    erase_sender = Once(
        build_erase_sender,
        settings=settings,
        storage=storage,
        files=files,
        erase_message=erase_message,
        spool=spool,
        parsers=parsers,
        directory=directory.provider,
        rewrite=rewrite,
    )
    sweep = Once(build_sweep, settings, storage, files, erase_message, metrics)


def build_container(environ: Mapping[str, str], *, ephemeral: bool = False) -> Container:
    """The container for the settings in ``environ``. Raises ``SettingsError``."""
    container = Container(environ=environ, ephemeral=ephemeral)
    container.settings()
    return container
