"""Kill a front desk repeatedly, and check that no acknowledged webhook is lost.

``python -m tests.faults.crash_main --runs 10000`` executes random plans. ``--every-point``
kills once at each point that a scenario reaches. The result is printed as one line of JSON.
"""

import gc
import json
import multiprocessing
import os
import pickle
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.synchronize import Event
from pathlib import Path

import click
from starlette.applications import Starlette

from application.clock import utc_now
from application.ports.webhook_parser import WebhookRequest
from entrypoints.composition.container import Container
from entrypoints.http.limits.connection_limits import ConnectionLimits
from entrypoints.http.server import server_config
from entrypoints.operations.background_jobs import drain_some, relay_some
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.emulators import running_ministack
from tests.end_to_end.providers import Providers
from tests.faults.crash_backends import CrashBackend, EmbeddedBackend, EmulatedBackend
from tests.faults.crash_points import (
    AROUND_COMMIT,
    AROUND_EFFECT,
    AROUND_SPOOL,
    EFFECTS,
    Death,
)
from tests.faults.crash_runs import OK, QUEUE, SCENARIOS, STORE, Plan, Result, Run
from tests.faults.crash_webhooks import Case, Inspector, Kind
from tests.faults.planted_bugs import PLANTED_BUGS

MOST_POINTS = (16, 12, 8)
"""About as many points as each of the three processes reaches for one webhook."""

DOWN = (frozenset[str](), frozenset[str](), STORE, QUEUE, STORE | QUEUE)

REPORT_EVERY = 250
"""Runs of one job between two progress lines: about half a minute."""

DUPLICATES = 2
"""The stage in which all webhooks are sent again."""

Task = tuple[int, Plan]


@dataclass(frozen=True)
class CrashTest:
    """Executes plans in ``folder``, ``jobs`` at once, each in its own processes.

    With ``until`` it ends when a run has this problem.
    """

    backend: CrashBackend
    folder: Path
    jobs: int
    until: str | None = None

    def every_point(
        self, scenarios: Sequence[Plan], sample: int | None, at: tuple[str, ...] = ("",)
    ) -> list[Result]:
        """Execute each of ``scenarios`` without a crash, then once for each point that it reaches.

        Only for the points whose names begin with one of ``at``, and with ``sample`` only for
        that many of them: always the same ones, and first of all those with different names.
        """
        unharmed = self.execute(scenarios)
        deadly = _deadly_plans(unharmed, at)
        if sample is not None:
            deadly = _most_different(random.Random("sample").sample(deadly, len(deadly)))[:sample]
        return unharmed + self.execute(deadly, first_number=len(unharmed))

    def execute(self, plans: Sequence[Plan], first_number: int = 0) -> list[Result]:
        """Execute all ``plans``."""
        tasks = list(enumerate(plans, first_number))
        files = [self.folder / f"results-{first_number}-{job}" for job in range(self.jobs)]
        fork = multiprocessing.get_context("fork")
        found = fork.Event()
        workers = [
            fork.Process(target=self._work, args=(tasks[job :: self.jobs], file, found))
            for job, file in enumerate(files)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
            assert worker.exitcode == 0
        return [result for file in files for result in pickle.loads(file.read_bytes())]

    def _work(self, tasks: Sequence[Task], file: Path, found: Event) -> None:
        results: list[Result] = []
        for number, plan in tasks:
            if found.is_set():
                break
            run = Run(self.backend, plan, number, self.folder / f"run-{number}")
            results.append(run.execute(self.template))
            if any(one.endswith(f": {self.until}") for one in results[-1].problems):
                found.set()
            if len(results) % REPORT_EVERY == 0:
                click.echo(f"{len(results)} of {len(tasks)} runs done in {file.name}", err=True)
        file.write_bytes(pickle.dumps(results))

    @property
    def template(self) -> Path:
        """The initial data directory of every run."""
        return self.folder / "template"


def _deadly_plans(unharmed: Sequence[Result], at: tuple[str, ...]) -> list[Plan]:
    """One plan for each point; scenarios that share a point have one plan for it."""
    plans = {}
    for result in reversed(unharmed):
        for stage, points in enumerate(result.points):
            for point in points:
                if point.startswith(at) and _is_of_interest(result.plan, point):
                    plan = replace(result.plan, deaths=_only(stage, point))
                    plans[_shared_by(result.plan, stage), stage, point] = plan
    return list(plans.values())


def _most_different(deadly: Sequence[Plan]) -> list[Plan]:
    """First one plan for each name of a point, then the second ones, and so on."""
    turns: Counter[str] = Counter()

    def turn(plan: Plan) -> int:
        name = "".join(str(death).partition("#")[0] for death in plan.deaths if death)
        turns[name] += 1
        return turns[name]

    return sorted(deadly, key=turn)


def _is_of_interest(plan: Plan, point: str) -> bool:
    """A group is in danger where it is one; elsewhere each webhook dies as if it were alone."""
    return point.startswith((*AROUND_COMMIT, *AROUND_SPOOL)) if plan.together else True


def _shared_by(plan: Plan, stage: int) -> str:
    """A name for all scenarios that reach the same points as ``plan``."""
    if plan.together:
        return plan.name
    form = "" if plan.is_atomic else ", separate"
    if stage == DUPLICATES:
        return f"sent again{form}"
    is_delivered = Case(plan.kinds[0], 0).is_known and not plan.failing
    return f"routed{form}" if is_delivered else plan.name


def random_plans(runs: int, seed: int) -> list[Plan]:
    """The same plans for the same ``seed``."""
    return [_random_plan(f"random {seed}-{number}") for number in range(runs)]


def _random_plan(name: str) -> Plan:
    chance = random.Random(name)
    kinds = tuple(chance.choices(list(Kind), k=chance.randint(1, 3)))
    first, second, third = (
        chance.randint(1, most * len(kinds)) if chance.random() < likely else None
        for most, likely in zip(MOST_POINTS, (1.0, 0.7, 0.3), strict=True)
    )
    plan = Plan(name, kinds, chance.choice(DOWN), (first, second, third))
    return replace(plan, together=chance.random() < 0.5, is_atomic=chance.random() < 0.7)


def _only(stage: int, point: str) -> tuple[Death, Death, Death]:
    deaths: list[Death] = [None, None, None]
    deaths[stage] = point
    return deaths[0], deaths[1], deaths[2]


def warm_up(template: Path, scratch: Path) -> None:
    """Create the initial files of every run, and import all modules that its processes need."""
    keep_development_credentials(template)
    container = EmbeddedBackend().container(template, may_die=False)
    container.context_queue()
    container.receive_webhook()
    container.shutdown_resources()
    container = EmbeddedBackend().container(scratch, may_die=False)
    for number, kind in enumerate(Kind):
        _receive(container, Case(kind, number))
    drain_some(container)
    relay_some(container)
    Inspector(container, []).take_contexts()
    container.shutdown_resources()
    server_config(Starlette(), lambda _: None, ConnectionLimits()).get_loop_factory()
    # A collection in a child would copy all memory that it shares with this process.
    gc.freeze()


def _receive(container: Container, case: Case) -> None:
    credentials = keep_development_credentials(container.settings().data_dir)
    webhook = case.webhook(Providers.of(credentials))
    headers = tuple((name.lower(), value) for name, value in webhook.headers.items())
    request = WebhookRequest("POST", webhook.url, headers, webhook.body, utc_now())
    assert container.receive_webhook()(request).status == OK


def report(results: Sequence[Result], seconds: float) -> Mapping[str, object]:
    """The figures and problems of all runs."""
    points = {point for result in results for process in result.points for point in process}
    effects = {found[1] for point in points if (found := AROUND_EFFECT.match(point))}
    died_at = Counter(point.partition("#")[0] for result in results for point in result.died_at)
    return {
        "runs": len(results),
        "deaths": died_at.total(),
        "points": len(died_at),
        "died_at": sorted(died_at),
        "effects_not_reached": sorted(EFFECTS - effects),
        "seconds": round(seconds, 1),
        "problems": [
            {"run": result.number, "plan": str(result.plan), "problems": result.problems}
            for result in results
            if result.problems
        ],
    }


@click.command()
@click.option("--runs", default=200, show_default=True, help="How many random plans.")
@click.option("--seed", default=1, show_default=True)
@click.option("--every-point", is_flag=True, help="Die at every point instead.")
@click.option(
    "--scenario",
    type=click.Choice([str(one.name) for one in SCENARIOS]),
    help="With --every-point: only this one.",
)
@click.option("--sample", type=int, help="With --every-point: only so many of the points.")
@click.option("--at", multiple=True, default=[""], help="With --every-point: names begin so.")
@click.option("--aws", is_flag=True, help="On an emulator of AWS.")
@click.option("--bug", type=click.Choice([*PLANTED_BUGS]), help="Plant it first.")
@click.option("--until", help="End when a run has this problem.")
@click.option("--jobs", default=os.cpu_count(), show_default=True)
def main(
    runs: int,
    seed: int,
    scenario: str | None,
    sample: int | None,
    bug: str | None,
    *,
    at: tuple[str, ...],
    until: str | None,
    every_point: bool,
    aws: bool,
    jobs: int,
) -> None:
    """Kill front desks and check that they lose nothing."""
    started = time.monotonic()
    if bug is not None:
        PLANTED_BUGS[bug]()
    folder = Path(tempfile.mkdtemp(prefix="frontdesk-crashes-"))
    with _running_backend(folder, aws=aws) as backend:
        test = CrashTest(backend, folder, 1 if aws else jobs, until)
        warm_up(test.template, folder / "scratch")
        scenarios = _scenarios(backend, scenario)
        if every_point:
            results = test.every_point(scenarios, sample, at)
        else:
            results = test.execute(random_plans(runs, seed))
    found = report(results, time.monotonic() - started)
    click.echo(json.dumps(found))
    if found["problems"]:
        sys.exit(f"the files are in {folder}")
    shutil.rmtree(folder)


def _scenarios(backend: CrashBackend, name: str | None) -> list[Plan]:
    """Those of this name, or all. Where no step is atomic, a scenario has one form."""
    chosen = [one for one in SCENARIOS if name in (None, one.name)]
    if backend.has_transactions:
        return chosen
    forms = {(one.kinds, one.failing, one.still_failing, one.has_bug): one for one in chosen}
    return [one for one in forms.values() if not one.together]


@contextmanager
def _running_backend(folder: Path, *, aws: bool) -> Iterator[CrashBackend]:
    if not aws:
        yield EmbeddedBackend()
        return
    with running_ministack(folder) as emulated:
        yield EmulatedBackend.create(emulated, folder / "template")


if __name__ == "__main__":
    main()
