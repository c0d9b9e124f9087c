"""Overload: webhooks are spooled, refused or cut off, without harm to other clients."""

import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import islice
from threading import Event
from urllib.parse import urlsplit

import pytest
from dependency_injector import providers

from application.clock import utc_now
from entrypoints.composition.container import Container
from entrypoints.http import server
from entrypoints.http.limits.bodies import FREE_BYTES
from entrypoints.http.limits.connection_limits import ConnectionLimits
from entrypoints.http.webhooks import endpoint
from infrastructure.filesystem.spool_files import FileSpool
from tests.end_to_end.conftest import Serve, backend, host, serve
from tests.end_to_end.frontdesk import RunningFrontDesk
from tests.end_to_end.responses import ACKNOWLEDGED, INVALID_SIGNATURE, SMS, TOO_LARGE, UNAVAILABLE
from tests.faults.crash_webhooks import Case, Inspector, Kind, backlog_of
from tests.faults.outages import STORE, Outage, each

__all__ = ["backend", "host", "serve"]
"""Fixtures of the end-to-end tests."""

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

Shown = tuple[int, str | None, bytes]

WAIT_SECONDS = 20.0
LIMIT = 200_000
CASES = tuple(Case(Kind.UNKNOWN_SENDER, number) for number in range(30))


class BlockedStore:
    """A store in which every call waits until it is unblocked."""

    def __init__(self) -> None:
        self.outage = Outage()
        self.outage.begin(each(STORE, self._block))
        self._is_unblocked = Event()

    @contextmanager
    def _block(self, name: str) -> Iterator[None]:
        self._is_unblocked.wait(WAIT_SECONDS)
        yield

    def unblock(self) -> None:
        """Let all waiting and later calls continue."""
        self._is_unblocked.set()


def post(frontdesk: RunningFrontDesk, case: Case) -> Shown:
    """Post ``case``, signed for the URL that it is posted to."""
    webhook = frontdesk.webhook(SMS, sender=case.sender, message_id=case.message_id)
    return frontdesk.post(webhook).shown


def post_while_blocked(
    frontdesk: RunningFrontDesk, store: BlockedStore, slots: int
) -> tuple[list[Shown], list[Shown]]:
    """The responses to the cases without a slot, and to the cases with one of ``slots``."""
    forged = replace(frontdesk.webhook(SMS), body=b"Body=forged")
    with ThreadPoolExecutor(len(CASES)) as pool:
        posts = [pool.submit(post, frontdesk, case) for case in CASES]
        responses = as_completed(posts, timeout=WAIT_SECONDS)
        without = [one.result() for one in islice(responses, len(CASES) - slots)]
        assert frontdesk.post(forged).shown == INVALID_SIGNATURE
        store.unblock()
        return without, [one.result() for one in responses]


def problems(frontdesk: RunningFrontDesk, store: BlockedStore) -> list[str]:
    """The problems after all background jobs are done."""
    store.outage.run_background_jobs(frontdesk.container)
    inspector = Inspector(frontdesk.container, [])
    found = [inspector.find(case).problems(at_most_once=True) for case in CASES]
    return [*backlog_of(frontdesk.container), *(one for some in found for one in some)]


@pytest.fixture
def short_timeouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Short waits for a slot and for the rest of a body."""
    monkeypatch.setattr(endpoint, "SLOT_SECONDS", 0.1)
    monkeypatch.setattr(endpoint, "BODY_SECONDS", 0.3)


@pytest.mark.parametrize("slots", [1, 2])
def test_webhook_without_a_free_slot_is_spooled_and_routed_later(
    serve: Serve, short_timeouts: None, slots: int
) -> None:
    store = BlockedStore()
    frontdesk = serve({"MAX_IN_FLIGHT": str(slots)}, prepare=store.outage.prepare)

    without, with_place = post_while_blocked(frontdesk, store, slots)

    assert without == [ACKNOWLEDGED[SMS]] * (len(CASES) - slots)
    assert with_place == [ACKNOWLEDGED[SMS]] * slots
    assert frontdesk.counted("Spooled") == len(CASES) - slots
    assert problems(frontdesk, store) == []


def test_webhook_without_a_free_slot_or_spool_space_receives_503(
    serve: Serve, short_timeouts: None
) -> None:
    store = BlockedStore()
    room = 3

    def prepare(container: Container) -> None:
        spool = FileSpool(
            container.settings().data_dir / "spool", utc_now, container.metrics(), max_entries=room
        )
        container.spool.override(providers.Object(spool))
        store.outage.prepare(container)

    frontdesk = serve({"MAX_IN_FLIGHT": "1"}, prepare=prepare)

    without, _ = post_while_blocked(frontdesk, store, 1)

    # Threads that write at the same moment may exceed the limit by one entry each.
    accepted = without.count(ACKNOWLEDGED[SMS])
    assert room <= accepted < room + endpoint.SPOOL_THREADS
    assert without.count(UNAVAILABLE) == len(CASES) - 1 - accepted
    assert [post(frontdesk, case) for case in CASES] == [ACKNOWLEDGED[SMS]] * len(CASES)
    assert problems(frontdesk, store) == []


def connect(
    frontdesk: RunningFrontDesk, stack: ExitStack, head: str, *, length: int
) -> socket.socket:
    """A connection on which a webhook begins to arrive."""
    address = urlsplit(frontdesk.origin)
    assert address.port is not None
    client = socket.create_connection(("127.0.0.1", address.port), timeout=WAIT_SECONDS)
    stack.enter_context(client)
    client.sendall(
        f"POST /webhooks/sms HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{head}\r\n".encode()
    )
    return client


def status(client: socket.socket) -> bytes:
    """The status line of the response."""
    return client.recv(65_536).partition(b"\r\n")[0]


def test_unfinished_large_bodies_hold_a_bounded_amount_of_memory(serve: Serve) -> None:
    frontdesk = serve({"MAX_BODY_BYTES": str(LIMIT)})
    room = endpoint.LARGE_BODIES_AT_ONCE * LIMIT
    with ExitStack() as stack:
        clients = [connect(frontdesk, stack, "", length=LIMIT) for _ in range(30)]
        for client in clients:
            client.sendall(b"x" * (LIMIT - 1))
        held = set(clients)
        while (len(held) - 1) * (LIMIT - FREE_BYTES) > room:
            refused, _, _ = select.select(list(held), [], [], WAIT_SECONDS)
            assert {status(client) for client in refused} == {b"HTTP/1.1 503 Service Unavailable"}
            held -= set(refused)
        # Small bodies use no shared memory, so large ones do not block them.
        assert post(frontdesk, CASES[0]) == ACKNOWLEDGED[SMS]


def test_body_that_is_declared_too_large_is_refused_before_it_arrives(serve: Serve) -> None:
    frontdesk = serve({"MAX_BODY_BYTES": str(LIMIT)})
    with ExitStack() as stack:
        client = connect(frontdesk, stack, "", length=LIMIT + 1)
        assert status(client).startswith(b"HTTP/1.1 413 ")


def test_body_that_stops_arriving_is_cut_off_and_holds_no_slot(
    serve: Serve, short_timeouts: None
) -> None:
    frontdesk = serve({"MAX_IN_FLIGHT": "1"})
    with ExitStack() as stack:
        clients = [connect(frontdesk, stack, "", length=9) for _ in range(20)]
        assert post(frontdesk, CASES[0]) == ACKNOWLEDGED[SMS]
        statuses = [status(client) for client in clients]
    assert set(statuses) == {b"HTTP/1.1 503 Service Unavailable"}


def test_slow_body_over_the_connection_limit_is_cut_off(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "ConnectionLimits", lambda: ConnectionLimits(connections=4))
    monkeypatch.setattr(endpoint, "SLOW_SECONDS", 0.2)
    frontdesk = serve()
    with ExitStack() as stack:
        slow = [connect(frontdesk, stack, "", length=9) for _ in range(3)]
        assert post(frontdesk, CASES[0]) == UNAVAILABLE, "they may be as quick as anybody"
        time.sleep(0.3)
        for case in CASES[:3]:
            assert post(frontdesk, case) == ACKNOWLEDGED[SMS]
        assert {status(client) for client in slow[:1]} == {b"HTTP/1.1 503 Service Unavailable"}


def test_endless_headers_are_refused_with_400(serve: Serve) -> None:
    frontdesk = serve()
    with ExitStack() as stack:
        client = connect(frontdesk, stack, "x: " + "y" * 200_000 + "\r\n", length=0)
        assert status(client) == b"HTTP/1.1 400 Bad Request"
    assert post(frontdesk, CASES[0]) == ACKNOWLEDGED[SMS]


def test_form_with_thousands_of_fields_is_refused_unparsed(serve: Serve) -> None:
    frontdesk = serve()
    frontdesk.container.provider_accounts()
    fields = {f"Field{number}": "x" for number in range(5_000)}
    form = {"AccountSid": frontdesk.providers.account_sid, **fields}
    before = frontdesk.stored_state()
    assert frontdesk.post(frontdesk.providers.form(frontdesk.url(SMS), form)).shown == TOO_LARGE
    assert frontdesk.stored_state() == before
