"""A person is erased while two servers receive webhooks and a consumer takes the contexts."""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import pytest
import urllib3
from dependency_injector import providers

from application.clock import utc_now
from application.ports.webhook_parser import WebhookRequest
from entrypoints.composition.container import Container, build_container
from entrypoints.operations.background_jobs import drain_some, relay_some
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from infrastructure.sqlite.rewrite_lock import RewriteLock
from tests.builders import a_conversation
from tests.end_to_end.providers import Providers
from tests.faults.conftest import Report
from tests.faults.crash_webhooks import ORIGIN, SMS, Case, Kind, backlog_of
from tests.forms import short_and_long
from tests.processes import environment, killed_server, run, start

A_SECOND = 40
NAME, NUMBER = "zoraquill", "+14155557311"
BALLAST_BYTES = 100 * 1024 * 1024
"""Makes the rewrite last for about a second."""


def leave_traces(container: Container, person: Providers) -> None:
    """A message of the person's, and a copy of its text that a deletion has left in the file."""
    container.conversation_store().open_conversation(
        a_conversation(SMS, conversation_id=NAME, sender_id=NUMBER)
    )
    post(container, person.webhook(f"{ORIGIN}/webhooks/{SMS}", SMS, sender=NUMBER, body=NAME))
    with container.database().write() as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute("CREATE TABLE ballast (content)")
        connection.execute("INSERT INTO ballast VALUES (zeroblob(?))", (BALLAST_BYTES,))
        connection.execute("INSERT INTO ballast VALUES (?)", (NAME * 1000,))
        connection.execute("DELETE FROM ballast WHERE typeof(content) = 'text'")


def post(container: Container, webhook: SimulatedRequest) -> None:
    headers = tuple((name.lower(), value) for name, value in webhook.headers.items())
    request = WebhookRequest("POST", webhook.url, headers, webhook.body, utc_now())
    assert container.receive_webhook()(request).status == 200


def places_of(data_dir: Path) -> set[str]:
    """The files in which the person is.

    Only while this process has no connection: reading a file drops the locks that it holds on it.
    """
    files = (path for path in data_dir.rglob("*") if path.is_file())
    seeds = (NAME.encode(), NUMBER.removeprefix("+").encode())
    return {f.name for f in files if any(seed in f.read_bytes().lower() for seed in seeds)}


class Consumer:
    """Takes contexts and acknowledges them, command after command, each in its own process."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.message_ids: list[str] = []
        self.commands = 0

    def read(self) -> int:
        """How many contexts one command took."""
        command = ("queues", "read", "sms-replies", "--max", "100")
        # What is relayed ten minutes later is delayed for a clock that is right.
        options = ("--include-delayed", "--acknowledge", "--json")
        done = run(*command, *options, environ=self._environ)
        assert (done.returncode, done.stderr) == (0, "")
        found = [json.loads(line)["context"] for line in done.stdout.splitlines()]
        self.message_ids += [context["message"]["message_id"] for context in found]
        self.commands += 1
        return len(found)

    @contextmanager
    def reading_all_the_time(self, pool: ThreadPoolExecutor) -> Iterator[None]:
        ended = Event()

        def read_on() -> None:
            while not ended.is_set():
                self.read()

        reading = pool.submit(read_on)
        try:
            yield
        finally:
            ended.set()
        reading.result()


class Load:
    """Webhooks at a steady rate, to one server and the other in turn."""

    def __init__(self, origins: list[str], webhooks: list[SimulatedRequest]) -> None:
        self._client = urllib3.PoolManager(maxsize=64, retries=False, timeout=60)
        self._origins = origins
        self._webhooks = webhooks
        self._started = time.monotonic()

    def begin(self, pool: ThreadPoolExecutor) -> list[Future[tuple[int, float]]]:
        """The status and the duration of each webhook, some time."""
        return [pool.submit(self._post, number) for number in range(len(self._webhooks))]

    def _post(self, number: int) -> tuple[int, float]:
        time.sleep(max(0.0, self._started + number / A_SECOND - time.monotonic()))
        webhook = self._webhooks[number]
        url = self._origins[number % len(self._origins)] + urlsplit(webhook.url).path
        began = time.monotonic()
        answer = self._client.request("POST", url, body=webhook.body, headers=webhook.headers)
        return answer.status, time.monotonic() - began


def erase(environ: Mapping[str, str], lock: RewriteLock) -> float:
    """Erase the person; for how many seconds the rewrite was announced."""
    seconds = 0.0
    with start(("erase", "--sender", NUMBER, "--yes", "--json"), environ) as process:
        while process.poll() is None:
            seconds += 0.01 * lock.is_held()
            time.sleep(0.01)
        told = process.stdout.read()
    assert process.returncode == 0, told
    assert json.loads(told)["messages"] == 1
    return seconds


def finish(container: Container) -> None:
    """Work off what the spool and the outbox hold ten minutes later."""
    later = utc_now() + timedelta(minutes=10)
    container.clock.override(providers.Object(lambda: later))
    for _ in range(100):
        if not any(backlog_of(container)):
            return
        drain_some(container)
        relay_some(container)


@pytest.mark.parametrize("seconds", short_and_long(3, 6))
def test_erasing_under_load_leaves_no_byte_and_loses_nothing(
    tmp_path: Path, report: Report, seconds: int
) -> None:
    cases = [Case(Kind.REPLY, number) for number in range(A_SECOND * seconds)]
    environ = environment(tmp_path, PUBLIC_BASE_URL=ORIGIN, REPLY_DELAY_SECONDS="0")
    container = build_container(environ)
    simulators = Providers.of(keep_development_credentials(tmp_path))
    for case in cases:
        case.open_conversation(container)
    leave_traces(container, simulators)
    container.shutdown_resources()
    assert places_of(tmp_path)
    consumer = Consumer(environ)
    consumer.read()

    with ExitStack() as stack:
        origins = [stack.enter_context(killed_server(environ)).origin for _ in range(2)]
        pool = stack.enter_context(ThreadPoolExecutor(len(cases) + 1))
        with consumer.reading_all_the_time(pool):
            webhooks = [case.webhook(simulators) for case in cases]
            answers = Load(origins, webhooks).begin(pool)
            time.sleep(seconds / 4)
            rewrite_seconds = erase(environ, RewriteLock(tmp_path))
            results = [answer.result() for answer in answers]

    assert {status for status, _ in results} == {200}
    assert places_of(tmp_path) == set()
    container = build_container(environ)
    finish(container)
    assert list(backlog_of(container)) == []
    while consumer.read():
        pass
    container.shutdown_resources()
    assert {case.message_id for case in cases} <= set(consumer.message_ids)
    report(
        f"erasure under load: {len(cases)} webhooks, the rewrite took {rewrite_seconds:.1f} s, "
        f"the slowest answer {max(duration for _, duration in results):.1f} s, "
        f"{consumer.commands} reads"
    )
