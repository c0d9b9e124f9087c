"""Everything is put together here, and nowhere else.

With ``backends`` the only module that imports adapters. Each is imported when it is built, so
that a process pays for what it uses: an SMS never loads the mail parser, SQLite never an SDK.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from dependency_injector import containers, providers

from application.clock import Clock, utc_now
from application.conversations.open_conversation import OpenConversation
from application.ports.conversation_store import ConversationStore
from application.ports.dead_letters import DeadLetters
from application.ports.fallback_sender import FallbackSender
from application.ports.message_store import MessageStore
from application.ports.metrics import Metrics
from application.ports.outbox import Outbox
from application.ports.spool import Spool
from application.ports.webhook_parser import VerifiedWebhook, WebhookParser, WebhookParserFactory
from application.receiving.match_conversation import MatchConversation
from application.receiving.process_webhook import ProcessWebhook
from application.receiving.receive_webhook import ReceiveWebhook, Verification
from application.receiving.record_message import RecordMessage
from application.receiving.route_message import RouteMessage
from application.receiving.send_fallback import SendFallback
from application.receiving.spool_webhook import SpoolWebhook
from application.receiving.store_attachments import StoreFiles
from application.receiving.store_dead_letter import StoreDeadLetter
from domain.channels import ChannelType
from domain.errors import SecretsUnavailableError, ValidationError
from domain.fallback import OwnAddresses
from domain.tenants import TenantDirectory
from entrypoints.composition import backends, channel_providers, later
from entrypoints.composition.old_form import refuse_old_form
from infrastructure.backend import ContextQueue, StorageBackend
from infrastructure.channels.provider import Provider
from infrastructure.configuration.provider_accounts import ProviderAccounts, read_provider_accounts
from infrastructure.configuration.secrets.cached_value import CachedValue
from infrastructure.configuration.settings import Settings, read_settings
from infrastructure.memory.memory_metrics import MemoryMetrics

if TYPE_CHECKING:
    from application.privacy.erase_message import EraseMessage
    from infrastructure.filesystem.backend import DataDirectory

Singleton = providers.ThreadSafeSingleton
CachedAccounts = CachedValue[ProviderAccounts]


def _erase_context(erase_message: Callable[[], "EraseMessage"]) -> Callable[[str], object]:
    """Hardly ever needed by a webhook: so it is imported only then."""
    return lambda request_id: erase_message().erase_context(request_id)


def _cached_accounts(settings: Settings, clock: Clock) -> CachedAccounts:
    read_secret = backends.secret_reader()
    return CachedValue(lambda: read_provider_accounts(settings, read_secret), clock)


def _parser(
    provider: Provider,
    channel: ChannelType,
    settings: Settings,
    cached_accounts: CachedAccounts,
    clock: Clock,
) -> WebhookParser:
    # Read here, where the start has time for it. If that fails, webhooks wait outside.
    with suppress(SecretsUnavailableError):
        cached_accounts.current()
    return provider.parser(channel, cached_accounts.current, settings, clock)


def _with_present_secrets(
    cached_accounts: CachedAccounts,
) -> Callable[[Verification], VerifiedWebhook]:
    return lambda verification: cached_accounts.use(verification, retry_on=ValidationError)


def _fallback_sender(
    provider: Provider,
    settings: Settings,
    cached_accounts: CachedAccounts,
    data_directory: "DataDirectory",
) -> FallbackSender | None:
    if settings.has_real_secrets:
        return provider.fallback_sender(cached_accounts.current)
    # With the AWS backends there need not be a disk, and no developer looks at it.
    return None if settings.storage == "dynamodb" else data_directory.fallback_log


class Container(containers.DeclarativeContainer):
    """Every part of Frontdesk by its name. ``shutdown_resources()`` closes what is open."""

    environ: providers.Dependency[Mapping[str, str]] = providers.Dependency()
    ephemeral = providers.Object(False)

    settings = Singleton(read_settings, environ, ephemeral=ephemeral)
    clock = providers.Object(utc_now)
    cached_accounts = Singleton(_cached_accounts, settings, clock)
    provider_accounts = cached_accounts.provided.current.call()
    directory: providers.Provider[TenantDirectory] = provider_accounts.directory
    own_addresses: providers.Provider[OwnAddresses] = provider_accounts.own_addresses
    metrics: providers.Provider[Metrics] = Singleton(MemoryMetrics)
    cloudwatch_metrics = Singleton(backends.open_cloudwatch_metrics, settings)

    database = providers.Resource(backends.open_sqlite, settings)
    patience = Singleton(backends.choose_patience, settings)
    memory = Singleton(backends.open_memory, clock)
    data_directory = Singleton(backends.open_data_directory, settings)
    aws = Singleton(backends.open_aws, settings)
    dynamodb = Singleton(aws.provided.dynamodb.call())
    sqs = Singleton(aws.provided.sqs.call())
    s3 = Singleton(aws.provided.s3.call())

    files = Singleton(backends.choose_files, settings, s3.provider, memory.provider)
    sqlite = Singleton(backends.open_sqlite_backend, settings, database.provider, files, clock)
    stores: providers.Provider[StorageBackend] = Singleton(
        backends.choose_storage,
        settings,
        sqlite.provider,
        dynamodb.provider,
        memory.provider,
        files=files,
    )
    queue = Singleton(
        backends.choose_queue,
        settings,
        sqlite.provider,
        sqs.provider,
        memory.provider,
        files=files,
    )
    spool_backend = Singleton(
        backends.choose_spool,
        settings,
        sqs.provider,
        memory.provider,
        files=files,
        clock=clock,
        metrics=metrics,
    )
    backends_in_use = Singleton(
        backends.in_use, settings, data_directory, stores, queue, spool_backend, files
    )
    conversation_store: providers.Provider[ConversationStore] = stores.provided.conversations
    message_store: providers.Provider[MessageStore] = stores.provided.messages
    outbox: providers.Provider[Outbox] = stores.provided.outbox
    dead_letters: providers.Provider[DeadLetters] = files.provided.dead_letters
    context_queue: providers.Provider[ContextQueue] = queue.provided.context_queue
    spool: providers.Provider[Spool] = spool_backend.provided.spool
    erase_message = Singleton(later.erase_message, stores, files, context_queue)

    twilio = providers.Callable(channel_providers.twilio)
    sendgrid = providers.Callable(channel_providers.sendgrid)
    whatsapp_parser = Singleton(
        _parser, twilio, ChannelType.WHATSAPP, settings, cached_accounts, clock
    )
    sms_parser = Singleton(_parser, twilio, ChannelType.SMS, settings, cached_accounts, clock)
    sendgrid_parser = Singleton(
        _parser, sendgrid, ChannelType.EMAIL, settings, cached_accounts, clock
    )
    with_present_secrets = Singleton(_with_present_secrets, cached_accounts)
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
    twilio_sender = Singleton(_fallback_sender, twilio, settings, cached_accounts, data_directory)
    sendgrid_sender = Singleton(
        _fallback_sender, sendgrid, settings, cached_accounts, data_directory
    )
    senders = providers.Dict(
        {
            ChannelType.WHATSAPP: twilio_sender.provider,
            ChannelType.SMS: twilio_sender.provider,
            ChannelType.EMAIL: sendgrid_sender.provider,
        }
    )

    open_conversation = Singleton(OpenConversation, conversation_store, directory.provider)
    match_conversation = Singleton(
        MatchConversation,
        conversation_store,
        message_store,
        directory.provider,
        open_conversation,
        settings.provided.unknown_sender,
    )
    show_conversation = Singleton(later.show_conversation, conversation_store, message_store)
    switch_hand_off = Singleton(later.switch_hand_off, conversation_store)
    route_message = Singleton(
        RouteMessage,
        conversations=conversation_store,
        messages=message_store,
        outbox=outbox,
        publisher=context_queue,
        erase_context=providers.Callable(_erase_context, erase_message.provider),
        match_conversation=match_conversation,
        policy=settings.provided.routing_policy,
        clock=clock,
        metrics=metrics,
    )
    send_fallback = Singleton(
        SendFallback,
        senders=senders,
        throttle=stores.provided.throttle,
        limits=settings.provided.throttle_limits,
        texts=settings.provided.fallback_texts,
        own_addresses=own_addresses.provider,
        clock=clock,
        metrics=metrics,
    )
    record_message = Singleton(
        RecordMessage,
        match_conversation=match_conversation,
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
        settings.provided.routing_policy,
    )
    store_dead_letter = Singleton(StoreDeadLetter, dead_letters, clock, metrics)
    receive_webhook = Singleton(
        ReceiveWebhook,
        parsers,
        process_webhook,
        Singleton(SpoolWebhook, spool, parsers, clock, metrics),
        store_dead_letter,
        metrics,
        with_present_secrets,
    )
    read_spool_record = Singleton(backends.spool_record_reader, files)
    drain_spool = Singleton(later.drain_spool, spool, process_webhook, store_dead_letter)
    relay_outbox = Singleton(
        later.relay_outbox, outbox, route_message, dead_letters, clock, metrics
    )
    migrate_history = Singleton(
        later.migrate_history, conversation_store, stores.provided.history_import
    )
    redrive_dead_letters = Singleton(
        later.redrive_dead_letters, dead_letters, process_webhook, outbox
    )
    redrive_unmatched = Singleton(
        later.redrive_unmatched, message_store, match_conversation, route_message
    )

    erase_person = Singleton(
        later.erase_person,
        stores=stores,
        files=files,
        erase_message=erase_message,
        queue=context_queue,
        spool=spool,
        parsers=parsers,
        directory=directory.provider,
        data_directory=data_directory,
        backends=backends_in_use,
        clock=clock,
    )
    purge = Singleton(
        later.purge_expired,
        settings,
        stores,
        files,
        erase_message,
        data_directory=data_directory,
        metrics=metrics,
    )


def build_container(environ: Mapping[str, str], *, ephemeral: bool = False) -> Container:
    """The container for the settings in ``environ``. Raises ``SettingsError``, ``OldFormError``."""
    container = Container(environ=environ, ephemeral=ephemeral)
    refuse_old_form(container.settings())
    return container
