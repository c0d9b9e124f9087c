"""Erasure and retention, imported when they are first needed. Part of the container."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from application.clock import Clock
from application.ports.context_queue import SearchableQueue
from application.ports.metrics import Metrics
from application.ports.spool import SearchableSpool, Spool
from application.ports.stores import Stores
from application.ports.unsearchable import Unsearchable
from application.ports.webhook_parser import WebhookParserFactory
from domain.tenants import TenantDirectory
from infrastructure.backend import Backend, ContextQueue, FileBackend, Rewritable
from infrastructure.configuration.settings import Settings

if TYPE_CHECKING:
    from application.privacy.erase_message import EraseMessage
    from application.privacy.erase_person import ErasePerson
    from application.privacy.purge_expired import PurgeExpired, RetentionTimes
    from infrastructure.filesystem.backend import DataDirectory

UNFINISHED_AFTER = timedelta(minutes=5)
"""When no living process is in the middle of writing a file any more."""


def build_erase_message(stores: Stores, files: FileBackend, queue: ContextQueue) -> "EraseMessage":
    """Erases one message."""
    from application.privacy.erase_message import EraseMessage

    searchable = queue if isinstance(queue, SearchableQueue) else None
    return EraseMessage(stores.retention, files.blobs, searchable)


def build_erase_person(
    *,
    stores: Stores,
    files: FileBackend,
    erase_message: "EraseMessage",
    queue: ContextQueue,
    spool: Spool,
    parsers: WebhookParserFactory,
    directory: Callable[[], TenantDirectory],
    data_directory: "DataDirectory",
    backends: Sequence[Backend],
    clock: Clock,
) -> "ErasePerson":
    """Erases a person."""
    from application.privacy.erase_person import ErasePerson
    from application.privacy.find_person import FindPerson

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
        accounts=lambda: {name for tenant in directory().tenants for name in tenant.accounts},
        delete_stale_temporary_files=lambda: data_directory.delete_stale_temporary_files(
            clock() - UNFINISHED_AFTER
        ),
        rewrite=rewrite,
    )


def build_purge_expired(
    settings: Settings,
    stores: Stores,
    files: FileBackend,
    erase_message: "EraseMessage",
    *,
    data_directory: "DataDirectory",
    metrics: Metrics,
) -> "PurgeExpired":
    """Deletes what is old enough."""
    from application.privacy.purge_expired import PurgeExpired

    return PurgeExpired(
        messages=stores.messages,
        retention=stores.retention,
        erase_message=erase_message,
        blobs=files.blobs,
        throttle=stores.throttle,
        dead_letters=files.dead_letters,
        delete_stale_files=data_directory.delete_stale_temporary_files,
        times=retention_times(settings),
        metrics=metrics,
    )


def retention_times(settings: Settings) -> "RetentionTimes":
    """For how long things are kept; zero days of messages are for ever."""
    from application.privacy.purge_expired import RetentionTimes

    days = settings.message_retention_days
    return RetentionTimes(
        messages=timedelta(days=days) if days else None,
        dead_letters=timedelta(days=settings.dead_letter_retention_days),
        throttle=timedelta(seconds=settings.fallback_window_seconds),
    )
