"""Everything is put together here, and nowhere else.

With ``backends`` the only module that imports adapters. Each is imported when it is built, so
that a process pays for what it uses: an SMS never loads the mail parser, SQLite never an SDK.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from application.clock import Clock, utc_now
from application.conversations.open_conversation import OpenConversation
from application.ports.claim_check import ClaimCheck
from application.ports.conversation_store import ConversationStore
from application.ports.dead_letters import DeadLetters
from application.ports.fallback_sender import FallbackSender
from application.ports.message_store import MessageStore
from application.ports.metrics import Metrics
from application.ports.outbox import Outbox
from application.ports.spool import Spool
from application.ports.stores import Stores
from application.ports.unit_of_work import Unit, UnitOfWork
from application.ports.webhook_parser import WebhookParser, WebhookParserFactory
from application.receiving.match_conversation import MatchConversation
from application.receiving.process_webhook import ProcessWebhook
from application.receiving.receive_webhook import ReceiveWebhook
from application.receiving.record_message import RecordMessage
from application.receiving.route_message import RouteMessage
from application.receiving.send_fallback import SendFallback
from application.receiving.spool_webhook import SpoolWebhook
from application.receiving.store_dead_letter import StoreDeadLetter
from domain.channels import ChannelType
from domain.errors import SecretsUnavailableError, ValidationError
from domain.fallback import OwnAddresses
from domain.tenants import TenantDirectory
from entrypoints.composition import backends
from entrypoints.composition.channel_providers import PROVIDERS
from entrypoints.composition.injector import FlatContainer, containers, providers
from entrypoints.composition.old_form import refuse_old_form
from infrastructure.backend import (
    ContextQueue,
    FileBackend,
    QueueBackend,
    SpoolBackend,
    StorageBackend,
)
from infrastructure.configuration.provider_accounts import ProviderAccounts, read_provider_accounts
from infrastructure.configuration.secrets.cached_value import CachedValue
from infrastructure.configuration.settings import Settings, read_settings
from infrastructure.memory.memory_metrics import MemoryMetrics
from infrastructure.separate_steps import SeparateSteps
from infrastructure.serialization.claim_check import BlobClaimCheck

if TYPE_CHECKING:
    from application.ports.refusals import Refusals
    from entrypoints.composition.operations_container import OperationsContainer
    from infrastructure.filesystem.backend import DataDirectory

Singleton = providers.ThreadSafeSingleton
CachedAccounts = CachedValue[ProviderAccounts]


def _open_operations(core: "Container") -> "OperationsContainer":
    from entrypoints.composition.operations_container import OperationsContainer

    return OperationsContainer(core=core)


def _now(clock: Clock) -> datetime:
    return clock()


def _erase_context(operations: Callable[[], "OperationsContainer"]) -> Callable[[str], object]:
    """Hardly ever needed by a webhook: so it is imported only then."""
    return lambda request_id: operations().erase_message().erase_context(request_id)


def _cached_accounts(settings: Settings, clock: Clock) -> CachedAccounts:
    read_secret = backends.secret_reader()
    return CachedValue(lambda: read_provider_accounts(settings, read_secret), clock)


def _present_tenants(cached_accounts: CachedAccounts) -> Callable[[], TenantDirectory]:
    """A plain function, for every webhook asks: a chain of providers takes ten times as long."""
    return lambda: cached_accounts.current().directory


def _open_refusals(*parts: Any) -> "Refusals":  # noqa: ANN401 - those of choose_refusals
    """Imported with the first refusal."""
    from entrypoints.composition.refusals import choose_refusals

    return choose_refusals(*parts)


def _parser(
    channel: ChannelType, settings: Settings, cached_accounts: CachedAccounts, clock: Clock
) -> WebhookParser:
    # Read here, where the start has time for it. If that fails, webhooks wait outside.
    with suppress(SecretsUnavailableError):
        cached_accounts.current()
    return PROVIDERS[channel]().parser(channel, cached_accounts.current, settings, clock)


def _fallback_sender(
    channel: ChannelType,
    settings: Settings,
    cached_accounts: CachedAccounts,
    data_directory: "DataDirectory",
) -> FallbackSender | None:
    if settings.has_real_secrets:
        return PROVIDERS[channel]().fallback_sender(cached_accounts.current)
    # With the AWS backends there need not be a disk, and no developer looks at it.
    return None if settings.storage == "dynamodb" else data_directory.fallback_log


def _of_each_channel(build: Callable[..., object], *collaborators: object) -> providers.Dict:
    """A provider for each channel, built on first use."""
    return providers.Dict(
        {channel: Singleton(build, channel, *collaborators).provider for channel in ChannelType}
    )


class Container(containers.DeclarativeContainer):
    """Every part of Frontdesk by its name. ``shutdown_resources()`` closes what is open."""

    instance_type = FlatContainer
    __self__ = providers.Self()
    environ: providers.Dependency[Mapping[str, str]] = providers.Dependency()
    ephemeral = providers.Object(False)

    settings = Singleton(read_settings, environ, ephemeral=ephemeral)
    clock = providers.Object(utc_now)
    started_at = Singleton(_now, clock)
    cached_accounts = Singleton(_cached_accounts, settings, clock)
    provider_accounts = cached_accounts.provided.current.call()
    tenants = Singleton(_present_tenants, cached_accounts)
    own_addresses: providers.Provider[OwnAddresses] = provider_accounts.own_addresses
    metrics: providers.Provider[Metrics] = Singleton(MemoryMetrics)
    cloudwatch_metrics = Singleton(backends.open_cloudwatch_metrics, settings)
    prometheus_metrics = Singleton(backends.open_prometheus_metrics)

    database = providers.Resource(backends.open_sqlite, settings)
    patience = Singleton(backends.choose_patience, settings)
    memory = Singleton(backends.open_memory, clock)
    data_directory = Singleton(backends.open_data_directory, settings)
    aws = Singleton(backends.open_aws, settings)
    dynamodb = Singleton(aws.provided.dynamodb.call())
    sqs = Singleton(aws.provided.sqs.call())
    s3 = Singleton(aws.provided.s3.call())

    files: providers.Provider[FileBackend] = Singleton(
        backends.choose_files, settings, s3.provider, memory.provider
    )
    sqlite = Singleton(backends.open_sqlite_backend, settings, database.provider, clock, metrics)
    storage: providers.Provider[StorageBackend] = Singleton(
        backends.choose_storage,
        settings,
        files,
        sqlite=sqlite.provider,
        dynamodb=dynamodb.provider,
        memory=memory.provider,
    )
    queue: providers.Provider[QueueBackend] = Singleton(
        backends.choose_queue,
        settings,
        sqlite=sqlite.provider,
        sqs=sqs.provider,
        memory=memory.provider,
    )
    spool_backend: providers.Provider[SpoolBackend] = Singleton(
        backends.choose_spool,
        settings,
        files,
        sqs=sqs.provider,
        memory=memory.provider,
        clock=clock,
        metrics=metrics,
    )
    backends_in_use = Singleton(
        backends.in_use, settings, data_directory, storage, queue, spool_backend, files
    )
    stores: providers.Provider[Stores] = Singleton(attrgetter("stores"), storage)
    conversation_store: providers.Provider[ConversationStore] = stores.provided.conversations
    message_store: providers.Provider[MessageStore] = stores.provided.messages
    outbox: providers.Provider[Outbox] = stores.provided.outbox
    dead_letters: providers.Provider[DeadLetters] = files.provided.dead_letters
    context_queue: providers.Provider[ContextQueue] = queue.provided.context_queue
    spool: providers.Provider[Spool] = spool_backend.provided.spool
    refusals: providers.Provider["Refusals"] = Singleton(
        _open_refusals, settings, data_directory.provider, clock, cached_accounts.provider
    )
    logged_refusals = Singleton(backends.logged_refusals)
    operations: providers.Provider["OperationsContainer"] = Singleton(_open_operations, __self__)

    parsers = Singleton(
        WebhookParserFactory, _of_each_channel(_parser, settings, cached_accounts, clock)
    )
    senders = _of_each_channel(_fallback_sender, settings, cached_accounts, data_directory)
    with_present_secrets = Singleton(
        partial, cached_accounts.provided.use, retry_on=ValidationError
    )

    claim_check: providers.Provider[ClaimCheck] = Singleton(BlobClaimCheck, files.provided.blobs)
    separate_steps = Singleton(
        SeparateSteps,
        Singleton(
            Unit,
            conversations=conversation_store,
            messages=message_store,
            outbox=outbox,
            publisher=context_queue,
            is_atomic=False,
        ),
    )
    unit_of_work: providers.Provider[UnitOfWork] = Singleton(
        backends.choose_unit_of_work,
        settings,
        sqlite=sqlite.provider,
        separate_steps=separate_steps.provider,
    )

    open_conversation = Singleton(OpenConversation, conversation_store, tenants)
    match_conversation = Singleton(
        MatchConversation, tenants, open_conversation, settings.provided.unknown_sender
    )
    route_message = Singleton(
        RouteMessage,
        unit_of_work=unit_of_work,
        messages=message_store,
        outbox=outbox,
        claim_check=claim_check,
        erase_context=Singleton(_erase_context, operations.provider),
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
        unit_of_work=unit_of_work,
        claim_check=claim_check,
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
        files.provided.blobs,
        record_message,
        settings.provided.routing_policy,
    )
    store_dead_letter = Singleton(StoreDeadLetter, dead_letters, clock, metrics)
    receive_webhook = Singleton(
        ReceiveWebhook,
        parsers=parsers,
        # The server replaces it: then it is not built, and opens no store.
        process_webhook=process_webhook,
        spool_webhook=Singleton(SpoolWebhook, spool, parsers, clock, metrics),
        store_dead_letter=store_dead_letter,
        metrics=metrics,
        with_present_secrets=with_present_secrets,
        refusals=refusals.provider,
    )
    read_spool_record = Singleton(backends.spool_record_reader, files)


def build_container(environ: Mapping[str, str], *, ephemeral: bool = False) -> Container:
    """The container for the settings in ``environ``. Raises ``SettingsError``, ``OldFormError``."""
    container = Container(environ=environ, ephemeral=ephemeral)
    refuse_old_form(container.settings())
    return container


def count_for_prometheus(
    container: Container, shared: backends.SharedMetrics | None = None
) -> None:
    """Let the parts that are built from now on count what a scrape shows; see ``SharedMetrics``."""
    container.metrics.override(container.prometheus_metrics(shared))
    started_at = shared.started_at if shared else container.clock()()
    container.started_at.override(providers.Object(started_at))
