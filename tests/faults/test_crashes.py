"""Whatever is acknowledged survives the death of the process, at any point and in any state."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import Report
from tests.faults.planted_bugs import PLANTED_BUGS

pytestmark = pytest.mark.timeout(600)
"""Hundreds of processes take their time where others are at work too."""

ROOT = Path(__file__).parents[2]

SIGNS_OF_BUGS = {
    "queued before it is published": "contexts []",
    "taken from the spool before the work": "0 records",
    "thanked for before it is put aside": "0 records",
    "recorded once a minute": "2 records",
    "another id for each attempt": "2 contexts",
    "republished without the update": "the conversation does not show it",
    "deleted before it is redriven": "0 records",
    "duplicates are answered": "2 fallbacks",
}
RANDOM = ("--runs", "20", "--seed", "3")
SCENARIOS = {
    "taken from the spool before the work": "store down",
    "deleted before it is redriven": "a bug",
}
"""Where random plans seldom die: every point of these does it."""


def crashes(folder: Path, *options: str) -> dict[str, Any]:
    """What was found, by a process without threads: only such a one can be forked safely."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.crash_main", *options],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        check=False,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_crash_at_any_point_loses_and_doubles_nothing(tmp_path: Path) -> None:
    found = crashes(tmp_path, "--every-point")
    assert found["problems"] == []
    assert found["deaths"] > 150
    assert found["points"] > 50
    assert found["effects_not_reached"] == []


def test_random_crashes_of_several_processes_lose_and_double_nothing(
    tmp_path: Path, report: Report
) -> None:
    found = crashes(tmp_path, "--runs", "200", "--seed", "20261124")
    report(f"random crashes: {found['runs']} runs, {found['deaths']} deaths")
    assert found["problems"] == []
    assert found["runs"] == 200
    assert found["deaths"] > 200


def test_crashes_on_aws_lose_and_double_nothing(tmp_path: Path, report: Report) -> None:
    found = crashes(tmp_path, "--aws", "--every-point", "--sample", "10")
    assert found["problems"] == []
    assert found["deaths"] == 10
    found = crashes(tmp_path, "--aws", "--runs", "15", "--seed", "20261124")
    report(f"random crashes on AWS: {found['runs']} runs, {found['deaths']} deaths")
    assert found["problems"] == []
    assert found["deaths"] > 15


def test_every_planted_bug_has_a_sign() -> None:
    assert SIGNS_OF_BUGS.keys() == PLANTED_BUGS.keys()


@pytest.mark.parametrize("bug", PLANTED_BUGS)
def test_a_planted_bug_is_found(bug: str, tmp_path: Path) -> None:
    scenario = SCENARIOS.get(bug)
    plans = ("--every-point", "--scenario", scenario) if scenario else RANDOM
    found = crashes(tmp_path, *plans, "--bug", bug)
    problems = [problem for run in found["problems"] for problem in run["problems"]]
    assert [problem for problem in problems if problem.endswith(f": {SIGNS_OF_BUGS[bug]}")]
