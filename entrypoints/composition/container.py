"""Everything is put together here, and nowhere else.

With ``backends`` the only module that imports adapters. Each is imported when it is built, so
that a process pays for what it uses: an SMS never loads the mail parser, SQLite never an SDK.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from dependency_injector import containers, providers

from application.clock import Clock, utc_now
from application.conversations.migrate_history import MigrateHistory
from application.conversations.open_conversation import OpenConversation
from application.conversations.show_conversation import ShowConversation
from application.conversations.switch_hand_off import SwitchHandOff
from application.ports.conversation_store import ConversationStore
from application.ports.dead_letters import DeadLetters
from application.ports.fallback_sender import FallbackSender
from application.ports.fallback_throttle import ThrottleLimits
from application.ports.message_store import MessageStore
from application.ports.outbox import Outbox
from application.ports.webhook_parser import WebhookParser, WebhookParserFactory
from application.receiving.match_conversation import MatchConversation
from application.receiving.process_webhook import ProcessWebhook
from application.receiving.receive_webhook import ReceiveWebhook
from application.receiving.record_message import RecordMessage
from application.receiving.route_message import RouteMessage
from application.receiving.send_fallback import SendFallback
from application.receiving.spool_webhook import SpoolWebhook
from application.receiving.store_attachments import StoreFiles
from application.receiving.store_dead_letter import StoreDeadLetter
from application.recovery.drain_spool import DrainSpool
from application.recovery.redrive_dead_letters import RedriveDeadLetters
from application.recovery.redrive_unmatched import RedriveUnmatched
from application.recovery.relay_outbox import RelayOutbox
from domain.addresses import ChannelType
from domain.errors import SecretsUnavailableError
from domain.fallback import OwnAddresses
from domain.routing import RoutingPolicy
from domain.tenants import TenantDirectory
from entrypoints.composition.backends import (
    Files,
    choose_context_queue,
    choose_files,
    choose_patience,
    choose_spool,
    choose_stores,
    fallback_log,
    open_aws,
    open_dynamodb,
    open_s3,
    open_sqlite,
    open_sqs,
    spool_record_reader,
)
from entrypoints.composition.old_form import refuse_old_form
from entrypoints.composition.privacy import (
    build_erase_message,
    build_erase_person,
    build_purge_expired,
    rewriter,
)
from infrastructure.configuration.secrets.cached_value import CachedValue
from infrastructure.configuration.secrets.secret_references import SecretReader
from infrastructure.configuration.settings import Settings, read_settings
from infrastructure.configuration.tenants_file import TenantConfiguration, read_tenant_configuration
from infrastructure.memory.memory_metrics import MemoryMetrics

if TYPE_CHECKING:
    from application.privacy.erase_message import EraseMessage

Singleton = providers.ThreadSafeSingleton
CachedTenants = CachedValue[TenantConfiguration]


def _dead_letters(files: Files) -> DeadLetters:
    return files.dead_letters


def _erase_context(erase_message: Callable[[], "EraseMessage"]) -> Callable[[str], object]:
    """Hardly ever needed by a webhook: so it is imported only then."""
    return lambda request_id: erase_message().erase_context(request_id)


def _cached_tenants(settings: Settings, clock: Clock) -> CachedTenants:
    read_secret = SecretReader()
    return CachedValue(lambda: read_tenant_configuration(settings, read_secret), clock)


def _current(cached_tenants: CachedTenants) -> TenantConfiguration:
    return cached_tenants.current()


def _refreshing_parser(parser: WebhookParser, cached_tenants: CachedTenants) -> WebhookParser:
    from infrastructure.channels.refreshing_parser import RefreshingParser

    # Read here, where the start has time for it. If that fails, webhooks wait outside.
    with suppress(SecretsUnavailableError):
        cached_tenants.current()
    return RefreshingParser(parser, cached_tenants)


def _twilio_parser(channel: ChannelType, cached_tenants: CachedTenants) -> WebhookParser:
    from infrastructure.channels.twilio.parser import TwilioWebhookParser

    parser = TwilioWebhookParser(channel, lambda: cached_tenants.current().accounts.twilio)
    return _refreshing_parser(parser, cached_tenants)


def _sendgrid_parser(
    settings: Settings, cached_tenants: CachedTenants, clock: Clock
) -> WebhookParser:
    from infrastructure.channels.sendgrid.parser import SendgridWebhookParser

    parser = SendgridWebhookParser(
        lambda: cached_tenants.current().accounts.sendgrid,
        clock,
        timedelta(seconds=settings.sendgrid_tolerance_seconds),
    )
    return _refreshing_parser(parser, cached_tenants)


def _twilio_sender(settings: Settings, cached_tenants: CachedTenants) -> FallbackSender:
    if not settings.has_real_secrets:
        return fallback_log(settings)
    from infrastructure.channels.twilio.sender import TwilioFallbackSender

    return TwilioFallbackSender(lambda: cached_tenants.current().accounts.twilio)


def _sendgrid_sender(settings: Settings, cached_tenants: CachedTenants) -> FallbackSender | None:
    if not any(account.api_key for account in cached_tenants.current().accounts.sendgrid):
        # With the AWS backends there need not be a disk, and nobody would look at it.
        return fallback_log(settings) if settings.storage != "dynamodb" else None
    from infrastructure.channels.sendgrid.sender import SendgridFallbackSender

    return SendgridFallbackSender(lambda: cached_tenants.current().accounts.sendgrid)


def _directory(tenant_configuration: TenantConfiguration) -> TenantDirectory:
    return tenant_configuration.directory


def _own_addresses(tenant_configuration: TenantConfiguration) -> OwnAddresses:
    return tenant_configuration.own_addresses


def _routing_policy(settings: Settings) -> RoutingPolicy:
    return RoutingPolicy(
        timedelta(seconds=settings.reply_delay_seconds), settings.unauthenticated_mail
    )


def _throttle_limits(settings: Settings) -> ThrottleLimits:
    return ThrottleLimits(
        timedelta(seconds=settings.fallback_window_seconds), settings.fallback_max_per_hour
    )


class Container(containers.DeclarativeContainer):
    """Every part of Frontdesk by its name. ``shutdown_resources()`` closes what is open."""

    environ: providers.Dependency[Mapping[str, str]] = providers.Dependency()
    ephemeral = providers.Object(False)

    settings = Singleton(read_settings, environ, ephemeral=ephemeral)
    clock = providers.Object(utc_now)
    cached_tenants = Singleton(_cached_tenants, settings, clock)
    tenant_configuration = providers.Callable(_current, cached_tenants)
    directory = providers.Callable(_directory, tenant_configuration)
    own_addresses = providers.Callable(_own_addresses, tenant_configuration)
    metrics = Singleton(MemoryMetrics)

    database = providers.Resource(open_sqlite, settings)
    patience = Singleton(choose_patience, settings)
    aws = Singleton(open_aws, settings)
    dynamodb = Singleton(open_dynamodb, aws)
    sqs = Singleton(open_sqs, aws)
    s3 = Singleton(open_s3, aws)
    files = Singleton(choose_files, settings, s3.provider)
    stores = Singleton(choose_stores, settings, database.provider, dynamodb.provider, files)
    conversation_store: providers.Provider[ConversationStore] = stores.provided.conversations
    message_store: providers.Provider[MessageStore] = stores.provided.messages
    outbox: providers.Provider[Outbox] = stores.provided.outbox
    dead_letters = providers.Callable(_dead_letters, files)
    context_queue = Singleton(
        choose_context_queue, settings, database.provider, sqs.provider, files, clock
    )
    erase_message = Singleton(build_erase_message, stores, files, context_queue)

    whatsapp_parser = Singleton(_twilio_parser, ChannelType.WHATSAPP, cached_tenants)
    sms_parser = Singleton(_twilio_parser, ChannelType.SMS, cached_tenants)
    sendgrid_parser = Singleton(_sendgrid_parser, settings, cached_tenants, clock)
    parsers = Singleton(
        WebhookParserFactory,
        providers.Dict(
            {
                ChannelType.WHATSAPP: whatsapp_parser.provider,
                ChannelType.SMS: sms_parser.provider,
                ChannelType.EMAIL: sendgrid_parser.provider,
            }
        ),
    )
    twilio_sender = Singleton(_twilio_sender, settings, cached_tenants)
    sendgrid_sender = Singleton(_sendgrid_sender, settings, cached_tenants)
    senders = providers.Dict(
        {
            ChannelType.WHATSAPP: twilio_sender.provider,
            ChannelType.SMS: twilio_sender.provider,
            ChannelType.EMAIL: sendgrid_sender.provider,
        }
    )

    open_conversation = Singleton(OpenConversation, conversation_store, directory.provider)
    match = Singleton(
        MatchConversation,
        conversation_store,
        message_store,
        directory.provider,
        open_conversation,
        settings.provided.unknown_sender,
    )
    show_conversation = Singleton(ShowConversation, conversation_store, message_store)
    switch_hand_off = Singleton(SwitchHandOff, conversation_store)
    route_message = Singleton(
        RouteMessage,
        conversation_store,
        message_store,
        outbox,
        context_queue,
        providers.Callable(_erase_context, erase_message.provider),
        match,
        providers.Callable(_routing_policy, settings),
        clock,
        metrics,
    )
    send_fallback = Singleton(
        SendFallback,
        senders=senders,
        throttle=stores.provided.throttle,
        limits=providers.Callable(_throttle_limits, settings),
        texts=settings.provided.fallback_texts,
        own_addresses=own_addresses.provider,
        clock=clock,
        metrics=metrics,
    )
    record_message = Singleton(
        RecordMessage,
        match=match,
        messages=message_store,
        outbox=outbox,
        route_message=route_message,
        send_fallback=send_fallback,
        clock=clock,
        metrics=metrics,
    )
    process_webhook = Singleton(
        ProcessWebhook,
        parsers,
        Singleton(StoreFiles, files.provided.blobs),
        record_message,
        settings.provided.unauthenticated_mail,
    )
    store_dead_letter = Singleton(StoreDeadLetter, dead_letters, clock, metrics)
    spool = Singleton(choose_spool, settings, sqs.provider, files, clock, metrics)
    receive_webhook = Singleton(
        ReceiveWebhook,
        parsers,
        process_webhook,
        Singleton(SpoolWebhook, spool, parsers, clock, metrics),
        store_dead_letter,
        metrics,
    )
    read_spool_record = Singleton(spool_record_reader, files)
    drain_spool = Singleton(DrainSpool, spool, process_webhook, store_dead_letter)
    relay_outbox = Singleton(RelayOutbox, outbox, route_message, dead_letters, clock, metrics)
    migrate_history = Singleton(MigrateHistory, conversation_store, stores.provided.history_import)
    redrive_dead_letters = Singleton(RedriveDeadLetters, dead_letters, process_webhook, outbox)
    redrive_unmatched = Singleton(RedriveUnmatched, message_store, match, route_message)

    rewrite = Singleton(rewriter, settings, database.provider)
    erase_person = Singleton(
        build_erase_person,
        settings=settings,
        stores=stores,
        files=files,
        erase_message=erase_message,
        spool=spool,
        parsers=parsers,
        directory=directory.provider,
        rewrite=rewrite,
    )
    purge = Singleton(build_purge_expired, settings, stores, files, erase_message, metrics)


def build_container(environ: Mapping[str, str], *, ephemeral: bool = False) -> Container:
    """The container for the settings in ``environ``. Raises ``SettingsError``, ``OldFormError``."""
    container = Container(environ=environ, ephemeral=ephemeral)
    refuse_old_form(container.settings())
    return container
