"""A real server whose embedded store is locked, damaged, or on a full disk when it starts."""

import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.providers import Providers
from tests.end_to_end.responses import ACKNOWLEDGED, SMS, UNAVAILABLE
from tests.end_to_end.started_on_aws import ORIGIN, eventually, readiness, shown, until_ready
from tests.processes import FRONTDESK, Server, environment, run, server_process

HOLD = """
import sys, time
from pathlib import Path
from infrastructure.sqlite.rewrite_lock import RewriteLock
with RewriteLock(Path(sys.argv[1])).held():
    print("held", flush=True)
    time.sleep(60)
"""
"""Announces that an erasure rewrites the database."""

WITHOUT_ROOM = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Runs a command whose every write to a file fails, as on a full disk."""

PROVIDERS = Providers.numbered(7)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The settings of a server with real secrets and an embedded store."""
    return environment(
        tmp_path / "data",
        PUBLIC_BASE_URL=ORIGIN,
        UNKNOWN_SENDER="open",
        TWILIO_ACCOUNT_SID=PROVIDERS.account_sid,
        TWILIO_AUTH_TOKEN=PROVIDERS.auth_token,
    )


@pytest.fixture
def database(environ: dict[str, str]) -> Path:
    """The database, as a server has left it."""
    assert run("demo", environ=environ).returncode == 0
    return Path(environ["DATA_DIR"]) / "frontdesk.db"


def refusal(environ: dict[str, str]) -> str:
    """The line with which the server refuses to start."""
    result = run("serve", "--port", "0", environ=environ)
    assert (result.returncode, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    return line


def post(server: Server, body: str) -> tuple[int, str | None, bytes]:
    return shown(server, PROVIDERS.webhook(f"{ORIGIN}/webhooks/sms", SMS, body=body))


def spooled(environ: dict[str, str]) -> int:
    return len([*(Path(environ["DATA_DIR"]) / "spool").glob("*.json")])


def queued(environ: dict[str, str]) -> str:
    read = ("queues", "read", "sms-replies", "--include-delayed", "--json")
    return run(*read, environ=environ).stdout


@contextmanager
def exclusively_locked(path: Path) -> Iterator[None]:
    """Another program, such as one that copies or repairs it, lets no process read the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("BEGIN EXCLUSIVE")
        yield


def test_server_starts_while_its_database_is_locked(
    environ: dict[str, str], database: Path, tmp_path: Path
) -> None:
    with ExitStack() as locks:
        locks.enter_context(exclusively_locked(database))
        with server_process(environ, tmp_path / "log") as server:
            not_ready = {"status": "not ready", "error": "WriteLockHeldError"}
            assert readiness(server) == (503, not_ready)
            assert post(server, "Are you there?") == ACKNOWLEDGED[SMS]
            assert spooled(environ) == 1
            locks.close()
            until_ready(server)
            eventually(lambda: spooled(environ) == 0)
            assert "Are you there?" in queued(environ)
    assert "Not ready yet" in server.printed


def test_server_starts_on_a_full_disk_and_becomes_ready_when_there_is_room(
    environ: dict[str, str], tmp_path: Path
) -> None:
    limited = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_ROOM, FRONTDESK, "serve", "--port", "0"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with limited as process:
        assert process.stdout is not None
        server = Server(process, process.stdout.readline().split()[3], "")
        try:
            assert readiness(server)[0] == 503
            assert post(server, "One") == UNAVAILABLE
            unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)
            until_ready(server)
            assert post(server, "One") == ACKNOWLEDGED[SMS]
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert "One" in queued(environ)


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DROP TABLE contexts", "the database does not answer: no such table: contexts"),
        ("PRAGMA user_version = 99", "frontdesk.db has schema version 99"),
        ("PRAGMA application_id = 7", "in the form of an unreleased version"),
    ],
)
def test_wrong_database_stops_the_start(
    environ: dict[str, str], database: Path, statement: str, reason: str
) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(statement)
        connection.commit()
    assert reason in refusal(environ)


def test_file_that_is_no_database_stops_the_start(environ: dict[str, str], database: Path) -> None:
    database.write_bytes(b"no database at all" * 1000)
    assert "file is not a database" in refusal(environ)


def test_file_in_place_of_the_spool_stops_the_start(environ: dict[str, str]) -> None:
    spool = Path(environ["DATA_DIR"]) / "spool"
    spool.parent.mkdir()
    spool.touch()
    assert refusal(environ).endswith("the spool could not be read: File exists")


def test_server_ends_soon_while_its_jobs_wait_for_a_rewrite(
    environ: dict[str, str], database: Path, tmp_path: Path
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database.parent)], stdout=subprocess.PIPE, cwd=Path.cwd(),
        env={**environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with server_process(environ, tmp_path / "log") as server:
            assert post(server, "Wait") == ACKNOWLEDGED[SMS]
            assert spooled(environ) == 1
            time.sleep(2)  # the job that drains the spool begins, and waits
            began_at = time.monotonic()
        assert time.monotonic() - began_at < 5
        holder.kill()
    assert spooled(environ) == 1
