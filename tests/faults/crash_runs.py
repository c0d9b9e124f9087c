"""One crash run: processes die, other processes take over, and the result is checked."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from domain.messages import MAX_ATTEMPTS
from entrypoints.composition.container import Container
from infrastructure.channels.provider import SimulatedRequest
from infrastructure.configuration.secrets.development_secret import keep_development_credentials
from tests.end_to_end.providers import Providers
from tests.faults.crash_backends import CrashBackend
from tests.faults.crash_operator import has_backlog
from tests.faults.crash_points import Death
from tests.faults.crash_processes import CrashProcess
from tests.faults.crash_webhooks import Case, Inspector, Kind, TakenContext, pending

OK = 200
STORE = frozenset({"conversations", "messages", "outbox", "throttle"})


@dataclass(frozen=True)
class Plan:
    """The webhooks sent at once, the roles that are down, and where three processes die.

    The first serves, with ``failing`` roles. The second runs the background jobs, at first with
    roles that are ``still_failing``. The third serves again.

    With ``together`` the webhooks are one group, in which the second call of ``second_fails``
    fails. If it is not ``is_atomic``, each step is durable by itself, as on AWS.
    """

    name: str
    kinds: tuple[Kind, ...]
    failing: frozenset[str] = frozenset()
    deaths: tuple[Death, Death, Death] = (None, None, None)
    still_failing: frozenset[str] = frozenset()
    has_bug: bool = False
    most_attempts: int = MAX_ATTEMPTS
    together: bool = False
    second_fails: str | None = None
    is_atomic: bool = True


QUEUE = frozenset({"queue"})
_THREE = (Kind.REPLY, Kind.HAND_OFF, Kind.REPLY)
_SEPARATE_STEPS = (
    Plan("reply", (Kind.REPLY,)),
    Plan("queue down", (Kind.HAND_OFF,), QUEUE),
    Plan("given up", (Kind.REPLY,), QUEUE, still_failing=QUEUE, most_attempts=1),
)
"""Those in which messages are pending. What is not in a unit of work is the same."""

SCENARIOS = (
    *(Plan(kind, (kind,)) for kind in Kind),
    Plan("store down", (Kind.REPLY,), STORE),
    Plan("store down for long", (Kind.REPLY,), STORE, still_failing=STORE),
    Plan("store down, mail with a file", (Kind.MAIL_WITH_FILE,), STORE | {"blobs"}),
    Plan("queue down", (Kind.HAND_OFF,), QUEUE),
    Plan("a bug", (Kind.REPLY,), STORE, still_failing=STORE, has_bug=True),
    Plan("fallback not sent", (Kind.UNKNOWN_SENDER,), frozenset({"sender"})),
    Plan("three together", _THREE, together=True),
    Plan("one of three fails", _THREE, together=True, second_fails="queue.publish"),
    *(replace(one, name=f"{one.name}, separate", is_atomic=False) for one in _SEPARATE_STEPS),
)


@dataclass(frozen=True)
class Result:
    """The points that each of the three processes reached, where they died, and the problems."""

    number: int
    plan: Plan
    points: Sequence[Sequence[str]]
    died_at: Sequence[str]
    problems: Sequence[str]


@dataclass(frozen=True)
class Run:
    """One run in its own ``folder``; ``number`` makes its senders unique on a shared backend."""

    backend: CrashBackend
    plan: Plan
    number: int
    folder: Path
    contexts: list[TakenContext] = field(default_factory=list)

    def execute(self, template: Path) -> Result:
        """Let three processes die, if they reach their points, and others take over.

        ``template`` is the initial data directory. The folder of a run with problems is not
        deleted.
        """
        shutil.copytree(template, self._data_dir)
        with self._inspecting() as inspector:
            for case in self._cases:
                if case.is_known:
                    case.open_conversation(inspector.container)
        first, second, third = (
            self._process(minutes, death) for minutes, death in enumerate(self.plan.deaths, start=1)
        )
        first = replace(first, failing=self.plan.failing, second_fails=self.plan.second_fails)
        second = replace(second, failing=self.plan.still_failing)
        problems = [*self._first_half(first, second), *self._second_half(third)]
        processes = (first, second, third)
        points = [process.points for process in processes]
        died_at = [process.points[-1] for process in processes if process.died]
        if not problems:
            shutil.rmtree(self.folder)
        return Result(self.number, self.plan, points, died_at, problems)

    def _first_half(self, first: CrashProcess, second: CrashProcess) -> Iterator[str]:
        statuses = first.serve(self._webhooks)
        yield from self._halves()
        yield from self._run_background_jobs(second, self._process(11))
        yield from self._broken_promises(statuses)

    def _second_half(self, third: CrashProcess) -> Iterator[str]:
        """The providers send all webhooks again, also the acknowledged ones."""
        statuses = third.serve(self._webhooks)
        if third.died:
            statuses = self._process(20).serve(self._webhooks)
        yield from (f"status {status} in the end" for status in statuses if status != OK)
        yield from self._run_background_jobs(self._process(30))
        yield from self._broken_promises(statuses)

    def _halves(self) -> Iterator[str]:
        """What a transaction left half done."""
        if self.backend.has_transactions and self.plan.is_atomic:
            with self._inspecting() as inspector:
                for problem in pending(inspector.container):
                    yield f"in one transaction: {problem}"

    def _run_background_jobs(self, *processes: CrashProcess) -> Iterator[str]:
        """Let one process after the other run the jobs, until one of them completes."""
        with self._inspecting() as inspector:
            if not has_backlog(inspector.container, self._cases):
                return
        if not any(process.run_background_jobs(self._cases) for process in processes):
            yield "there is no end of work"

    def _broken_promises(self, statuses: Sequence[int | None]) -> Iterator[str]:
        """Problems of the webhooks: one with a 2xx must be complete, others may be absent."""
        with self._inspecting() as inspector:
            inspector.take_contexts()
            for case, status in zip(self._cases, statuses, strict=True):
                found = inspector.find(case)
                if status == OK or not found.is_absent:
                    for problem in found.problems(at_most_once=self.backend.at_most_once):
                        yield f"{case.kind} with status {status}: {problem}"

    @contextmanager
    def _inspecting(self) -> Iterator[Inspector]:
        yield Inspector(self._container, self.contexts)
        self._container.shutdown_resources()
        self._container.reset_singletons()

    def _process(self, minutes: int, death: Death = None) -> CrashProcess:
        return CrashProcess(
            self.backend,
            self._container_of_processes,
            self.folder,
            minutes,
            death,
            has_bug=self.plan.has_bug,
            most_attempts=self.plan.most_attempts,
            together=self.plan.together,
            is_atomic=self.plan.is_atomic,
        )

    @cached_property
    def _container(self) -> Container:
        """Built once, because building takes longer than all the rest."""
        return self.backend.container(self._data_dir, may_die=False)

    @cached_property
    def _container_of_processes(self) -> Container:
        """Each forked process has its own copy of this container."""
        return self.backend.container(self._data_dir, may_die=True)

    @cached_property
    def _cases(self) -> list[Case]:
        return [Case(kind, self.number * 10 + i) for i, kind in enumerate(self.plan.kinds)]

    @cached_property
    def _webhooks(self) -> list[SimulatedRequest]:
        """Made once: a provider sends the same bytes again."""
        providers = Providers.of(keep_development_credentials(self._data_dir))
        return [case.webhook(providers) for case in self._cases]

    @property
    def _data_dir(self) -> Path:
        return self.folder / "data"
