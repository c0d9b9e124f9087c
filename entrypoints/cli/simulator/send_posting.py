"""Post webhooks as a provider does: no retries, no redirects, 15 seconds."""

import queue
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as NoResponseInTimeError

from infrastructure.channels.provider import SimulatedRequest, Webhooks

TIMEOUT_SECONDS = 15.0
"""What Twilio gives a webhook in all."""

_SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one webhook. Without a ``status`` no answer came: ``problem`` says why."""

    message_id: str
    seconds: float
    status: int | None = None
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    problem: str | None = None
    is_refused_connection: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the provider would be content."""
        return self.status in _SUCCESS


def origin(url: str) -> str:
    """Scheme, host and port of ``url``, without user and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


class Poster:
    """Posts webhooks to one URL, with as many connections as there are threads."""

    def __init__(self, url: str, connections: int) -> None:
        self._url = url
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=connections,
            block=True,
            retries=False,
            timeout=urllib3.Timeout(total=TIMEOUT_SECONDS),
        )

    def __call__(self, webhook: SimulatedRequest) -> Answer:
        """Post one webhook and measure how long its answer takes."""
        started = time.perf_counter()
        try:
            response = self._pool.request(
                "POST",
                self._url,
                body=webhook.body,
                headers=webhook.headers,
                redirect=False,
            )
        except HTTPError as error:
            return Answer(
                webhook.message_id,
                time.perf_counter() - started,
                problem=_problem(error),
                is_refused_connection=isinstance(error, NewConnectionError),
            )
        return Answer(
            webhook.message_id,
            time.perf_counter() - started,
            response.status,
            response.headers.get("Content-Type", ""),
            response.data,
        )


def _problem(error: HTTPError) -> str:
    if isinstance(error, NewConnectionError):
        return "nothing answers"
    if isinstance(error, NoResponseInTimeError):
        return f"no answer within {TIMEOUT_SECONDS:g} s"
    return f"the connection broke ({type(error).__name__})"


def post_all(
    make: Webhooks,
    post: Callable[[SimulatedRequest], Answer],
    times: int,
    concurrency: int,
) -> Generator[Answer]:
    """Make and post ``times`` webhooks, ``concurrency`` at once; yield answers as they come.

    Closing the iterator starts no more. The threads are daemons, so that an interrupted
    command ends at once and not when the last server gives up.
    """
    results: queue.SimpleQueue[Answer | Exception] = queue.SimpleQueue()
    turns = threading.Semaphore(times)
    stopped = threading.Event()

    def work() -> None:
        while not stopped.is_set() and turns.acquire(blocking=False):
            try:
                results.put(post(make()))
            except Exception as error:
                results.put(error)

    for _ in range(min(concurrency, times)):
        threading.Thread(target=work, daemon=True).start()
    try:
        for _ in range(times):
            result = results.get()
            if isinstance(result, Exception):
                raise result
            yield result
    finally:
        stopped.set()
