"""Post webhooks as a provider does: without retries and redirects, 15 seconds for a response."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as NoResponseInTimeError

from infrastructure.channels.provider import SimulatedRequest

TIMEOUT_SECONDS = 15.0
"""What Twilio gives a webhook in all."""

NO_SERVER = "nothing answers"
NOT_SENT = "not sent: the time was over"


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
        return self.status in range(200, 300)

    @property
    def label(self) -> str:
        """Its status with the reason phrase, or the problem."""
        try:
            return f"{self.status} {HTTPStatus(self.status or 0).phrase}"
        except ValueError:
            return self.problem or f"{self.status}"


Post = Callable[[SimulatedRequest], Response]
"""Posts a webhook, and measures how long its response takes."""


@contextmanager
def posting(url: str, connections: int, ends_at: float = math.inf) -> Iterator[Post]:
    """What posts webhooks to ``url``, over so many ``connections``, which are closed afterwards.

    Nothing is sent, and no response awaited, after ``ends_at`` on the monotonic clock.
    """
    pool = urllib3.PoolManager(num_pools=1, maxsize=connections, block=True, retries=False)

    def post(webhook: SimulatedRequest) -> Response:
        seconds = min(TIMEOUT_SECONDS, ends_at - time.monotonic())
        if seconds <= 0:
            return Response(webhook.message_id, 0.0, problem=NOT_SENT)
        started = time.perf_counter()
        try:
            response = pool.request(
                "POST",
                url,
                body=webhook.body,
                headers=webhook.headers,
                redirect=False,
                timeout=urllib3.Timeout(total=seconds),
            )
        except HTTPError as error:
            took = time.perf_counter() - started
            return Response(webhook.message_id, took, problem=_problem(error, seconds))
        return Response(
            webhook.message_id,
            time.perf_counter() - started,
            response.status,
            response.headers.get("Content-Type", ""),
            response.data,
        )

    try:
        yield post
    finally:
        pool.clear()


def _problem(error: HTTPError, seconds: float) -> str:
    if isinstance(error, NewConnectionError):
        return NO_SERVER
    if isinstance(error, NoResponseInTimeError):
        return f"no answer within {seconds:.3g} s"
    return f"the connection broke ({type(error).__name__})"


def percentile(values: Sequence[float], share: float) -> float:
    """The percentile (nearest rank) of at least one value: 0.95 is the 95th."""
    return sorted(values)[math.ceil(share * len(values)) - 1]
