"""Processes that share a run."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from tests.sharing import taken


@dataclass
class Collected:
    """A test as pytest collects it, with what it is sorted by."""

    nodeid: str
    fixturenames: tuple[str, ...] = ()


TESTS = (
    Collected("tests/domain/test_times.py::test_one"),
    Collected("tests/deployment/test_purge.py::test_one", ("deployed",)),
    Collected("tests/deployment/test_template.py::test_one"),
    Collected("tests/domain/test_times.py::test_two"),
    Collected("tests/faults/test_soak.py::test_one"),
    Collected("tests/deployment/test_release.py::test_one", ("deployed",)),
)
DEPLOYED = [TESTS[1], TESTS[5]]


def run(folder: Path) -> "list[Collected]":
    """The tests that one process runs, in its order."""
    return cast("list[Collected]", [*taken(cast("tuple[pytest.Item, ...]", TESTS), folder)])


def test_process_without_others_runs_every_test_the_slowest_files_first(tmp_path: Path) -> None:
    assert run(tmp_path) == [*DEPLOYED, TESTS[2], TESTS[4], TESTS[0], TESTS[3]]
    assert run(tmp_path) == []


def test_processes_at_once_run_every_test_once_and_divide_no_file(tmp_path: Path) -> None:
    one, other = (taken(cast("tuple[pytest.Item, ...]", TESTS), tmp_path) for _ in range(2))
    first, second = next(one), next(other)
    assert [first, *one] == cast("list[pytest.Item]", [*DEPLOYED, TESTS[4], TESTS[0], TESTS[3]])
    assert [second, *other] == cast("list[pytest.Item]", [TESTS[2]])
