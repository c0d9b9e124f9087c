"""What all webhooks of a server share: the limits within which they are read and worked on."""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from io import BytesIO
from typing import Any

from application.clock import Clock
from application.ports.webhook_parser import WebhookRequest, WebhookResponse
from application.receiving.error_responses import INTERNAL_ERROR
from application.receiving.receive_webhook import ReceiveWebhook, WebhookExchange
from domain.errors import DeadlineExceededError, OverloadedError, PayloadTooLargeError
from entrypoints.http.limits.bodies import BodyMemory, MemoryShare
from entrypoints.http.limits.share import THE_WHOLE, Share
from entrypoints.http.limits.ticker import Ticker
from entrypoints.http.webhooks.places import Line, Places
from entrypoints.http.webhooks.request_reader import (
    RequestReader,
    declared_bytes,
    is_of_application,
)
from entrypoints.http.webhooks.worker_threads import WorkerThreads
from entrypoints.public_urls import sent_path

BODY_SECONDS = 30.0
"""How long a body may take to arrive; a provider on a working network needs far less."""

SLOW_SECONDS = 1.0
"""How long a body may take at least, however many others there are."""

SLOT_SECONDS = 2.0
"""How long a request waits for a slot before it is spooled."""

SPOOL_SECONDS = 8.0
"""How long spooling may take before the provider has to try again."""

SPOOL_THREADS = 4

LARGE_BODIES_AT_ONCE = 4
"""How many bodies of the largest size may be held, arriving or worked on.

Each takes up to twice its size where the C library moves memory that grows.
"""

Respond = Callable[[WebhookResponse], None]


@dataclass(eq=False)
class WebhookEndpoint:
    """Admits webhooks within their limits and lets the use case answer them.

    Of ``max_requests`` at once at most ``max_in_flight`` are processed. A request that finds no
    slot is verified and spooled. One that is still arriving takes no slot, and is cut off for
    one more than ``max_requests``: a client that sends slowly keeps no other client waiting. A
    body has at most ``max_body_bytes``, all together have ``LARGE_BODIES_AT_ONCE`` times as
    much: that bounds the memory. The use case blocks, so it runs on a thread. Slot and memory
    are taken until the thread is done, also when its client has gone. Memory and threads for the
    spool are this process's ``share`` of the server's.
    """

    receive_webhook: ReceiveWebhook
    read_request: RequestReader
    clock: Clock
    _: KW_ONLY
    max_body_bytes: int
    max_in_flight: int
    max_requests: int
    share: Share = THE_WHOLE

    def __post_init__(self) -> None:
        large_bodies = self.share.of(LARGE_BODIES_AT_ONCE)
        self.memory = BodyMemory(large_bodies * self.max_body_bytes)
        self.slots: Places[ArrivingWebhook] = Places(self.max_in_flight, self._process)
        self._spool_places: Places[ArrivingWebhook] = Places(
            self.share.of(SPOOL_THREADS), self._spool
        )
        self._spooling: Line[ArrivingWebhook] = Line()
        self._arriving: Line[ArrivingWebhook] = Line()
        self._admitted = 0
        self._threads = WorkerThreads()
        self._ticker = Ticker(self._end_overdue)

    @property
    def is_full(self) -> bool:
        """Whether another webhook needs the place of one that arrives slowly."""
        return self._admitted >= self.max_requests

    def open(self, scope: Mapping[str, Any]) -> "ArrivingWebhook | None":
        """The webhook whose head is this ASGI scope, or ``None`` if its path is not one's."""
        path = sent_path(scope)
        exchange = self.receive_webhook.begin(scope["method"], path)
        if exchange.channel is None or is_of_application(path, exchange.channel):
            return None
        return ArrivingWebhook(self, exchange, scope)

    def close(self) -> None:
        """Wait for the threads. No webhook may come any more."""
        self._threads.close()

    def admit(self, webhook: "ArrivingWebhook") -> None:
        """Let ``webhook`` arrive. Raises ``OverloadedError``."""
        if self.is_full:
            self._cut_off_slowest()
        self._admitted += 1
        webhook.is_admitted = True
        self._arriving.add(webhook)
        self._ticker.start()

    def arrived(self, webhook: "ArrivingWebhook") -> None:
        """Work on ``webhook``, whose body is complete."""
        self._arriving.leave(webhook)
        self.slots.take(webhook)

    def dismiss(self, webhook: "ArrivingWebhook") -> None:
        """Forget ``webhook``, which has its answer."""
        self._arriving.leave(webhook)
        self._admitted -= 1

    def _cut_off_slowest(self) -> None:
        """Refuse the webhook that has been arriving the longest.

        Raises ``OverloadedError`` if that one is not slow.
        """
        if not (self._arriving and self._arriving.has_waited(SLOW_SECONDS)):
            raise OverloadedError("too many requests at once")
        self._arriving.pop().refuse(DeadlineExceededError("the body took too long"))

    def _process(self, webhook: "ArrivingWebhook") -> None:
        self._on_a_thread(webhook, webhook.process, self.slots)

    def _spool(self, webhook: "ArrivingWebhook") -> None:
        self._on_a_thread(webhook, webhook.spool, self._spool_places)

    def _on_a_thread(
        self,
        webhook: "ArrivingWebhook",
        work: Callable[[], None],
        places: "Places[ArrivingWebhook]",
    ) -> None:
        def done() -> None:
            self._spooling.leave(webhook)
            try:
                webhook.finish()
            finally:
                places.release()

        self._threads.submit(work, done)

    def _end_overdue(self) -> bool:
        """End what has taken too long; whether there is anything that may yet."""
        for webhook in self._arriving.pop_overdue(BODY_SECONDS):
            webhook.refuse(DeadlineExceededError("the body took too long"))
        for webhook in self.slots.waiting.pop_overdue(SLOT_SECONDS):
            self._spooling.add(webhook)
            self._spool_places.take(webhook)
        for webhook in self._spooling.pop_overdue(SPOOL_SECONDS):
            self._give_up(webhook, OverloadedError("too much is spooled at once"))
        return any((self._arriving, self.slots.waiting, self._spooling))

    def _give_up(self, webhook: "ArrivingWebhook", error: Exception) -> None:
        if webhook in self._spool_places.waiting:
            self._spool_places.waiting.leave(webhook)
            webhook.refuse(error)
        else:
            webhook.give_up(error)  # a thread has it


class ArrivingWebhook:
    """Reads a webhook within the limits of ``endpoint`` and lets the use case answer it.

    It lives on the thread of the event loop, but for ``process`` and ``spool``. ``scope`` is
    the ASGI scope of its head.
    """

    __slots__ = (
        *("_body", "_endpoint", "_exchange", "_has_all", "_is_wanted", "_limit", "_memory"),
        *("_received_at", "_request", "_respond", "_response", "_scope", "is_admitted"),
    )

    def __init__(
        self,
        endpoint: "WebhookEndpoint",
        exchange: WebhookExchange,
        scope: Mapping[str, Any],
    ) -> None:
        self._endpoint = endpoint
        self._exchange = exchange
        self._scope = scope
        self._respond: Respond | None = None
        self._body = BytesIO()
        self._has_all = False
        self._is_wanted = True
        self._memory = MemoryShare(endpoint.memory)
        self._limit = 0
        self._received_at: datetime
        self._request: WebhookRequest
        self._response = INTERNAL_ERROR  # unless a thread finds another answer
        self.is_admitted = False

    @property
    def is_awaited(self) -> bool:
        """Whether more of its body may come."""
        return self.is_admitted and not self._has_all

    def begin(self, respond: Respond) -> None:
        """Work on it, and ``respond`` once, unless the client goes before.

        What has arrived before was kept unseen, so it has to be little.
        """
        self._respond = respond
        try:
            self._endpoint.admit(self)
            self._limit = min(self._exchange.max_body_bytes, self._endpoint.max_body_bytes)
            self._received_at = self._endpoint.clock()
            self._check_size(declared_bytes(self._scope))
        except Exception as error:
            self.refuse(error)
        else:
            self._process_when_complete()

    def add(self, part: bytes) -> None:
        """Take the next part of its body."""
        if not self._is_wanted:
            return
        self._body.write(part)
        if self.is_admitted:
            try:
                self._check_size()
            except Exception as error:
                self.refuse(error)

    def complete(self) -> None:
        """Its body has ended."""
        self._has_all = True
        self._process_when_complete()

    def refuse(self, error: Exception) -> None:
        """Answer that it cannot be read or worked on."""
        self._answer(self._exchange.refuse(error))
        self.leave()

    def abandon(self) -> None:
        """The client has gone. What has arrived completely is worked on all the same."""
        self._respond = None
        if not self._has_all:
            self.leave()

    def give_up(self, error: Exception) -> None:
        """Answer while a thread still works on it, and holds what it needs."""
        self._answer(self._exchange.refuse(error))

    def process(self) -> None:
        """Verify and process it. For a thread: it blocks."""
        self._response = self._exchange.process(self._request)

    def spool(self) -> None:
        """Verify and spool it. For a thread: it blocks."""
        self._response = self._exchange.spool(self._request)

    def finish(self) -> None:
        """Answer what the thread has found."""
        self._answer(self._response)
        self.leave()

    def leave(self) -> None:
        """Hold nothing any more."""
        self._is_wanted = False
        if self.is_admitted:
            self.is_admitted = False
            self._endpoint.dismiss(self)
        self._memory.close()
        self._body = BytesIO()

    def _answer(self, response: WebhookResponse) -> None:
        respond, self._respond = self._respond, None
        if respond is not None:
            respond(response)

    def _check_size(self, declared: int = 0) -> None:
        size_bytes = self._body.tell()
        if max(size_bytes, declared) > self._limit:
            raise PayloadTooLargeError("the body is over the limit")
        self._memory.hold(size_bytes)

    def _process_when_complete(self) -> None:
        if not (self.is_admitted and self._has_all):
            return
        try:
            self._request = self._endpoint.read_request(
                self._scope, self._exchange.channel, self._body.getvalue(), self._received_at
            )
        except Exception as error:
            self.refuse(error)
        else:
            self._endpoint.arrived(self)
