"""Fixtures for every folder."""

import gc
import logging
from collections.abc import Iterator

import pytest

from infrastructure.configuration.log_format import OUR_PACKAGES

pytest_plugins = [
    "tests.emulators",
    "tests.deployment.deployed",
    "tests.deployment.stage",
    "tests.sharing",
]


def pytest_configure() -> None:
    """Look for garbage rarely: the tests and their libraries are much to look through."""
    gc.set_threshold(20_000, 50, 100)


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    """What a test configures does not reach the next one."""
    loggers = [logging.getLogger(name) for name in (None, *OUR_PACKAGES)]
    before = [(logger.handlers[:], logger.level) for logger in loggers]
    yield
    for logger, (handlers, level) in zip(loggers, before, strict=True):
        logger.handlers[:] = handlers
        if logger.level != level:  # to set one takes a look at all loggers
            logger.setLevel(level)
