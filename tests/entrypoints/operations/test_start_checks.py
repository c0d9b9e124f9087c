"""What is wrong stops the start; what does not answer is asked again, and told when it changes."""

import logging
from collections.abc import Iterable

import pytest
from dependency_injector import providers
from typing_extensions import override

from application.clock import Deadline
from application.ports.checks import Unanswered, Unreported
from domain.errors import (
    SecretsUnavailableError,
    StorageUnavailableError,
    WebhookHandlerError,
)
from entrypoints.composition.container import Container, build_container
from entrypoints.operations.checks import UnansweredError, UnfitBackendsError
from entrypoints.operations.start_checks import StartChecks
from infrastructure.backend import Backend
from tests.builders import verified
from tests.infrastructure.channels.twilio.webhooks import a_webhook


class Backends(Backend):
    """Says ``lines``, then raises ``error``."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.error: Exception | None = None

    @override
    def start_problems(self) -> Iterable[str]:
        yield from self.lines
        if self.error:
            raise self.error


@pytest.fixture
def backends() -> Backends:
    return Backends()


@pytest.fixture
def container(backends: Backends) -> Container:
    container = build_container({}, ephemeral=True)
    container.backends_in_use.override(providers.Object([backends]))
    return container


def without_secrets(container: Container, error: Exception) -> None:
    def fail() -> None:
        raise error

    container.provider_accounts.override(providers.Callable(fail))


def test_start_passes_also_when_an_engine_does_not_tell_everything(
    container: Container, backends: Backends
) -> None:
    backends.lines = [Unreported("the size is not reported")]
    start_checks = StartChecks(container)
    assert start_checks.begin() is None
    start_checks.require_passed()


@pytest.mark.parametrize(
    "error",
    [
        StorageUnavailableError("it is read-only", needs_operator=True),
        SecretsUnavailableError("it is denied", needs_operator=True),
    ],
)
def test_start_stops_at_what_is_wrong(
    container: Container, backends: Backends, error: WebhookHandlerError
) -> None:
    if isinstance(error, SecretsUnavailableError):
        without_secrets(container, error)
        backends.lines = [Unanswered("the table does not answer")]
    else:
        without_secrets(container, SecretsUnavailableError("the secret does not answer"))
        backends.error = error
    with pytest.raises(WebhookHandlerError, match=str(error)):
        StartChecks(container).begin()


def test_everything_that_does_not_answer_is_named_in_one_line(
    container: Container, backends: Backends
) -> None:
    without_secrets(container, SecretsUnavailableError("secret x: down"))
    backends.lines = [Unanswered("table y: down")]
    backends.error = StorageUnavailableError("table z: down")
    start_checks = StartChecks(container)
    unanswered = start_checks.begin()
    assert unanswered == "secret x: down; table y: down; table z: down"
    with pytest.raises(UnansweredError):
        start_checks.require_passed()


def test_engine_that_answers_in_another_form_does_not_stop_the_start(
    container: Container, backends: Backends
) -> None:
    backends.error = KeyError("MaximumMessageSize")
    reason = StartChecks(container).begin()
    assert reason is not None
    assert reason.endswith("it could not be checked: KeyError")


def test_the_reason_of_a_reading_a_moment_ago_is_told(container: Container) -> None:
    error = SecretsUnavailableError("they could not be read a moment ago")
    error.__cause__ = SecretsUnavailableError("secret x: ThrottlingException")
    without_secrets(container, error)
    assert StartChecks(container).begin() == "secret x: ThrottlingException"


def test_changes_after_the_start_are_logged_once(
    container: Container, backends: Backends, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "entrypoints.operations.start_checks")
    backends.lines = [Unanswered("table t: down")]
    start_checks = StartChecks(container)
    start_checks.begin()
    for lines in (["table t: down"], ["table t: slow"], ["table t: slow"]):
        backends.lines = [Unanswered(line) for line in lines]
        assert not start_checks.repeat()
    for lines in (["table t: none"], ["table t: none"], [], []):
        backends.lines = lines
        assert not start_checks.repeat()
    told = [(record.levelname, record.__dict__.get("reason")) for record in caplog.records]
    assert told == [
        ("WARNING", "table t: slow"),
        ("ERROR", "the backends are not as expected: table t: none"),
        ("INFO", None),
    ]


def test_nothing_is_processed_before_the_checks_have_passed(
    container: Container, backends: Backends
) -> None:
    backends.lines = [Unanswered("table t: down")]
    start_checks = StartChecks(container)
    start_checks.begin()
    backends.lines = ["table t: none"]
    start_checks.repeat()
    with pytest.raises(UnfitBackendsError):
        start_checks.require_passed()
    with pytest.raises(StorageUnavailableError, match="have not passed"):
        start_checks.process(verified(a_webhook(b"From=1")), Deadline.after())
