"""Processes that share a run."""

import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import cast

import pytest

from tests.sharing import ONE_STAGE, check_part, taken

ROOT = Path(__file__).parents[1]


@dataclass
class Collected:
    """A test as pytest collects it, with what it uses."""

    nodeid: str
    fixturenames: tuple[str, ...] = ()


DOMAIN = "tests/domain/test_times.py"
TEMPLATE = "tests/deployment/test_template.py"
SOAK = "tests/faults/test_soak.py"
DEPLOYED = ["tests/deployment/test_purge.py", "tests/deployment/test_redrive.py"]
FILES = (DOMAIN, DEPLOYED[1], TEMPLATE, SOAK, DEPLOYED[0])


def test_process_without_others_runs_every_file_the_slowest_first(tmp_path: Path) -> None:
    assert [*chain(*taken(FILES, tmp_path))] == [*DEPLOYED, SOAK, TEMPLATE, DOMAIN]
    assert [*taken(FILES, tmp_path)] == []


def test_processes_at_once_run_every_file_once_and_make_one_deployment(tmp_path: Path) -> None:
    one, other = taken(FILES, tmp_path), taken(FILES, tmp_path)
    assert [next(one), next(other)] == [DEPLOYED, [SOAK]]
    assert [*one] == [[TEMPLATE], [DOMAIN]]
    assert [*other] == []


def test_files_with_the_deployment_are_known() -> None:
    assert all((ROOT / file).is_file() for file in ONE_STAGE)
    check_part(cast("pytest.Item", Collected(f"{DEPLOYED[0]}::test_one", ("deployed",))))
    check_part(cast("pytest.Item", Collected(f"{DOMAIN}::test_one")))
    with pytest.raises(AssertionError, match="add it to ONE_STAGE"):
        check_part(cast("pytest.Item", Collected(f"{DOMAIN}::test_one", ("deployed",))))


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("def test_one(): pass\n", 0),
        ("def test_one(): raise ValueError\n", 1),
        ("raise ValueError\n", 1),
        ("", 0),
    ],
)
def test_process_fails_when_a_test_or_its_collection_does(
    tmp_path: Path, text: str, status: int
) -> None:
    (tmp_path / "test_it.py").write_text(text)
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "taken").mkdir()
    run = [sys.executable, "-m", "pytest", "-p", "tests.sharing", "-p", "no:hypothesispytest"]
    done = subprocess.run(
        [*run, "-p", "no:schemathesis", "--share", "taken", "."],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        check=False,
        text=True,
    )
    assert done.returncode == status, done.stdout
