"""Threads for webhooks: none is lost, whatever the work and the system do."""

import asyncio
from collections.abc import Callable
from threading import Thread

import pytest

from application.ports.webhook_parser import VerifiedWebhook, WebhookRequest
from entrypoints.http.webhooks.worker_threads import WorkerThreads
from tests.application.frontdesk import FrontDesk, StubParser
from tests.entrypoints.http.served import SLOTS, serving


class ExitingParser(StubParser):
    """Ends the thread that verifies with it, as often as it is told."""

    exits = SLOTS

    def validate(self, request: WebhookRequest) -> VerifiedWebhook:
        if self.exits:
            self.exits -= 1
            raise SystemExit
        return super().validate(request)


def test_slots_are_free_again_after_work_that_would_end_its_thread(
    caplog: pytest.LogCaptureFixture,
) -> None:
    frontdesk = FrontDesk(parser=ExitingParser())
    with serving(frontdesk) as served:
        statuses = [
            served.call("POST", "/webhooks/sms", x_signature="right").status
            for _ in range(SLOTS + 1)
        ]
    assert statuses == [*[500] * SLOTS, 200]
    assert caplog.messages.count("thread met an error") == SLOTS


def test_work_waits_for_a_thread_while_the_system_grants_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = WorkerThreads()
    order: list[str] = []

    def work(name: str) -> Callable[[], None]:
        return lambda: order.append(name)

    async def two_pieces() -> None:
        ends = asyncio.Event()
        threads.submit(work("first"), lambda: None)
        with monkeypatch.context() as patch:
            patch.setattr(Thread, "start", refuse)
            threads.submit(work("second"), ends.set)
        await asyncio.wait_for(ends.wait(), 5)

    asyncio.run(two_pieces())
    threads.close()
    assert order == ["first", "second"]


def refuse(_: Thread) -> None:
    raise RuntimeError("can't start new thread")
