"""A webhook that was signed with a new secret is accepted after a reload of the secrets."""

from datetime import timedelta

import pytest

from application.ports.webhook_parser import VerifiedWebhook, WebhookRequest
from domain.errors import PayloadTooLargeError, SecretsUnavailableError, ValidationError
from infrastructure.configuration.secrets.cached_value import CachedValue
from tests.application.frontdesk import StubParser
from tests.builders import ACCOUNT, verified
from tests.contracts.context_queue import ManualClock
from tests.contracts.dead_letters import REQUEST


class SecretParser(StubParser):
    """A parser that verifies a webhook whose body is one of the present secrets."""

    def __init__(self, secrets: CachedValue[tuple[str, ...]]) -> None:
        super().__init__()
        self.secrets = secrets
        self.attempts = 0

    def validate(self, request: WebhookRequest) -> VerifiedWebhook:
        self.attempts += 1
        if self.validation_error:
            raise self.validation_error
        if request.body.decode() not in self.secrets.current():
            raise ValidationError("not signed")
        return verified(request)


def signed_with(secret: str) -> WebhookRequest:
    return WebhookRequest("POST", REQUEST.url, (), secret.encode(), REQUEST.received_at)


class ParserSetup:
    """A parser, its cached secrets, and the store of the secrets."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.stored: tuple[str, ...] = ("old",)
        self.error: Exception | None = None
        self.loads = 0
        self.secrets = CachedValue(self._load, self.clock)
        self.inner = SecretParser(self.secrets)

    def validate(self, request: WebhookRequest) -> VerifiedWebhook:
        return self.secrets.use(lambda: self.inner.validate(request), retry_on=ValidationError)

    def _load(self) -> tuple[str, ...]:
        self.loads += 1
        if self.error:
            raise self.error
        return self.stored


@pytest.fixture
def parser_setup() -> ParserSetup:
    parser_setup = ParserSetup()
    parser_setup.validate(signed_with("old"))
    parser_setup.clock.advance(by=timedelta(minutes=1))
    return parser_setup


def test_rotated_secret_is_accepted_at_once(parser_setup: ParserSetup) -> None:
    parser_setup.stored = ("new", "old")
    assert parser_setup.validate(signed_with("new")).account == ACCOUNT
    assert parser_setup.loads == 2


def test_removed_secret_is_refused_once_the_new_secrets_are_loaded(
    parser_setup: ParserSetup,
) -> None:
    parser_setup.stored = ("new",)
    parser_setup.validate(signed_with("new"))
    with pytest.raises(ValidationError):
        parser_setup.validate(signed_with("old"))


def test_forged_webhooks_reload_the_secrets_once_a_minute(parser_setup: ParserSetup) -> None:
    for _ in range(5):
        with pytest.raises(ValidationError):
            parser_setup.validate(signed_with("guess"))
    assert parser_setup.loads == 2
    assert parser_setup.inner.attempts == 6  # unchanged secrets are not tried again


def test_webhook_stays_refused_when_the_secrets_cannot_be_reloaded(
    parser_setup: ParserSetup,
) -> None:
    parser_setup.error = SecretsUnavailableError("no answer")
    with pytest.raises(ValidationError):
        parser_setup.validate(signed_with("new"))
    assert parser_setup.validate(signed_with("old")).account == ACCOUNT


def test_other_error_does_not_reload_the_secrets(parser_setup: ParserSetup) -> None:
    parser_setup.inner.validation_error = PayloadTooLargeError("large")
    with pytest.raises(PayloadTooLargeError):
        parser_setup.validate(signed_with("old"))
    assert parser_setup.loads == 1


def test_webhook_without_any_secret_is_a_temporary_error() -> None:
    parser_setup = ParserSetup()
    parser_setup.error = SecretsUnavailableError("no answer")
    with pytest.raises(SecretsUnavailableError):
        parser_setup.validate(signed_with("old"))
