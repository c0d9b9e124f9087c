"""What ``frontdesk send`` says about the responses."""

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus

import click

from entrypoints.cli.simulator.send_posting import Response
from entrypoints.cli.terminal.output import attributes, count, cut, print_json, say
from entrypoints.cli.terminal.tables import Column, print_table

_BODY_COLUMNS = 2000
_QUOTED_COLUMNS = 200
_COARSE = 10
"""Milliseconds from which a fraction no longer matters."""


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
