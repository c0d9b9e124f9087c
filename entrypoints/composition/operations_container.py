"""The use cases that no webhook needs, put together over the container of the receiving path.

The container imports this module when the first of them is asked for.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING

from application.clock import Clock
from application.companies import FindCompany
from application.conversations.change_conversation import ChangeConversation
from application.conversations.list_messages import ListMessages
from application.conversations.migrate_history import MigrateHistory
from application.conversations.open_attachment import MediaSources, OpenAttachment
from application.conversations.search_conversations import SearchConversations
from application.conversations.show_conversation import ShowConversation
from application.conversations.switch_hand_off import SwitchHandOff
from application.overview.sampled_numbers import NAMES
from application.ports.context_queue import SearchableQueue
from application.ports.media_source import MediaSource
from application.ports.sample_history import SampleHistory
from application.ports.spool import SearchableSpool, Spool
from application.ports.stores import Stores
from application.ports.unsearchable import Unsearchable
from application.ports.webhook_parser import WebhookParserFactory
from application.privacy.erase_message import EraseMessage
from application.privacy.erase_person import ErasePerson
from application.privacy.find_person import FindPerson
from application.privacy.purge_expired import PurgeExpired, RetentionTimes
from application.recovery.describe_dead_letter import DescribeDeadLetter
from application.recovery.drain_spool import DrainSpool
from application.recovery.list_dead_letters import ListDeadLetters
from application.recovery.list_unmatched import ListUnmatched
from application.recovery.move_context import MoveContext
from application.recovery.redrive_dead_letters import RedriveDeadLetters
from application.recovery.redrive_sender import RedriveSender
from application.recovery.redrive_unmatched import RedriveUnmatched
from application.recovery.relay_outbox import RelayOutbox
from application.tracing.unrecorded import FindUnrecorded
from domain.channels import ChannelType
from domain.errors import SecretsUnavailableError
from domain.tenants import TenantDirectory
from entrypoints.composition.backends import secret_reader
from entrypoints.composition.channel_providers import PROVIDERS
from entrypoints.composition.injector import FlatContainer, containers, providers
from entrypoints.composition.tracing import open_records, open_trace_message
from infrastructure.backend import Backend, ContextQueue, FileBackend, Rewritable
from infrastructure.configuration.api_access import (
    read_access_tokens,
    read_or_keep_session_key,
)
from infrastructure.configuration.provider_accounts import ProviderAccounts
from infrastructure.configuration.secrets.access_tokens import AccessTokens
from infrastructure.configuration.secrets.cached_value import MIN_INTERVAL, CachedValue
from infrastructure.configuration.settings import Settings
from infrastructure.filesystem.backend import DataDirectory
from infrastructure.memory.memory_samples import MemorySampleHistory

if TYPE_CHECKING:
    from infrastructure.prometheus.metrics_page import MetricsPage
    from infrastructure.prometheus.prometheus_metrics import PrometheusMetrics

Factory = providers.Factory
Singleton = providers.ThreadSafeSingleton

UNFINISHED_AFTER = timedelta(minutes=5)
"""When no living process is in the middle of writing a file any more."""


def _searchable(queue: ContextQueue) -> SearchableQueue | None:
    return queue if isinstance(queue, SearchableQueue) else None


def _erase_person(
    stores: Stores,
    files: FileBackend,
    erase_message: EraseMessage,
    *,
    queue: ContextQueue,
    spool: Spool,
    parsers: WebhookParserFactory,
    tenants: Callable[[], TenantDirectory],
    data_directory: DataDirectory,
    backends: Sequence[Backend],
    clock: Clock,
) -> ErasePerson:
    def rewrite() -> None:
        for backend in backends:
            if isinstance(backend, Rewritable):
                backend.rewrite()

    return ErasePerson(
        retention=stores.retention,
        erase_message=erase_message,
        throttle=stores.throttle,
        spool=spool if isinstance(spool, SearchableSpool) else None,
        unsearchable=[one for one in (queue, spool) if isinstance(one, Unsearchable)],
        dead_letters=files.dead_letters,
        find_person=FindPerson(parsers),
        accounts=lambda: {name for tenant in tenants().tenants for name in tenant.accounts},
        delete_stale_temporary_files=lambda: data_directory.delete_stale_temporary_files(
            clock() - UNFINISHED_AFTER
        ),
        rewrite=rewrite,
    )


def _media_source(
    channel: ChannelType, settings: Settings, cached_accounts: CachedValue[ProviderAccounts]
) -> MediaSource | None:
    if not settings.has_real_secrets:
        return None  # what was simulated is nowhere
    return PROVIDERS[channel]().media_source(cached_accounts.current)


def _media_sources(
    settings: Settings, cached_accounts: CachedValue[ProviderAccounts]
) -> MediaSources:
    return {
        channel: cache(partial(_media_source, channel, settings, cached_accounts))
        for channel in ChannelType
    }


def retention_times(settings: Settings) -> RetentionTimes:
    """For how long things are kept; zero days of messages are for ever."""
    days = settings.message_retention_days
    return RetentionTimes(
        messages=timedelta(days=days) if days else None,
        dead_letters=timedelta(days=settings.dead_letter_retention_days),
        throttle=timedelta(seconds=settings.fallback_window_seconds),
    )


def _cached_tokens(settings: Settings, clock: Clock) -> CachedValue[AccessTokens]:
    """A token that an operator takes away must not work for long, even if it was the last one.

    So what is read and is wrong lets nobody in. Only while nothing can be read the tokens stay.
    """
    read_secret = secret_reader()
    return CachedValue(
        lambda: read_access_tokens(settings, read_secret),
        clock,
        MIN_INTERVAL,
        tolerated=SecretsUnavailableError,
    )


def _cached_session_key(settings: Settings, clock: Clock) -> CachedValue[bytes]:
    read_secret = secret_reader()
    return CachedValue(lambda: read_or_keep_session_key(settings, read_secret), clock)


def _metrics_page(metrics: "PrometheusMetrics") -> "MetricsPage":
    """The text that Prometheus scrapes. It loads the client library."""
    from infrastructure.prometheus.metrics_page import MetricsPage

    return MetricsPage(metrics.shared.totals)


def _samples(settings: Settings, data_directory: DataDirectory, clock: Clock) -> SampleHistory:
    """In the data directory, whatever the storage: a restart does not lose them; or in memory."""
    if settings.storage == "memory":
        return MemorySampleHistory(clock)
    return data_directory.samples(NAMES, clock)


class OperationsContainer(containers.DeclarativeContainer):
    """What operators, background jobs and scheduled functions do."""

    instance_type = FlatContainer
    core = providers.DependenciesContainer()

    open_attachment = Singleton(
        OpenAttachment,
        core.message_store,
        core.files.provided.blobs,
        Singleton(_media_sources, core.settings, core.cached_accounts),
    )
    access_tokens = Singleton(_cached_tokens, core.settings, core.clock)
    metrics_page = Singleton(_metrics_page, core.prometheus_metrics)
    samples: providers.Provider[SampleHistory] = Singleton(
        _samples, core.settings, core.data_directory, core.clock
    )
    session_key = Singleton(_cached_session_key, core.settings, core.clock)

    show_conversation = Singleton(ShowConversation, core.conversation_store, core.message_store)
    find_company = Singleton(FindCompany, core.tenants)
    search_conversations = Singleton(SearchConversations, core.conversation_store, find_company)
    list_messages = Singleton(ListMessages, core.conversation_store, core.message_store)
    change_conversation = Singleton(ChangeConversation, core.conversation_store)
    switch_hand_off = Singleton(SwitchHandOff, core.conversation_store)
    describe_dead_letter = Singleton(DescribeDeadLetter, core.parsers, core.message_store)
    list_dead_letters = Singleton(
        ListDeadLetters, core.dead_letters, describe_dead_letter, find_company
    )
    list_unmatched = Singleton(ListUnmatched, core.message_store, find_company)
    move_context = Singleton(
        MoveContext,
        core.message_store,
        core.outbox,
        core.route_message,
        core.context_queue,
        core.clock,
    )
    migrate_history = Singleton(
        MigrateHistory, core.conversation_store, core.stores.provided.history_import
    )
    drain_spool = Singleton(DrainSpool, core.spool, core.process_webhook, core.store_dead_letter)
    relay_outbox = Singleton(
        RelayOutbox, core.outbox, core.route_message, core.dead_letters, core.clock, core.metrics
    )
    redrive_dead_letters = Singleton(
        RedriveDeadLetters, core.dead_letters, core.process_webhook, core.outbox
    )
    redrive_unmatched = Singleton(
        RedriveUnmatched,
        core.message_store,
        core.match_conversation,
        core.route_message,
    )
    redrive_sender = Singleton(RedriveSender, core.message_store, redrive_unmatched)
    trace_message = Factory(
        open_trace_message,
        Factory(
            open_records,
            stores=core.stores.provider,
            queue=core.context_queue.provider,
            tenants=core.tenants,
            find_company=find_company,
            settings=core.settings,
            clock=core.clock,
        ).provider,
        Factory(
            FindUnrecorded, parsers=core.parsers, find_company=find_company, clock=core.clock
        ).provider,
        files=core.files,
        spool=core.spool_backend,
        refusals=core.refusals,
        settings=core.settings,
        clock=core.clock,
    )
    erase_message = Singleton(
        EraseMessage,
        core.stores.provided.retention,
        core.files.provided.blobs,
        Singleton(_searchable, core.context_queue),
    )
    erase_person = Singleton(
        _erase_person,
        core.stores,
        core.files,
        erase_message,
        queue=core.context_queue,
        spool=core.spool,
        parsers=core.parsers,
        tenants=core.tenants,
        data_directory=core.data_directory,
        backends=core.backends_in_use,
        clock=core.clock,
    )
    purge_expired = Singleton(
        PurgeExpired,
        messages=core.message_store,
        retention=core.stores.provided.retention,
        erase_message=erase_message,
        blobs=core.files.provided.blobs,
        throttle=core.stores.provided.throttle,
        dead_letters=core.dead_letters,
        delete_stale_files=core.data_directory.provided.delete_stale_temporary_files,
        times=Singleton(retention_times, core.settings),
        metrics=core.metrics,
    )
