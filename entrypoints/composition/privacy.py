"""Erasure and retention, put together when somebody asks for them. Part of the container."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from application.clock import utc_now
from application.ports.context_queue import ContextReader
from application.ports.metrics import Metrics
from application.ports.spool import Spool
from application.ports.stores import Stores
from application.ports.webhook_parser import WebhookParserFactory
from domain.errors import StorageUnavailableError
from domain.tenants import TenantDirectory
from entrypoints.composition.backends import Files, OpenDatabase
from infrastructure.configuration.settings import Settings

if TYPE_CHECKING:
    from application.privacy.erase_message import EraseMessage
    from application.privacy.erase_person import ErasePerson
    from application.privacy.purge_expired import PurgeExpired, RetentionTimes

UNFINISHED_AFTER = timedelta(minutes=5)
"""When nobody who lives is in the middle of writing a file any more."""


def build_erase_message(stores: Stores, files: Files, contexts: ContextReader) -> "EraseMessage":
    """Erases one message."""
    from application.privacy.erase_message import EraseMessage

    return EraseMessage(stores.retention, files.blobs, contexts)


def build_erase_person(
    *,
    settings: Settings,
    stores: Stores,
    files: Files,
    erase_message: "EraseMessage",
    spool: Spool,
    parsers: WebhookParserFactory,
    directory: Callable[[], TenantDirectory],
    rewrite: Callable[[], None],
) -> "ErasePerson":
    """Erases a person."""
    from application.privacy.erase_person import ErasePerson
    from application.privacy.find_person import FindPerson

    return ErasePerson(
        retention=stores.retention,
        erase_message=erase_message,
        throttle=stores.throttle,
        spool=spool,
        dead_letters=files.dead_letters,
        find_person=FindPerson(parsers),
        accounts=lambda: {name for tenant in directory().tenants for name in tenant.accounts},
        delete_stale_temporary_files=lambda: _delete_stale_temporary_files(settings.data_dir),
        rewrite=rewrite,
    )


def _delete_stale_temporary_files(directory: Path) -> int:
    from infrastructure.durable_files import delete_stale_temporary_files

    try:
        return delete_stale_temporary_files(directory, utc_now() - UNFINISHED_AFTER)
    except OSError as error:
        raise StorageUnavailableError(f"they could not be removed: {error.strerror}") from error


def build_purge_expired(
    settings: Settings,
    stores: Stores,
    files: Files,
    erase_message: "EraseMessage",
    metrics: Metrics,
) -> "PurgeExpired":
    """Deletes what is old enough."""
    from application.privacy.purge_expired import PurgeExpired
    from infrastructure.durable_files import delete_stale_temporary_files

    return PurgeExpired(
        messages=stores.messages,
        retention=stores.retention,
        erase_message=erase_message,
        blobs=files.blobs,
        throttle=stores.throttle,
        dead_letters=files.dead_letters,
        delete_stale_files=lambda before: delete_stale_temporary_files(settings.data_dir, before),
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


def rewriter(settings: Settings, database: OpenDatabase) -> Callable[[], None]:
    """Frees the database file, if the settings choose one, of what was deleted in it."""

    def rewrite() -> None:
        if "sqlite" in (settings.storage, settings.queue):
            database().rewrite()

    return rewrite
