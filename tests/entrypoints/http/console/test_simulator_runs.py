"""Where simulated webhooks go: to no server but their own, and in bounded time."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from entrypoints.http.access.problems import ProblemError
from entrypoints.http.console.simulator import pages
from entrypoints.http.console.simulator.fields import HowOften
from entrypoints.http.console.simulator.run import own_origin, run
from entrypoints.operations.background_jobs import drain_some
from entrypoints.simulation import posting
from entrypoints.simulation.demo import open_demo
from infrastructure.channels.provider import (
    SimulatedRequest,
)
from tests.end_to_end.broken_databases import renamed
from tests.entrypoints.cli.support import a_server
from tests.entrypoints.http.console.browsing import text_of
from tests.entrypoints.http.console.simulating import (
    Simulator,
    sent_ids,
    simulating,
)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulating(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


def test_own_address_is_where_the_request_was_accepted_whatever_its_headers_say() -> None:
    headers = [(b"host", b"evil.example"), (b"x-forwarded-host", b"evil.example")]
    for server, origin in (
        (("127.0.0.1", 8000), "http://127.0.0.1:8000"),
        (("::1", 8000), "http://[::1]:8000"),
        (("fe80::1%eth0", 80), "http://[fe80::1%25eth0]:80"),
        (("192.0.2.7", 8080), "http://192.0.2.7:8080"),
    ):
        assert own_origin({"server": server, "headers": headers}) == origin
    for unknown in ({}, {"server": None}, {"server": ("/run/frontdesk.sock", None)}):
        with pytest.raises(ProblemError, match="at which address"):
            own_origin(unknown)


def test_forwarded_host_of_a_trusted_proxy_sends_nothing_elsewhere(tmp_path: Path) -> None:
    public = "https://hooks.acme.example"
    environ = {"PUBLIC_BASE_URL": public, "TRUSTED_PROXIES": "127.0.0.0/8"}
    with simulating(tmp_path, **environ) as local, a_server() as elsewhere:
        host = elsewhere.url.removeprefix("http://")
        forwarded = {"x-forwarded-host": "hooks.acme.example", "x-forwarded-proto": "https"}
        simulator = Simulator(local.api, local.token, forwarded, public)
        assert "200 OK" in text_of(simulator.send("whatsapp"))
        for name in ("x-forwarded-host", "host"):
            page = simulator.post("whatsapp", headers={name: host}).data.decode()
            assert "200 OK" in text_of(page)
        assert elsewhere.received == []


@pytest.mark.parametrize(
    "environ",
    [
        {"PUBLIC_BASE_URL": "https://hooks.acme.example/prod"},
        {"SMS_WEBHOOK_URL": "https://acme.example/in?x=1#frag"},
    ],
)
def test_public_url_is_signed_though_the_webhook_comes_from_here(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    with simulating(tmp_path, **environ) as simulator:
        assert "200 OK" in text_of(simulator.send("sms"))


def test_run_ends_in_time_whatever_the_server_does() -> None:
    def make() -> SimulatedRequest:
        return SimulatedRequest("http://unused.example", {}, b"x", "SM1")

    with pytest.MonkeyPatch.context() as patch, a_server() as server, server.lock:
        patch.setattr("entrypoints.http.console.simulator.run.RUN_SECONDS", 0.3)
        started = time.monotonic()
        done = run(make, server.url, HowOften.MANY, 40)
        assert time.monotonic() - started < 5
    labels = {answer.label for answer in done.answers}
    assert posting.NOT_SENT in labels
    assert all(label.startswith(("no answer within", posting.NOT_SENT)) for label in labels)
    assert done.message_ids == []


def test_one_simulation_at_a_time_and_no_other_page_waits(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, free = threading.Event(), threading.Event()

    def slow(*arguments: Any) -> Any:
        begun.set()
        assert free.wait(20)
        return run(*arguments)

    monkeypatch.setattr(pages, "run", slow)
    simulator.defaults("sms")
    answers: list[urllib3.BaseHTTPResponse] = []
    thread = threading.Thread(target=lambda: answers.append(simulator.post("sms")))
    thread.start()
    try:
        assert begun.wait(10)
        refused = simulator.post("sms", {"body": "Second"})
        assert refused.status == 409
        assert "Another simulation" in text_of(refused.data.decode())
        assert "Second" in refused.data.decode()
        for path in ("/conversations", "/v1/conversations", "/simulator", "/simulator?channel=sms"):
            assert simulator.browser.call("GET", path).status == 200
    finally:
        free.set()
        thread.join()
    assert answers[0].status == 200


def test_store_that_does_not_answer_is_seen_in_the_spool_and_its_recovery(tmp_path: Path) -> None:
    with simulating(tmp_path) as simulator:
        container = simulator.api.container
        open_demo(container.open_conversation())
        with renamed(tmp_path / "frontdesk.db", "conversations"):
            page = simulator.send("sms")
            assert "200 OK" in text_of(page)
            assert "spooled" in text_of(page)
        drain_some(container)
        (message_id,) = sent_ids(page)
        assert "delayed" in text_of(simulator.page(f"?channel=sms&sent={message_id}"))
