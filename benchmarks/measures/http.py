"""Embedded HTTP: how many SMS a second, at what CPU time, and how long each waits."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import click

from benchmarks import servers, webhooks
from benchmarks.plan import Answers, Figures, Plan, post
from benchmarks.processes import Measured
from benchmarks.servers import Server

WARM_UP_SECONDS = 1.0
FEW_WEBHOOKS = 2_000
SHARE_OF_TOP_RATE = 0.7
STORED_SECONDS = 15.0
"""For what a server spooled: its background job stores it soon."""


@dataclass
class Contestant:
    """A server while it takes its turns. ``top_rate`` is the last one seen, in webhooks/s."""

    key: str
    server: Server
    process: Measured
    plan: Plan
    top_rate: float = 1000.0
    acknowledged: int = 0

    def closed_loop(self, seconds: float) -> tuple[Answers, float]:
        """As many as it can. Also the CPU seconds of one webhook."""
        before = self.process.cpu_seconds()
        answers = self._post(seconds, self.top_rate * seconds * 2)
        self.top_rate = answers["answered"] / answers["seconds"]
        return answers, (self.process.cpu_seconds() - before) / answers["answered"]

    def open_loop(self, seconds: float) -> Answers:
        """At a share of the top rate, whatever becomes of the earlier ones."""
        rate = self.top_rate * SHARE_OF_TOP_RATE
        return self._post(seconds, rate * seconds + 1, rate)

    def require_all_stored(self) -> None:
        """Each that was acknowledged is stored once."""
        deadline = time.monotonic() + STORED_SECONDS
        while (stored := self.server.stored()) != self.acknowledged:
            if time.monotonic() > deadline:
                told = f"{self.acknowledged} acknowledged, {stored} stored"
                raise click.ClickException(f"{self.server.name}: {told}")
            time.sleep(0.5)

    def _post(self, seconds: float, wanted: float, rate: float = 0.0) -> Answers:
        # What stores nothing cannot tell whether it has seen a webhook before.
        repeat = not self.server.count
        most = FEW_WEBHOOKS if repeat else self.plan.most_webhooks
        count = min(int(wanted) + 100, most)
        file = webhooks.store(self.server.folder / "requests", webhooks.sms(count))
        answers = post(self.process, file, seconds=seconds, rate=rate, repeat=repeat)
        self.acknowledged += answers["answered"]
        return answers


@contextmanager
def contestants(plan: Plan) -> Iterator[list[Contestant]]:
    """All of them, running and warm."""
    folder = plan.folder / "http"
    built = {
        "empty": servers.empty_server(folder / "empty"),
        "empty_without_log": servers.empty_server(folder / "without-log", "--no-access-log"),
        "flask": servers.flask(folder / "flask"),
        "frontdesk": servers.frontdesk(folder / "frontdesk"),
    }
    with ExitStack() as stack:
        running = [
            Contestant(key, server, stack.enter_context(server.running()), plan)
            for key, server in built.items()
        ]
        for contestant in running:
            contestant.closed_loop(min(WARM_UP_SECONDS, plan.load_seconds))
        yield running


def measure(plan: Plan) -> Figures:
    """Each server in turn, again and again; the ratios are of one round."""
    figures: Figures = defaultdict(list)
    with contestants(plan) as running:
        for _ in range(plan.rounds):
            found = {one.key: _round(one, plan, figures) for one in running}
            _compare(found, figures)
        for one in running:
            if one.server.count:
                one.require_all_stored()
    return figures


def _round(one: Contestant, plan: Plan, figures: Figures) -> tuple[float, float]:
    answers, cpu = one.closed_loop(plan.load_seconds)
    rate = answers["answered"] / answers["seconds"]
    figures[f"{one.key}.webhooks_per_second"].append(rate)
    figures[f"{one.key}.cpu_ms"].append(1000 * cpu)
    figures[f"{one.key}.p50_full_ms"].append(answers["p50_ms"])
    figures[f"{one.key}.p99_full_ms"].append(answers["p99_ms"])
    if one.server.count:
        answers = one.open_loop(plan.load_seconds)
        figures[f"{one.key}.p50_ms"].append(answers["p50_ms"])
        figures[f"{one.key}.p99_ms"].append(answers["p99_ms"])
    return rate, cpu


def _compare(found: dict[str, tuple[float, float]], figures: Figures) -> None:
    rate, cpu = found["frontdesk"]
    figures["rate_against_flask"].append(rate / found["flask"][0])
    figures["cpu_against_flask"].append(cpu / found["flask"][1])
    figures["cpu_against_empty"].append(cpu / found["empty"][1])
    figures["cpu_against_empty_without_log"].append(cpu / found["empty_without_log"][1])
