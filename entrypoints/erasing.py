"""Erasure and retention, put together when somebody asks for them. Part of the container."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from application.clock import utc_now
from application.ports.channels import WebhookParserFactory
from application.ports.queueing import ContextReader
from application.ports.spooling import Spool
from application.ports.telemetry import Metrics
from domain.errors import StorageUnavailableError
from domain.tenants import TenantDirectory
from entrypoints.backends import Files, OpenDatabase, Storage, outgoing_file
from infrastructure.settings import Settings

if TYPE_CHECKING:
    from application.erase_message import EraseMessage
    from application.erase_sender import EraseSender
    from application.sweep import Retention, Sweep

UNFINISHED_AFTER = timedelta(minutes=5)
"""When nobody who lives is in the middle of writing a file any more."""


def build_erase_message(storage: Storage, files: Files, contexts: ContextReader) -> "EraseMessage":
    """Erases one message."""
    from application.erase_message import EraseMessage

    return EraseMessage(storage.messages, files.blobs, contexts)


def build_erase_sender(
    *,
    settings: Settings,
    storage: Storage,
    files: Files,
    erase_message: "EraseMessage",
    spool: Spool,
    parsers: WebhookParserFactory,
    directory: Callable[[], TenantDirectory],
    rewrite: Callable[[], None],
) -> "EraseSender":
    """Erases a person."""
    from application.erase_sender import EraseSender
    from application.find_sender import FindSender

    return EraseSender(
        conversations=storage.conversations,
        messages=storage.messages,
        erase_message=erase_message,
        claims=storage.claims,
        spool=spool,
        dead_letters=files.dead_letters,
        find_sender=FindSender(parsers),
        accounts=lambda: {name for tenant in directory().tenants for name in tenant.accounts},
        erase_answers=outgoing_file(settings).erase,
        remove_unfinished=lambda: _remove_unfinished(settings.data_dir),
        rewrite=rewrite,
    )


def _remove_unfinished(directory: Path) -> int:
    from infrastructure.durable_files import remove_unfinished

    try:
        return remove_unfinished(directory, utc_now() - UNFINISHED_AFTER)
    except OSError as error:
        raise StorageUnavailableError(f"they could not be removed: {error.strerror}") from error


def build_sweep(
    settings: Settings,
    storage: Storage,
    files: Files,
    erase_message: "EraseMessage",
    metrics: Metrics,
) -> "Sweep":
    """Deletes what is old enough."""
    from application.sweep import Sweep
    from infrastructure.durable_files import remove_unfinished

    return Sweep(
        conversations=storage.conversations,
        messages=storage.messages,
        erase_message=erase_message,
        blobs=files.blobs,
        claims=storage.claims,
        dead_letters=files.dead_letters,
        remove_leftovers=lambda before: remove_unfinished(settings.data_dir, before),
        forget_answers=outgoing_file(settings).forget_older,
        retention=retention_of(settings),
        metrics=metrics,
    )


def retention_of(settings: Settings) -> "Retention":
    """For how long things are kept; zero days of messages are for ever."""
    from application.sweep import Retention

    days = settings.message_retention_days
    return Retention(
        messages=timedelta(days=days) if days else None,
        dead_letters=timedelta(days=settings.dead_letter_retention_days),
        claims=timedelta(seconds=settings.fallback_window_seconds),
    )


def rewriter(settings: Settings, store: OpenDatabase, queue: OpenDatabase) -> Callable[[], None]:
    """Frees the database files that the settings choose of what was deleted in them."""

    def rewrite() -> None:
        if settings.storage == "sqlite":
            store().rewrite()
        if settings.queue == "sqlite":
            queue().rewrite()

    return rewrite
