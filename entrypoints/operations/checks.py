"""Is everything that the settings name there, and as it is expected?

With ``backends`` the only other module that knows which backend is which. The server asks at its
start what would keep it from working; ``frontdesk doctor`` asks everything.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from sqlite3 import sqlite_version

from application.ports.checks import CheckResult, CheckStatus
from application.recovery.drain_spool import MAX_ATTEMPTS, VISIBILITY
from domain.errors import WebhookHandlerError
from entrypoints.composition.container import Container
from entrypoints.operations.backlog import check_backlog
from infrastructure.configuration.settings import Settings


class UnfitBackendsError(WebhookHandlerError):
    """Tables, queues or a bucket that are missing, or are not what they have to be."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("the backends are not as expected: " + "; ".join(problems))


def require_backends(container: Container) -> None:
    """Refuse to work with tables, indexes, queues or a bucket that are missing or have other keys.

    Embedded databases need no such check: they are made at the start. The spool is made here:
    when it is needed nothing else may work. Raises ``UnfitBackendsError`` that tells every
    problem.
    """
    settings = container.settings()
    problems: list[str] = []
    if settings.storage == "dynamodb":
        problems += _table_problems(container, with_expiry=False)
    if settings.queue == "sqs":
        from infrastructure.aws.sqs_queue_checks import missing_queues

        problems += missing_queues(container.sqs(), settings.queue_urls)
    if settings.storage != "memory":
        problems += _spool_refusals(container, settings.spool_queue_url)
    if settings.blobs_bucket is not None and settings.storage != "memory":
        problems += _bucket_problems(container, settings.blobs_bucket)
    if problems:
        raise UnfitBackendsError(problems)


def run_checks(container: Container) -> Iterator[CheckResult]:
    """Everything about settings that were read, one check after the other.

    If nothing is wrong, also how much was left behind.
    """
    in_order = True
    for result in _check_backends(container):
        in_order = in_order and result.status is not CheckStatus.WRONG
        yield result
    if in_order:
        yield from check_backlog(container)


def _check_backends(container: Container) -> Iterator[CheckResult]:
    settings = container.settings()
    yield from _secrets(container)
    yield from _public_url(settings)
    if settings.storage == "dynamodb":
        yield from _checked(
            "tables",
            "all four and their indexes",
            lambda: _table_problems(container, with_expiry=True),
        )
    if settings.queue == "sqs":
        yield from _checked("queues", "all six", lambda: _queue_problems(container))
    spool = settings.spool_queue_url
    if spool is not None:
        yield from _checked("spool queue", spool, lambda: _spool_problems(container, spool))
    bucket = settings.blobs_bucket
    if bucket is not None:
        yield from _checked("bucket", bucket, lambda: _bucket_problems(container, bucket))
    if bucket is None or "sqlite" in (settings.storage, settings.queue):
        yield from _data_directory(settings)


def _checked(
    check: str, in_order: str, find_problems: Callable[[], Sequence[str]]
) -> Iterator[CheckResult]:
    """A finding for each problem, or one that says what is in order."""
    try:
        problems = find_problems()
    except WebhookHandlerError as error:
        problems = [str(error)]
    if not problems:
        yield CheckResult(check, CheckStatus.OK, in_order)
    for problem in problems:
        yield CheckResult(check, CheckStatus.WRONG, problem)


def _secrets(container: Container) -> Iterator[CheckResult]:
    settings = container.settings()
    if not settings.has_real_secrets:
        yield from _development_secret(settings)
        return
    try:
        accounts = container.provider_accounts()
    except WebhookHandlerError as error:
        yield CheckResult("secrets", CheckStatus.WRONG, str(error))
        return
    counted = f"{len(accounts.twilio)} of Twilio, {len(accounts.sendgrid)} of SendGrid"
    companies = len(accounts.directory.tenants)
    yield CheckResult("secrets", CheckStatus.OK, f"accounts: {counted}; companies: {companies}")


def _development_secret(settings: Settings) -> Iterator[CheckResult]:
    from infrastructure.configuration.secrets.development_secret import (
        FILE_NAME,
        read_development_credentials,
    )

    if (settings.data_dir / FILE_NAME).exists():
        try:
            read_development_credentials(settings.data_dir)
        except WebhookHandlerError as error:
            yield CheckResult("secrets", CheckStatus.WRONG, str(error))
            return
    yield CheckResult(
        "secrets",
        CheckStatus.NOTE,
        "the development secret is in use: real providers are refused until their secrets are set",
    )


def _public_url(settings: Settings) -> Iterator[CheckResult]:
    if settings.public_base_url is not None:
        yield CheckResult("public URL", CheckStatus.OK, settings.public_base_url)
    elif settings.has_real_secrets:
        yield CheckResult(
            "public URL",
            CheckStatus.NOTE,
            "PUBLIC_BASE_URL is not set: the URL that Twilio signed is taken from each request, "
            "which behind a proxy is often another one; expected the origin that providers post to",
        )


def _table_problems(container: Container, *, with_expiry: bool) -> Sequence[str]:
    from infrastructure.aws.dynamodb.dynamodb_schema import check_tables, table_schemas

    schemas = table_schemas(**container.settings().tables._asdict())
    return check_tables(container.dynamodb(), schemas, with_expiry=with_expiry)


def _queue_problems(container: Container) -> Sequence[str]:
    from infrastructure.aws.sqs_queue_checks import check_queues

    return check_queues(container.sqs(), container.settings().queue_urls)


def _spool_problems(container: Container, url: str) -> Sequence[str]:
    from infrastructure.aws.sqs_queue_checks import check_spool

    return check_spool(container.sqs(), url, VISIBILITY, MAX_ATTEMPTS)


def _spool_refusals(container: Container, url: str | None) -> Sequence[str]:
    """Why nothing could be put aside."""
    if url is not None:
        from infrastructure.aws.sqs_queue_checks import unusable_spool

        return unusable_spool(container.sqs(), url)
    try:
        container.spool().depth()
    except WebhookHandlerError as error:
        return (str(error),)
    return ()


def _bucket_problems(container: Container, bucket: str) -> Sequence[str]:
    from infrastructure.aws.s3 import check_bucket

    return check_bucket(container.s3(), bucket)


def _data_directory(settings: Settings) -> Iterator[CheckResult]:
    from infrastructure.sqlite.sqlite_checks import check_directory, sync_seconds

    directory = settings.data_dir
    problems = check_directory(directory)
    if problems or not directory.exists():
        will_be_made = f"{directory} will be made at the start"
        yield from _checked("data directory", will_be_made, lambda: problems)
        return
    try:
        milliseconds = sync_seconds(directory) * 1000
    except OSError as error:
        text = f"{directory} cannot hold a file: {error.strerror}"
        yield CheckResult("data directory", CheckStatus.WRONG, text)
        return
    text = f"{directory}, a write is durable after {milliseconds:.1f} ms"
    yield CheckResult("data directory", CheckStatus.OK, text)
    yield from _databases(settings)


def _databases(settings: Settings) -> Iterator[CheckResult]:
    from infrastructure.sqlite import sqlite_queue as queues
    from infrastructure.sqlite import sqlite_schema as store
    from infrastructure.sqlite.sqlite_checks import check_database

    for backend, name, schema_version in (
        (settings.storage, "frontdesk.db", len(store.MIGRATIONS)),
        (settings.queue, "queues.db", len(queues.MIGRATIONS)),
    ):
        path = settings.data_dir / name
        state = f"SQLite {sqlite_version}" if path.exists() else "will be made at the start"
        if backend == "sqlite":
            find_problems = partial(check_database, path, schema_version)
            yield from _checked("database", f"{path}, {state}", find_problems)
