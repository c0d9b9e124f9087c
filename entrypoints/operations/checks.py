"""Is everything that the settings name there, and as it is expected?

The server asks each backend at its start what would keep it from working; ``frontdesk doctor``
asks everything.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from application.ports.checks import CheckResult, CheckStatus, Unanswered, Unreported
from domain.errors import TemporaryError, WebhookHandlerError
from entrypoints.composition.container import Container
from entrypoints.operations.backlog import check_backlog
from infrastructure.backend import Backend
from infrastructure.configuration.settings import Settings


class UnfitBackendsError(WebhookHandlerError):
    """Tables, queues or a bucket that are missing, or are not what they have to be."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("the backends are not as expected: " + "; ".join(problems))


class UnansweredError(TemporaryError):
    """Backends that do not answer: whether they are as expected is not known yet."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))


def require_backends(container: Container) -> None:
    """Refuse to work with tables, indexes, queues or a bucket that are missing or have other keys.

    Embedded databases need no such check: they are made at the start. The spool is made here:
    when it is needed nothing else may work. All backends are asked at the same time: what does
    not answer is waited for only once.

    Raises ``UnfitBackendsError`` that names every problem. If there is none, ``UnansweredError``
    that names everything that did not answer.
    """
    with ThreadPoolExecutor() as pool:
        of_each = pool.map(_start_problems, container.backends_in_use())
    lines = [line for lines in of_each for line in lines]
    if problems := [line for line in lines if not isinstance(line, Unanswered | Unreported)]:
        raise UnfitBackendsError(problems)
    if unanswered := [line for line in lines if isinstance(line, Unanswered)]:
        raise UnansweredError(unanswered)


def _start_problems(backend: Backend) -> list[str]:
    lines: list[str] = []
    try:
        lines.extend(backend.start_problems())
    except TemporaryError as error:
        lines.append(str(error) if error.needs_operator else Unanswered(str(error)))
    return lines


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
    yield from _public_url(container.settings())
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


def _public_url(settings: Settings) -> Iterator[CheckResult]:
    if settings.public_base_url is not None:
        yield CheckResult("public URL", CheckStatus.OK, settings.public_base_url)
    elif settings.has_real_secrets:
        yield CheckResult(
            "public URL",
            CheckStatus.WARNING,
            "PUBLIC_BASE_URL is not set: the URL that Twilio signed is taken from each request, "
            "which behind a proxy is often another one; expected the origin that providers post to",
        )
