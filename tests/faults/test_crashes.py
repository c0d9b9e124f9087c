"""Whatever is acknowledged survives the death of the process, at any point and in any state."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.emulators import EmulatedAws

pytestmark = pytest.mark.timeout(600)
"""Hundreds of processes take their time where others are at work too."""

ROOT = Path(__file__).parents[2]


def crashes(*options: str, aws: EmulatedAws | None = None) -> dict[str, Any]:
    """What was found, by a process without threads: only such a one can be forked safely."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.crash_main", *options],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **(aws.environ if aws else {})},
        stdout=subprocess.PIPE,
        check=False,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_crash_at_any_point_loses_and_doubles_nothing() -> None:
    found = crashes("--every-point")
    assert found["problems"] == []
    assert found["deaths"] > 150
    assert found["points"] > 40


def test_random_crashes_of_several_processes_lose_and_double_nothing() -> None:
    found = crashes("--runs", "200", "--seed", "20261124")
    assert found["problems"] == []
    assert found["deaths"] > 200


def test_a_crash_on_aws_loses_and_doubles_nothing(ministack: EmulatedAws) -> None:
    found = crashes("--aws", "--every-point", "--sample", "10", aws=ministack)
    assert found["problems"] == []
    assert found["deaths"] == 10
