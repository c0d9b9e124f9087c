"""A webhook signed with a secret that has just been changed is accepted."""

from datetime import timedelta

import pytest

from application.ports.webhook_parser import VerifiedWebhook, WebhookParser, WebhookRequest
from domain.errors import PayloadTooLargeError, SecretsUnavailableError, ValidationError
from infrastructure.channels.refreshing_parser import RefreshingParser
from infrastructure.configuration.secrets.cached_value import CachedValue
from tests.application.frontdesk import THANKS, StubParser
from tests.builders import ACCOUNT, verified
from tests.contracts.context_queue import ManualClock
from tests.contracts.dead_letters import REQUEST


class SecretParser(StubParser):
    """Accepts a webhook that names one of the present secrets."""

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


class Desk:
    """A parser, the secrets that it uses, and where they come from."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.stored: tuple[str, ...] = ("old",)
        self.error: Exception | None = None
        self.loads = 0
        self.secrets = CachedValue(self._load, self.clock)
        self.inner = SecretParser(self.secrets)
        self.parser: WebhookParser = RefreshingParser(self.inner, self.secrets)

    def _load(self) -> tuple[str, ...]:
        self.loads += 1
        if self.error:
            raise self.error
        return self.stored


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.parser.validate(signed_with("old"))
    desk.clock.advance(by=timedelta(minutes=1))
    return desk


def test_rotated_secret_is_accepted_at_once(desk: Desk) -> None:
    desk.stored = ("new", "old")
    assert desk.parser.validate(signed_with("new")).account == ACCOUNT
    assert desk.loads == 2


def test_removed_secret_is_refused_once_the_new_ones_are_known(desk: Desk) -> None:
    desk.stored = ("new",)
    desk.parser.validate(signed_with("new"))
    with pytest.raises(ValidationError):
        desk.parser.validate(signed_with("old"))


def test_forged_webhooks_reload_the_secrets_once_a_minute(desk: Desk) -> None:
    for _ in range(5):
        with pytest.raises(ValidationError):
            desk.parser.validate(signed_with("guess"))
    assert desk.loads == 2
    assert desk.inner.attempts == 6  # unchanged secrets are not tried again


def test_secrets_that_cannot_be_read_again_leave_the_refusal(desk: Desk) -> None:
    desk.error = SecretsUnavailableError("no answer")
    with pytest.raises(ValidationError):
        desk.parser.validate(signed_with("new"))
    assert desk.parser.validate(signed_with("old")).account == ACCOUNT


def test_another_refusal_reads_nothing_again(desk: Desk) -> None:
    desk.inner.validation_error = PayloadTooLargeError("large")
    with pytest.raises(PayloadTooLargeError):
        desk.parser.validate(signed_with("old"))
    assert desk.loads == 1


def test_without_any_secret_the_webhook_is_a_temporary_error() -> None:
    desk = Desk()
    desk.error = SecretsUnavailableError("no answer")
    with pytest.raises(SecretsUnavailableError):
        desk.parser.validate(signed_with("old"))


def test_everything_else_is_the_parsers_own(desk: Desk) -> None:
    assert desk.parser.max_body_bytes == desk.inner.max_body_bytes
    assert desk.parser.parse(verified(REQUEST)) == ()
    assert desk.parser.respond() == THANKS
