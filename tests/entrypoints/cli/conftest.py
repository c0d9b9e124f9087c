"""A data directory of the test's own, and the real container on it."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from entrypoints.composition.container import Container, build_container
from entrypoints.operations import clock_checks
from entrypoints.operations.clock_checks import KernelClock
from infrastructure.configuration.secrets.development_secret import (
    DevelopmentCredentials,
    keep_development_credentials,
)
from infrastructure.configuration.settings import VARIABLES


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Remove the machine's settings; the command stores everything in ``tmp_path``."""
    for name in os.environ:
        if name.lower() in VARIABLES or name == "SENDGRID_PRIVATE_KEY_FILE":
            monkeypatch.delenv(name)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def kernel_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel says that its clock is kept, whatever that of this machine says."""
    kept = KernelClock(is_synchronised=True, most_off=timedelta(milliseconds=20))
    monkeypatch.setattr(clock_checks, "kernel_clock", lambda: kept)


@pytest.fixture
def container(data_dir: Path) -> Iterator[Container]:
    """A container on the data directory of the command, to prepare and to check data."""
    container = build_container({"DATA_DIR": str(data_dir)})
    yield container
    container.shutdown_resources()


@pytest.fixture
def empty_database(container: Container) -> None:
    """The database that a server makes at its start."""
    container.conversation_store()


@pytest.fixture
def development(data_dir: Path) -> DevelopmentCredentials:
    """The development secret that a server would have written to the data directory."""
    return keep_development_credentials(data_dir)
