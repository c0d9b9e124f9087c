"""Webhooks of a crash run whose units are certainly committed together."""

import time
from dataclasses import dataclass

from dependency_injector import providers

from application.ports.unit_of_work import Unit
from entrypoints.composition.container import Container
from infrastructure.sqlite import grouped_commits
from infrastructure.sqlite.grouped_commits import GroupedCommits
from tests.changed_units import ChangedUnits
from tests.faults.crash_points import Points

GATHER_SECONDS = 2.0
"""How long the first unit waits for the others. Some do not come: their files fail before."""


def watch_groups(container: Container, points: Points, size: int) -> None:
    """Let the first ``size`` units be one group, with points between the units of a group.

    Where each step is durable by itself, there is no group. Call ``watch_ports`` first.
    """
    units = container.unit_of_work()
    if isinstance(units, ChangedUnits) and isinstance(units.inner, GroupedCommits):
        # A group that gathers on a busy machine must not be committed half.
        vars(grouped_commits)["LEAD_SECONDS"] = GATHER_SECONDS * 2
        watched = ChangedUnits(units, _WatchedGroup(units.inner, points, size))
        container.unit_of_work.override(providers.Object(watched))


@dataclass
class _WatchedGroup:
    """Called on the leader's thread as each unit begins."""

    units: GroupedCommits
    points: Points
    size: int

    def __call__(self, unit: Unit) -> Unit:
        self.points.begin_unit()
        ends_at = time.monotonic() + GATHER_SECONDS
        while len(self.units._waiting) < self.size - 1 and time.monotonic() < ends_at:
            time.sleep(0.001)
        self.size = 0
        return unit
