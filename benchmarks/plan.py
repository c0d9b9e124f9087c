"""How much is measured: the whole, or the smoke form that only shows that everything runs."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import click

from benchmarks.processes import Measured, cores, pinned

Figures = dict[str, list[float]]
"""What was measured, by name: a value for each round."""


class NotPossibleError(Exception):
    """Something cannot be measured here; the text says why."""


class Answers(TypedDict):
    """What the client reports."""

    sent: int
    answered: int
    statuses: Mapping[str, int]
    seconds: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Plan:
    """Where data is kept, and how often and how long things are measured."""

    folder: Path
    rounds: int = 5
    load_seconds: float = 4.0
    most_webhooks: int = 12_000
    connections: int = 32
    growth_sizes: Sequence[int] = (10, 1_000, 100_000, 1_000_000)
    growth_rounds: int = 5
    growth_webhooks: int = 100
    mails: Mapping[int, int] = field(
        default_factory=lambda: {10_000: 300, 1_000_000: 40, 25_000_000: 4}
    )
    """How many mails of each size."""
    mail_rounds: int = 3
    slow_webhooks: int = 400
    slow_sync_ms: int = 20
    alone_webhooks: int = 100
    command_runs: int = 11
    lambda_runs: int = 9
    profile_seconds: float = 6.0


def smoke(folder: Path) -> Plan:
    """Few requests and one round: nothing that could be judged."""
    return Plan(
        folder,
        rounds=1,
        load_seconds=0.5,
        most_webhooks=100,
        growth_sizes=(10, 100),
        growth_rounds=1,
        growth_webhooks=10,
        mails={10_000: 10, 1_000_000: 2},
        mail_rounds=1,
        slow_webhooks=40,
        slow_sync_ms=1,
        alone_webhooks=10,
        command_runs=1,
        lambda_runs=1,
        profile_seconds=1.0,
    )


def post(
    server: Measured,
    file: Path,
    *,
    connections: int = 32,
    seconds: float = 60.0,
    count: int = 0,
    rate: float = 0.0,
    repeat: bool = False,
) -> Answers:
    """Let the client post from the second core. Each request must get a 200."""
    options: dict[str, object] = {
        "--connections": connections,
        "--seconds": seconds,
        "--count": count,
        "--rate": rate,
    }
    command = [sys.executable, "-m", "benchmarks.load", str(server.port), str(file)]
    command += [str(word) for option in options.items() for word in option]
    done = subprocess.run(  # noqa: S603 - our own
        [*command, "--repeat"] if repeat else command,
        preexec_fn=pinned(cores()[1]),
        stdout=subprocess.PIPE,
        check=True,
    )
    answers: Answers = json.loads(done.stdout)
    if answers["statuses"] != {"200": answers["sent"]}:
        raise click.ClickException(f"not every webhook got a 200: {answers}")
    return answers
