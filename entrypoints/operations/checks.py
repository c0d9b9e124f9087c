"""Is everything that the settings name there, and as it is expected?

The server asks each backend at its start what would keep it from working; ``frontdesk doctor``
asks everything.
"""

from collections.abc import Iterator, Sequence

from application.ports.checks import CheckResult, CheckStatus
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
    when it is needed nothing else may work. Raises ``UnfitBackendsError`` that names every
    problem.
    """
    backends = container.backends_in_use()
    problems = [problem for backend in backends for problem in backend.start_problems()]
    if problems:
        raise UnfitBackendsError(problems)


def run_checks(container: Container) -> Iterator[CheckResult]:
    """Everything about settings that were read, one check after the other.

    Without an error, also the backlog.
    """
    in_order = True
    for result in _check_environment(container):
        in_order = in_order and result.status is not CheckStatus.ERROR
        yield result
    if in_order:
        yield from check_backlog(container)


def _check_environment(container: Container) -> Iterator[CheckResult]:
    yield from _secrets(container)
    yield from _public_urls(container.settings())
    for backend in container.backends_in_use():
        yield from backend.checks()


def _secrets(container: Container) -> Iterator[CheckResult]:
    settings = container.settings()
    if not settings.has_real_secrets:
        yield from _development_secret(settings)
        return
    try:
        accounts = container.provider_accounts()
    except WebhookHandlerError as error:
        yield CheckResult("secrets", CheckStatus.ERROR, str(error))
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
            yield CheckResult("secrets", CheckStatus.ERROR, str(error))
            return
    yield CheckResult(
        "secrets",
        CheckStatus.WARNING,
        "the development secret is in use: real providers are refused until their secrets are set",
    )


def _public_urls(settings: Settings) -> Iterator[CheckResult]:
    from_requests = []
    for channel, url in settings.webhook_urls.items():
        if url is None:
            from_requests.append(channel)
            continue
        # Values of a query may be secret.
        shown = url.partition("?")[0]
        yield CheckResult("public URL", CheckStatus.OK, f"{shown} ({channel}, configured whole)")
    if settings.public_base_url is not None:
        yield CheckResult("public URL", CheckStatus.OK, settings.public_base_url)
    elif settings.has_real_secrets and from_requests:
        yield CheckResult(
            "public URL",
            CheckStatus.WARNING,
            "PUBLIC_BASE_URL is not set: the URL that Twilio signed is taken from each request of "
            f"{' and '.join(from_requests)}, which behind a proxy is often another one; expected "
            "the URL that providers post to, up to the path that the proxy passes on",
        )
