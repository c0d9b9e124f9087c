"""Acknowledged webhooks survive the death of the process, at any point and in any state."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Report
from tests.faults.crash_points import (
    AFTER_COMMIT,
    AROUND_COMMIT,
    BEFORE_COMMIT,
    BETWEEN_UNITS,
)
from tests.faults.planted_bugs import PLANTED_BUGS
from tests.forms import short_and_long
from tests.processes import start

pytestmark = pytest.mark.timeout(600)
"""Hundreds of processes are slow on a busy machine."""

CRASH_MAIN = "from tests.faults.crash_main import main; main()"

GROUPS = ("three together", "one of three fails")

FOUND_IN = {
    "queued before it is published": ("reply, separate", "contexts []"),
    "taken from the spool before the work": ("store down", "0 records"),
    "acknowledged before it is spooled": ("store down", "0 records"),
    "acknowledged before it is moved": ("moved to a human", "contexts []"),
    "recorded once for each minute": ("reply", "2 records"),
    "another id for each attempt": ("queue down, separate", "2 contexts"),
    "republished without the update": ("reply, separate", "the conversation does not show it"),
    "deleted before it is redriven": ("a bug", "0 records"),
    "duplicates receive a fallback": ("unknown sender", "2 fallbacks"),
    "published after the commit": ("three together", "contexts []"),
    "answered after its own work": ("three together", "0 records"),
    "answered before the commit": ("three together", "0 records"),
    "committed half by another's error": ("one of three fails", "contexts []"),
    "taken back by another's error": ("one of three fails", "0 records"),
}
"""For each planted bug, a scenario in which a death shows it, and the problem found."""

ONLY_AT = {
    "published after the commit": AFTER_COMMIT,
    "answered after its own work": BETWEEN_UNITS,
    "answered before the commit": BEFORE_COMMIT,
}
"""Planted bugs that a death at this point shows."""


def crashes(folder: Path, *options: str) -> dict[str, Any]:
    """The result of a crash test in a process without threads, which can be forked safely."""
    environ = {"PATH": os.environ["PATH"], "TMPDIR": str(folder)}
    with start(options, environ, code=CRASH_MAIN, modules=["tests.faults.crash_main"]) as process:
        found: dict[str, Any] = json.loads(process.stdout.read())
    return found


@pytest.mark.parametrize(
    ("options", "deaths", "points"),
    short_and_long((("--sample", "40"), 40, 40), ((), 400, 60)),
)
def test_crash_at_any_point_loses_and_duplicates_nothing(
    tmp_path: Path, options: tuple[str, ...], deaths: int, points: int
) -> None:
    found = crashes(tmp_path, "--every-point", *options)
    assert found["problems"] == []
    assert found["deaths"] >= deaths
    assert found["points"] >= points
    assert found["effects_not_reached"] == []


@pytest.mark.parametrize("scenario", GROUPS)
def test_crash_at_any_point_of_a_group_leaves_each_webhook_whole(
    tmp_path: Path, scenario: str
) -> None:
    points = [option for point in AROUND_COMMIT for option in ("--at", point)]
    found = crashes(tmp_path, "--every-point", "--scenario", scenario, *points)
    assert found["problems"] == []
    assert found["died_at"] == sorted(AROUND_COMMIT)


@pytest.mark.parametrize("runs", short_and_long(20, 200))
def test_random_crashes_of_several_processes_lose_and_duplicate_nothing(
    tmp_path: Path, report: Report, runs: int
) -> None:
    found = crashes(tmp_path, "--runs", str(runs), "--seed", "20261124")
    report(f"random crashes: {found['runs']} runs, {found['deaths']} deaths")
    assert found["problems"] == []
    assert found["runs"] == runs
    assert found["deaths"] > runs


@pytest.mark.parametrize(
    ("options", "deaths"),
    short_and_long((("--scenario", "reply", "--sample", "4"), 4), (("--sample", "10"), 10)),
)
def test_crash_at_any_point_on_aws_loses_and_duplicates_nothing(
    tmp_path: Path, options: tuple[str, ...], deaths: int
) -> None:
    found = crashes(tmp_path, "--aws", "--every-point", *options)
    assert found["problems"] == []
    assert found["deaths"] == deaths


@pytest.mark.parametrize("runs", short_and_long(5, 15))
def test_random_crashes_on_aws_lose_and_duplicate_nothing(
    tmp_path: Path, report: Report, runs: int
) -> None:
    found = crashes(tmp_path, "--aws", "--runs", str(runs), "--seed", "20261124")
    report(f"random crashes on AWS: {found['runs']} runs, {found['deaths']} deaths")
    assert found["problems"] == []
    assert found["deaths"] > runs


def test_every_planted_bug_has_a_scenario() -> None:
    assert FOUND_IN.keys() == PLANTED_BUGS.keys()


# These try the runs themselves, which change seldom: they have a long form alone.
@pytest.mark.long
@pytest.mark.parametrize("bug", PLANTED_BUGS)
def test_planted_bug_is_found_by_its_scenario(bug: str, tmp_path: Path) -> None:
    scenario, problem = FOUND_IN[bug]
    at = ONLY_AT.get(bug, "")
    options = ("--scenario", scenario, "--bug", bug, "--until", problem, "--at", at)
    found = crashes(tmp_path, "--every-point", *options)
    problems = [one for run in found["problems"] for one in run["problems"]]
    assert [one for one in problems if one.endswith(f": {problem}")]
