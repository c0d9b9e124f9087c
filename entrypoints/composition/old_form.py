"""Refuse a data directory of an unreleased version. Part of the container."""

from collections.abc import Iterator

from domain.errors import OldFormError
from infrastructure.configuration.settings import Settings


def refuse_old_form(settings: Settings) -> None:
    """Raise ``OldFormError`` before anything in the data directory is opened or made."""
    if found := ", ".join(_found(settings)):
        raise OldFormError(
            f"{settings.data_dir} holds data in the form of an unreleased version of Frontdesk "
            f"({found}): move this directory away, and a new one is made"
        )


def _found(settings: Settings) -> Iterator[str]:
    if "sqlite" in (settings.storage, settings.queue):
        from infrastructure.sqlite.database_file import has_other_form

        if has_other_form(settings.data_dir / "frontdesk.db"):
            yield "frontdesk.db"
        if (settings.data_dir / "queues.db").exists():
            yield "queues.db"
    in_files = {
        "spool": settings.spool_queue_url is None,
        "dead-letters": settings.blobs_bucket is None,
    }
    if settings.storage != "memory" and any(in_files.values()):
        from infrastructure.filesystem.old_form import holds_old_form

        yield from (
            name
            for name, is_used in in_files.items()
            if is_used and holds_old_form(settings.data_dir / name)
        )
