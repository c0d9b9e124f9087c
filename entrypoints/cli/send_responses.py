"""Post webhooks as a provider does, and say what their responses are."""

import ipaddress
import shlex
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus
from multiprocessing.pool import ThreadPool
from urllib.parse import urlsplit

import click

from domain.channels import ChannelType
from entrypoints.cli.terminal.output import (
    attributes,
    count,
    cut,
    latency,
    print_json,
    progress,
    say,
)
from entrypoints.cli.terminal.tables import Column, print_table
from entrypoints.simulation.messages import public_url
from entrypoints.simulation.posting import NO_SERVER, Response, percentile, posting
from infrastructure.channels.provider import Webhooks
from infrastructure.configuration.settings import Settings

_BODY_COLUMNS = 2000
_QUOTED_COLUMNS = 200


def post_and_report(
    make: Webhooks,
    url: str,
    times: int,
    concurrency: int,
    *,
    is_tampered: bool,
    as_json: bool,
) -> None:
    """Post ``times`` webhooks, ``concurrency`` at once, and say what came back.

    Fails unless every response is a success.
    """
    started = time.perf_counter()
    responses: list[Response] = []
    # The threads are daemons: an interrupted command ends at once, and not when the last server
    # gives up.
    with (
        posting(url, concurrency) as post,
        ThreadPool(concurrency) as pool,
        progress("sending", times) as advance,
    ):
        for response in pool.imap_unordered(lambda _: post(make()), range(times)):
            if response.problem == NO_SERVER and not responses:
                raise click.ClickException(_no_server(url))
            if as_json:
                _print_json(response)
            responses.append(response)
            advance(len(responses))
    if not as_json and times == 1:
        _print_response(responses[0])
    elif not as_json:
        print_summary(responses, time.perf_counter() - started, concurrency)
    _check_accepted(responses, is_tampered=is_tampered)


def _no_server(url: str) -> str:
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    here = _is_this_machine(parts.hostname or "")
    hint = "start 'frontdesk serve', or give its address by --url" if here else "check the --url"
    return f"nothing answers at {origin}: {hint}"


def latencies(seconds: Sequence[float]) -> str:
    """Minimum, median, 95th percentile (nearest rank) and maximum of at least one duration."""
    ordered = sorted(seconds)
    figures = {
        "min": ordered[0],
        "median": statistics.median(ordered),
        "p95": percentile(ordered, 0.95),
        "max": ordered[-1],
    }
    return ", ".join(f"{name} {latency(value)}" for name, value in figures.items())


def _print_json(response: Response) -> None:
    print_json(
        {
            **attributes(response, "message_id", "status", "problem"),
            "content_type": response.content_type or None,
            "body": response.body.decode(errors="replace") if response.status else None,
            "duration_ms": round(response.seconds * 1000, 3),
        }
    )


def _print_response(response: Response) -> None:
    style = "bold green" if response.is_success else "bold red"
    say(f"{response.label}  {response.content_type}  {latency(response.seconds)}", style)
    if body := response.body.decode(errors="replace")[:_BODY_COLUMNS].rstrip():
        say(body, lines=True)
    say(f"message id {response.message_id}")
    if response.is_success:
        say(f"look for it: frontdesk trace {shlex.quote(response.message_id)}", "dim")


def print_summary(responses: Sequence[Response], seconds: float, concurrency: int) -> None:
    """How many webhooks got which response, how fast."""
    counts = Counter(response.label for response in responses)
    columns: tuple[Column[tuple[str, int]], ...] = (
        Column("answer", lambda pair: pair[0]),
        Column("count", lambda pair: pair[1], number=True),
    )
    print_table(columns, sorted(counts.items()))
    how_fast = f"{concurrency} at once: {len(responses) / seconds:.0f} per second"
    say(f"{count(len(responses), 'webhook')} in {latency(seconds)}, {how_fast}")
    if answered := [response.seconds for response in responses if response.status is not None]:
        say(f"latency: {latencies(answered)}")
    ids = {response.message_id for response in responses}
    say(f"{count(len(ids), 'message id')}, first {responses[0].message_id}", "dim")


def _check_accepted(responses: Sequence[Response], *, is_tampered: bool) -> None:
    refused = [response for response in responses if not response.is_success]
    if not refused:
        return
    body = refused[0].body.decode(errors="replace")
    reason = f"{refused[0].label} {cut(body, _QUOTED_COLUMNS)}".strip()
    if refused[0].status == HTTPStatus.UNAUTHORIZED and not is_tampered:
        reason += "; does the server have the same secrets and public URLs as this command?"
    if len(responses) == 1:
        raise click.ClickException(f"not accepted: {reason}")
    raise click.ClickException(f"{len(refused)} of {len(responses)} not accepted, first: {reason}")


def signed_url(url: str, settings: Settings, channel: ChannelType) -> str:
    """The URL that the provider signs: the public one, also when the server is reached here."""
    if not _is_this_machine(urlsplit(url).hostname or ""):
        return url
    return public_url(url, settings, channel)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
