"""The server process while its databases are locked, and once they are free again."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from dependency_injector import providers

from application.clock import utc_now
from domain.messages import STUCK_AFTER
from entrypoints.composition.container import build_container
from entrypoints.http.server import background_tasks
from tests.changed_units import use_separate_steps
from tests.end_to_end.broken_databases import locked, renamed
from tests.end_to_end.conftest import Serve
from tests.end_to_end.responses import ACKNOWLEDGED, SMS
from tests.processes import environment, run, server_process

SECONDS = 20.0
"""How long what is tried again every few seconds may take."""


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.1)


class Installation:
    """A data directory with demo conversations, and a server on it at ``origin``."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.environ = environment(data_dir)
        self.origin = ""

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        done = run(*arguments, environ=self.environ)
        done.check_returncode()
        return done

    def send(self, body: str) -> str:
        return self.run(
            "send", "sms", "--from", "+14155550123", "--body", body, "--url", self.origin
        ).stdout

    def spooled(self) -> list[Path]:
        return [*(self.data_dir / "spool").glob("*.json")]

    def queued(self) -> str:
        """What is on the replies queue; it stays there."""
        return self.run("queues", "read", "sms-replies", "--include-delayed", "--json").stdout


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    installation = Installation(tmp_path / "data")
    installation.run("demo")
    with server_process(installation.environ, tmp_path / "log") as server:
        installation.origin = server.origin
        yield installation


def test_webhook_waits_as_a_private_file_while_the_store_is_locked(
    installation: Installation,
) -> None:
    with locked(installation.data_dir / "frontdesk.db"):
        assert "200 OK" in installation.send("Are you there?")
        (file,) = installation.spooled()
        assert file.stat().st_mode & 0o077 == 0
    eventually(lambda: installation.spooled() == [])
    assert "Are you there?" in installation.queued()


def test_webhook_spooled_before_a_shutdown_is_received_after_the_next_start(tmp_path: Path) -> None:
    installation = Installation(tmp_path / "data")
    installation.run("demo")
    with ExitStack() as locks:
        with server_process(installation.environ, tmp_path / "log") as server:
            installation.origin = server.origin
            locks.enter_context(locked(installation.data_dir / "frontdesk.db"))
            assert "200 OK" in installation.send("Still there?")
        assert len(installation.spooled()) == 1

    with server_process(installation.environ, tmp_path / "log"):
        eventually(lambda: installation.spooled() == [])
    assert "Still there?" in installation.queued()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_message_stays_pending_while_the_queues_are_broken_and_is_relayed_then(
    serve: Serve,
) -> None:
    frontdesk = serve(prepare=use_separate_steps)
    frontdesk.given_conversation(SMS)
    frontdesk.contexts()
    with renamed(frontdesk.data_dir / "frontdesk.db", "contexts"):
        assert frontdesk.post(frontdesk.webhook(SMS)).shown == ACKNOWLEDGED[SMS]
    assert frontdesk.contexts() == {}

    # Another process, for which half a minute has passed.
    other = build_container({"DATA_DIR": str(frontdesk.data_dir)})
    other.clock.override(providers.Object(lambda: utc_now() + STUCK_AFTER + timedelta(seconds=1)))
    (relay,) = [task for task in background_tasks(other) if task.name == "relay"]
    assert not relay.work()
    other.shutdown_resources()
    assert {queue: len(found) for queue, found in frontdesk.contexts().items()} == {
        "sms-replies": 1
    }
