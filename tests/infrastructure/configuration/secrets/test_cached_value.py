"""A cached value is reloaded after it changed, by one caller for all."""

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from threading import Event

import pytest

from domain.errors import SecretsUnavailableError
from infrastructure.configuration.secrets.cached_value import (
    MAX_AGE,
    MIN_INTERVAL,
    RETRY_INTERVAL,
    CachedValue,
)
from tests.contracts.concurrency import at_once
from tests.contracts.context_queue import ManualClock

MOMENT = timedelta(microseconds=1)


class Vault:
    """The source of the value: it counts its loads and may raise an error."""

    def __init__(self) -> None:
        self.value = ["first"]
        self.loads = 0
        self.error: Exception | None = None
        self.before_return: Callable[[], object] = lambda: None

    def __call__(self) -> list[str]:
        self.loads += 1
        self.before_return()
        if self.error:
            raise self.error
        return list(self.value)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def vault() -> Vault:
    return Vault()


@pytest.fixture
def secrets(vault: Vault, clock: ManualClock) -> CachedValue[list[str]]:
    return CachedValue(vault, clock)


class TestCurrent:
    def test_value_is_loaded_once_when_it_is_first_needed(
        self, vault: Vault, clock: ManualClock, secrets: CachedValue[list[str]]
    ) -> None:
        assert vault.loads == 0
        secrets.current()
        clock.advance(by=MAX_AGE - MOMENT)
        assert secrets.current() == ["first"]
        assert vault.loads == 1

    def test_outdated_value_is_loaded_again(
        self, vault: Vault, clock: ManualClock, secrets: CachedValue[list[str]]
    ) -> None:
        secrets.current()
        vault.value = ["second"]
        clock.advance(by=MAX_AGE)
        assert secrets.current() == secrets.current() == ["second"]
        assert vault.loads == 2

    def test_concurrent_first_calls_load_the_value_once(
        self, vault: Vault, secrets: CachedValue[list[str]]
    ) -> None:
        assert at_once([secrets.current] * 16) == [["first"]] * 16
        assert vault.loads == 1

    def test_other_calls_return_the_present_value_during_a_reload(
        self, vault: Vault, clock: ManualClock, secrets: CachedValue[list[str]]
    ) -> None:
        secrets.current()
        clock.advance(by=MAX_AGE)
        vault.value, loading, allowed = ["second"], Event(), Event()

        def wait() -> None:
            loading.set()
            allowed.wait(10)

        vault.before_return = wait
        with ThreadPoolExecutor(1) as thread:
            one = thread.submit(secrets.current)
            assert loading.wait(10)
            assert secrets.current() == ["first"]
            allowed.set()
            assert one.result() == ["second"]
        assert vault.loads == 2

    def test_failed_reload_retains_the_value_and_is_repeated_a_minute_later(
        self,
        vault: Vault,
        clock: ManualClock,
        secrets: CachedValue[list[str]],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        secrets.current()
        vault.error = SecretsUnavailableError("secret tenants: AccessDenied")
        clock.advance(by=MAX_AGE)
        with caplog.at_level(logging.WARNING):
            assert secrets.current() == secrets.current() == ["first"]
        assert [record.message for record in caplog.records] == ["secrets could not be read again"]
        vault.error, vault.value = None, ["second"]
        clock.advance(by=MIN_INTERVAL - MOMENT)
        assert secrets.current() == ["first"]
        clock.advance(by=MOMENT)
        assert secrets.current() == ["second"]

    def test_reload_with_an_unexpected_error_retains_the_value(
        self, vault: Vault, clock: ManualClock, secrets: CachedValue[list[str]]
    ) -> None:
        secrets.current()
        vault.error = RuntimeError("a bug")
        clock.advance(by=MAX_AGE)
        assert secrets.current() == ["first"]


class TestWithoutAnyValue:
    def test_error_that_is_not_tolerated_leaves_no_value(
        self, vault: Vault, clock: ManualClock
    ) -> None:
        secrets = CachedValue(vault, clock, tolerated=SecretsUnavailableError)
        secrets.current()
        vault.error = ValueError()
        clock.advance(by=MAX_AGE)
        with pytest.raises(ValueError):  # noqa: PT011 - the very one
            secrets.current()
        with pytest.raises(SecretsUnavailableError):
            secrets.current()
        vault.error = None
        clock.advance(by=RETRY_INTERVAL)
        assert secrets.current() == ["first"]

    def test_error_of_the_first_load_is_raised(
        self, vault: Vault, secrets: CachedValue[list[str]]
    ) -> None:
        vault.error = RuntimeError("wrong settings")
        with pytest.raises(RuntimeError, match="wrong settings"):
            secrets.current()

    def test_concurrent_calls_share_one_failed_first_load(
        self, vault: Vault, secrets: CachedValue[list[str]]
    ) -> None:
        vault.error = SecretsUnavailableError("no answer")

        def unavailable() -> bool:
            with pytest.raises(SecretsUnavailableError):
                secrets.current()
            return True

        assert all(at_once([unavailable] * 16))
        assert vault.loads == 1

    def test_failed_first_load_is_repeated_after_the_retry_interval(
        self, vault: Vault, clock: ManualClock, secrets: CachedValue[list[str]]
    ) -> None:
        vault.error = SecretsUnavailableError("no answer")
        with pytest.raises(SecretsUnavailableError):
            secrets.current()
        vault.error = None
        with pytest.raises(SecretsUnavailableError) as caught:
            secrets.current()
        assert isinstance(caught.value.__cause__, SecretsUnavailableError)
        clock.advance(by=RETRY_INTERVAL)
        assert secrets.current() == ["first"]


class TestNewerThan:
    def test_newer_value_is_loaded_at_most_once_a_minute(
        self, vault: Vault, clock: ManualClock, secrets: CachedValue[list[str]]
    ) -> None:
        outdated = secrets.current()
        vault.value = ["second"]
        clock.advance(by=MIN_INTERVAL - MOMENT)
        assert secrets.newer_than(outdated) is None
        clock.advance(by=MOMENT)
        newer = secrets.newer_than(outdated)
        assert newer == ["second"]
        assert secrets.newer_than(newer) is None
        assert vault.loads == 2

    def test_equal_value_is_not_newer(
        self, vault: Vault, clock: ManualClock, secrets: CachedValue[list[str]]
    ) -> None:
        outdated = secrets.current()
        clock.advance(by=MIN_INTERVAL)
        assert secrets.newer_than(outdated) is None
        assert vault.loads == 2

    def test_newer_value_loaded_by_another_call_is_returned_without_a_load(
        self, vault: Vault, clock: ManualClock, secrets: CachedValue[list[str]]
    ) -> None:
        outdated = secrets.current()
        vault.value = ["second"]
        clock.advance(by=MAX_AGE)
        secrets.current()
        assert secrets.newer_than(outdated) == ["second"]
        assert vault.loads == 2

    def test_concurrent_calls_for_a_newer_value_load_it_once(
        self, vault: Vault, clock: ManualClock, secrets: CachedValue[list[str]]
    ) -> None:
        outdated = secrets.current()
        vault.value = ["second"]
        clock.advance(by=MIN_INTERVAL)
        assert at_once([partial(secrets.newer_than, outdated)] * 16) == [["second"]] * 16
        assert vault.loads == 2

    def test_failed_load_of_a_newer_value_retains_the_value(
        self, vault: Vault, clock: ManualClock, secrets: CachedValue[list[str]]
    ) -> None:
        outdated = secrets.current()
        vault.error = SecretsUnavailableError("no answer")
        clock.advance(by=MIN_INTERVAL)
        assert secrets.newer_than(outdated) is None
        assert secrets.current() is outdated
