"""What ``frontdesk send`` says about the answers."""

import math
import statistics
from collections import Counter
from collections.abc import Sequence
from http import HTTPStatus

import click

from entrypoints.cli.simulator.send_posting import Answer
from entrypoints.cli.terminal.output import (
    Column,
    count,
    cut,
    plain,
    print_json,
    print_rich,
    print_table,
)

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


def print_response_json(answer: Answer) -> None:
    """One answer for a program, as a line of JSON Lines."""
    print_json(
        {
            "message_id": answer.message_id,
            "status": answer.status,
            "content_type": answer.content_type or None,
            "body": answer.body.decode(errors="replace") if answer.status else None,
            "duration_ms": round(answer.seconds * 1000, 3),
            "problem": answer.problem,
        }
    )


def print_response(answer: Answer, look_for_it: str) -> None:
    """One answer in full, with where its message can be found."""
    head = f"{_label(answer)}  {answer.content_type}  {latency(answer.seconds)}"
    body = answer.body.decode(errors="replace")[:_BODY_COLUMNS]
    print_rich(
        plain(head, "bold green" if answer.accepted else "bold red"),
        *([plain(body.rstrip(), lines=True)] if body.strip() else []),
        plain(f"message id {answer.message_id}"),
        *([plain(look_for_it, "dim")] if answer.accepted else []),
    )


def print_summary(answers: Sequence[Answer], seconds: float, concurrency: int) -> None:
    """How many webhooks got which answer, how fast."""
    counts = Counter(map(_label, answers))
    print_table(
        (Column("answer"), Column("count", number=True)),
        sorted(counts.items()),
        empty="Nothing was sent.",
    )
    rate = len(answers) / seconds if seconds else 0.0
    print_rich(
        plain(
            f"{count(len(answers), 'webhook')} in {latency(seconds)}, {concurrency} at once: "
            f"{rate:.0f} per second"
        )
    )
    answered = [answer.seconds for answer in answers if answer.status is not None]
    if answered:
        print_rich(plain(f"latency: {latencies(answered)}"))
    ids = dict.fromkeys(answer.message_id for answer in answers)
    print_rich(plain(f"{count(len(ids), 'message id')}, first {next(iter(ids))}", "dim"))


def check_accepted(answers: Sequence[Answer]) -> None:
    """Fail, in one line, unless every webhook was accepted."""
    refused = [answer for answer in answers if not answer.accepted]
    if not refused:
        return
    first = refused[0]
    reason = f"{_label(first)} {cut(first.body.decode(errors='replace'), _QUOTED_COLUMNS)}".strip()
    if len(answers) == 1:
        raise click.ClickException(f"not accepted: {reason}")
    raise click.ClickException(f"{len(refused)} of {len(answers)} not accepted, first: {reason}")


def _label(answer: Answer) -> str:
    if answer.status is None:
        return answer.problem or "no answer"
    try:
        return f"{answer.status} {HTTPStatus(answer.status).phrase}"
    except ValueError:
        return str(answer.status)
