"""Post webhooks as a provider does: no retries, no redirects, 15 seconds."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from multiprocessing.pool import ThreadPool

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as NoResponseInTimeError

from infrastructure.channels.provider import SimulatedRequest, Webhooks

TIMEOUT_SECONDS = 15.0
"""What Twilio gives a webhook in all."""

NOBODY_LISTENS = "nothing answers"


@dataclass(frozen=True, slots=True)
class Response:
    """What became of one webhook. Without a ``status`` no response came: ``problem`` says why."""

    message_id: str
    seconds: float
    status: int | None = None
    content_type: str = ""
    body: bytes = field(default=b"", repr=False)
    problem: str | None = None

    @property
    def is_success(self) -> bool:
        """Whether the provider would be content."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - HTTP's 2xx


def poster(url: str, connections: int) -> Callable[[SimulatedRequest], Response]:
    """What posts a webhook to ``url``, and measures how long its response takes."""
    pool = urllib3.PoolManager(
        num_pools=1,
        maxsize=connections,
        block=True,
        retries=False,
        timeout=urllib3.Timeout(total=TIMEOUT_SECONDS),
    )

    def post(webhook: SimulatedRequest) -> Response:
        started = time.perf_counter()
        try:
            response = pool.request(
                "POST", url, body=webhook.body, headers=webhook.headers, redirect=False
            )
        except HTTPError as error:
            seconds = time.perf_counter() - started
            return Response(webhook.message_id, seconds, problem=_problem(error))
        return Response(
            webhook.message_id,
            time.perf_counter() - started,
            response.status,
            response.headers.get("Content-Type", ""),
            response.data,
        )

    return post


def _problem(error: HTTPError) -> str:
    if isinstance(error, NewConnectionError):
        return NOBODY_LISTENS
    if isinstance(error, NoResponseInTimeError):
        return f"no answer within {TIMEOUT_SECONDS:g} s"
    return f"the connection broke ({type(error).__name__})"


def post_all(
    make: Webhooks,
    post: Callable[[SimulatedRequest], Response],
    times: int,
    concurrency: int,
) -> Generator[Response]:
    """Make and post ``times`` webhooks, ``concurrency`` at once; yield responses as they come.

    Closing the iterator starts no more. The threads are daemons, so that an interrupted
    command ends at once and not when the last server gives up.
    """
    with ThreadPool(concurrency) as pool:
        yield from pool.imap_unordered(lambda _: post(make()), range(times))
