"""A webhook function on embedded storage of its own."""

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrypoints.aws_lambda.webhook_function import build_function
from entrypoints.composition.container import build_container
from tests.entrypoints.aws_lambda.function_under_test import LambdaFrontDesk, environ_of


@pytest.fixture
def frontdesk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LambdaFrontDesk]:
    environ = environ_of(tmp_path)
    container = build_container(environ)
    log = io.StringIO()
    monkeypatch.setattr(sys, "stderr", log)
    yield LambdaFrontDesk(build_function(environ), container, log)
    container.shutdown_resources()


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
