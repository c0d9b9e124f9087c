"""Post webhooks as a provider does, and say what their responses are.

There are no retries and no redirects, and a response takes 15 seconds at most.
"""

import ipaddress
import math
import statistics
import time
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from multiprocessing.pool import ThreadPool
from urllib.parse import urlsplit

import click
import urllib3
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as NoResponseInTimeError

from entrypoints.cli.terminal.output import attributes, count, cut, print_json, say
from entrypoints.cli.terminal.progress import progress
from entrypoints.cli.terminal.tables import Column, print_table
from infrastructure.channels.provider import SimulatedRequest, Webhooks

TIMEOUT_SECONDS = 15.0
"""What Twilio gives a webhook in all."""

NOBODY_LISTENS = "nothing answers"

_BODY_COLUMNS = 2000
_QUOTED_COLUMNS = 200
_COARSE = 10
"""Milliseconds from which a fraction no longer matters."""


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


def post_and_report(
    make: Webhooks, url: str, times: int, concurrency: int, *, as_json: bool
) -> None:
    """Post webhooks, and say what came back. Fails unless every response is a success."""
    started = time.perf_counter()
    coming = post_all(make, poster(url, concurrency), times, concurrency)
    responses: list[Response] = []
    with closing(coming), progress("sending", times) as advance:
        for response in coming:
            if response.problem == NOBODY_LISTENS and not responses:
                raise click.ClickException(_no_server(url))
            if as_json:
                print_response_json(response)
            responses.append(response)
            advance(len(responses))
    if not as_json and times == 1:
        print_response(responses[0])
    elif not as_json:
        print_summary(responses, time.perf_counter() - started, concurrency)
    check_accepted(responses)


def _no_server(url: str) -> str:
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    here = is_this_machine(parts.hostname or "")
    hint = "start it with 'frontdesk serve'" if here else "check the --url"
    return f"nothing answers at {origin}: {hint}"


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


def latencies(seconds: Sequence[float]) -> str:
    """Minimum, median, 95th percentile (nearest rank) and maximum of at least one duration."""
    ordered = sorted(seconds)
    figures = {
        "min": ordered[0],
        "median": statistics.median(ordered),
        "p95": ordered[math.ceil(0.95 * len(ordered)) - 1],
        "max": ordered[-1],
    }
    return ", ".join(f"{name} {latency(value)}" for name, value in figures.items())


def latency(seconds: float) -> str:
    """A latency with as many digits as are of interest."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    milliseconds = seconds * 1000
    return f"{milliseconds:.0f} ms" if milliseconds >= _COARSE else f"{milliseconds:.1f} ms"


def print_response_json(response: Response) -> None:
    """One response for a program, as a line of JSON Lines."""
    print_json(
        {
            **attributes(response, "message_id", "status", "problem"),
            "content_type": response.content_type or None,
            "body": response.body.decode(errors="replace") if response.status else None,
            "duration_ms": round(response.seconds * 1000, 3),
        }
    )


def print_response(response: Response) -> None:
    """One response in full, with where its message can be found."""
    style = "bold green" if response.is_success else "bold red"
    say(f"{_label(response)}  {response.content_type}  {latency(response.seconds)}", style)
    body = response.body.decode(errors="replace")[:_BODY_COLUMNS].rstrip()
    if body:
        say(body, lines=True)
    say(f"message id {response.message_id}")
    if response.is_success:
        say("look for it: frontdesk queues list, frontdesk unmatched list", "dim")


def print_summary(responses: Sequence[Response], seconds: float, concurrency: int) -> None:
    """How many webhooks got which response, how fast."""
    counts = Counter(map(_label, responses))
    columns: tuple[Column[tuple[str, int]], ...] = (
        Column("answer", lambda pair: pair[0]),
        Column("count", lambda pair: pair[1], number=True),
    )
    print_table(columns, sorted(counts.items()))
    how_fast = f"{concurrency} at once: {len(responses) / seconds:.0f} per second"
    say(f"{count(len(responses), 'webhook')} in {latency(seconds)}, {how_fast}")
    answered = [response.seconds for response in responses if response.status is not None]
    if answered:
        say(f"latency: {latencies(answered)}")
    ids = {response.message_id for response in responses}
    say(f"{count(len(ids), 'message id')}, first {responses[0].message_id}", "dim")


def check_accepted(responses: Sequence[Response]) -> None:
    """Fail, in one line, unless every webhook was accepted."""
    refused = [response for response in responses if not response.is_success]
    if not refused:
        return
    body = refused[0].body.decode(errors="replace")
    reason = f"{_label(refused[0])} {cut(body, _QUOTED_COLUMNS)}".strip()
    if len(responses) == 1:
        raise click.ClickException(f"not accepted: {reason}")
    raise click.ClickException(f"{len(refused)} of {len(responses)} not accepted, first: {reason}")


def _label(response: Response) -> str:
    if response.status is None:
        return response.problem or "no answer"
    try:
        return f"{response.status} {HTTPStatus(response.status).phrase}"
    except ValueError:
        return str(response.status)


def signed_url(url: str, public_base_url: str | None, webhook_url: str | None) -> str:
    """The URL that the provider signs: the public one, also when the server is reached here."""
    parts = urlsplit(url)
    if not is_this_machine(parts.hostname or ""):
        return url
    if webhook_url is not None:
        return webhook_url
    query = f"?{parts.query}" if parts.query else ""
    return url if public_base_url is None else f"{public_base_url}{parts.path}{query}"


def is_this_machine(host: str) -> bool:
    """Whether ``host`` is a loopback name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
