"""The function that deletes what is old: what it is told, what it says, and what it leaves."""

import io
import itertools
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from application.ports.pages import Page
from application.privacy.erase_message import EraseMessage
from application.privacy.purge_expired import PurgeExpired, RetentionTimes
from domain.erasure import RetainedMessage
from domain.errors import StorageUnavailableError
from domain.messages import MessageState
from entrypoints.aws_lambda.scheduled_functions import LAST_BATCH_SECONDS, PurgeFunction
from infrastructure.configuration.log_format import configure_logging
from infrastructure.memory.memory_data import MemoryData
from infrastructure.memory.memory_retention import MemoryRetention
from tests.application.frontdesk import FrontDesk
from tests.builders import NOW, a_record
from tests.entrypoints.aws_lambda.function_under_test import a_context, environ_of


class Purger:
    """The purge's function, and how much time it is told that it has."""

    def __init__(self, **adapters: Any) -> None:
        self.frontdesk = FrontDesk(**adapters)
        self.seconds, self.flushes = itertools.count(), 0
        purge = PurgeExpired(
            messages=self.frontdesk.messages,
            retention=self.frontdesk.retention,
            erase_message=EraseMessage(
                self.frontdesk.retention, self.frontdesk.blobs, self.frontdesk.queue
            ),
            blobs=self.frontdesk.blobs,
            throttle=self.frontdesk.throttle,
            dead_letters=self.frontdesk.dead_letters,
            delete_stale_files=lambda _: 0,
            times=RetentionTimes(messages=timedelta(days=365)),
            metrics=self.frontdesk.metrics,
            monotonic=lambda: next(self.seconds),
        )
        self.function = PurgeFunction(purge, lambda: NOW + timedelta(days=400), self.flush)

    def flush(self) -> None:
        self.flushes += 1

    def log_of(self, remaining_seconds: float) -> list[dict[str, Any]]:
        """What it logs of an invocation with so much time, in which a batch takes a second."""
        output = io.StringIO()
        configure_logging("INFO", output)
        self.function({}, a_context(int(remaining_seconds * 1000)))
        return [json.loads(line) for line in output.getvalue().splitlines()]


class UnlistedRetention(MemoryRetention):
    def list_retained(self, *_: Any, **__: Any) -> Page[RetainedMessage]:
        raise StorageUnavailableError("no answer")


def test_purge_function_reports_how_many_messages_it_purged() -> None:
    purger = Purger()
    purger.frontdesk.messages.record(a_record(state=MessageState.QUEUED))
    (line,) = purger.log_of(900)
    assert (line["level"], line["aws_request_id"]) == ("INFO", "invocation-1")
    assert line["outcome"] == "complete"
    assert line["result"]["messages"] == 1
    assert purger.frontdesk.metrics.total("Purged", place="messages") == 1
    assert purger.flushes == 1


def test_purge_function_short_of_time_warns_and_names_the_command() -> None:
    purger = Purger()
    purger.frontdesk.messages.record(a_record(state=MessageState.QUEUED))
    reported, warning = purger.log_of(LAST_BATCH_SECONDS + 0.5)
    assert (reported["outcome"], warning["level"]) == ("incomplete", "WARNING")
    assert "frontdesk purge" in warning["message"]
    assert len(purger.frontdesk.retention.list_retained(10).items) == 1
    assert purger.flushes == 1


def test_purge_function_fails_and_writes_metrics_when_the_store_is_unavailable() -> None:
    purger = Purger(retention=UnlistedRetention(MemoryData()))
    with pytest.raises(StorageUnavailableError):
        purger.function({}, a_context())
    assert purger.flushes == 1


PURGE = """
from types import SimpleNamespace
from entrypoints.aws_lambda.purge_expired_handler import lambda_handler
context = SimpleNamespace(aws_request_id="i", get_remaining_time_in_millis=lambda: 900_000)
lambda_handler({}, context)
"""


def test_purge_function_leaves_unreferenced_files_to_the_rules_of_the_bucket(
    tmp_path: Path,
) -> None:
    orphan = tmp_path / "blobs" / "attachments" / "of-nobody" / "photo.png"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"a photo")
    os.utime(orphan, (0, 0))
    environ = environ_of(tmp_path) | {"MESSAGE_RETENTION_DAYS": "30"}
    done = subprocess.run(
        [sys.executable, "-c", PURGE], env=environ, capture_output=True, check=True, text=True
    )
    assert json.loads(done.stderr)["outcome"] == "complete"
    assert orphan.exists()
