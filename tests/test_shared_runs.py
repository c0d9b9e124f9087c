"""Processes of pytest that share a run of a few files."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTEST = (sys.executable, "-m", "pytest", "-p", "tests.sharing", "-p", "no:cacheprovider")
# What is installed beside pytest takes longer to import than these tests take.
ENVIRON = {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}

IMPORTED = """
import os, pathlib
with pathlib.Path(__file__).with_suffix(".imported").open("a") as file:
    print(os.getpid(), file=file)
"""
TESTS = """
import pytest

def test_one(name_of_the_folder):
    assert name_of_the_folder == "{folder}"

@pytest.mark.long
def test_long():
    raise AssertionError
"""
CONFTEST = """
import pytest

@pytest.fixture
def name_of_the_folder():
    return "{folder}"
"""
FOLDERS = ("letters", "digits")


class Run:
    """Processes that share one run of the tests in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.tests = folder / "tests"
        self.taken = folder / "taken"
        self.taken.mkdir()
        self.tests.mkdir()
        self.write("pytest.ini", "[pytest]\nmarkers = long\n")

    def write(self, name: str, text: str) -> None:
        """Write one of the files."""
        file = self.tests / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start one process."""
        command = (*PYTEST, f"--share={self.taken}", *arguments)
        environ = {**os.environ, **ENVIRON}
        return subprocess.Popen(
            command, cwd=self.tests, env=environ, stdout=subprocess.PIPE, text=True
        )

    def importers(self) -> Mapping[str, list[str]]:
        """The processes that imported each file."""
        return {
            str(file.relative_to(self.tests)): file.read_text().split()
            for file in self.tests.rglob("*.imported")
        }


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run of six files in two folders, each with a conftest."""
    run = Run(tmp_path)
    for folder in FOLDERS:
        run.write(f"{folder}/conftest.py", CONFTEST.format(folder=folder))
        for number in range(3):
            text = IMPORTED + TESTS.format(folder=folder)
            run.write(f"{folder}/test_{folder}_{number}.py", text)
    return run


def test_each_file_is_imported_by_the_process_that_takes_it_alone(run: Run) -> None:
    processes = [run.start("-m", "not long") for _ in range(2)]
    printed = "".join(process.communicate()[0] for process in processes)
    assert [process.returncode for process in processes] == [0, 0], printed
    assert {name: len(found) for name, found in run.importers().items()} == {
        f"{folder}/test_{folder}_{number}.imported": 1 for folder in FOLDERS for number in range(3)
    }


def test_process_that_finds_nothing_left_has_not_failed(run: Run) -> None:
    (run.taken / "letters.test_letters_0.py").touch()
    process = run.start("letters/test_letters_0.py")
    printed, _ = process.communicate()
    assert process.returncode == 0, printed
    assert "passed" not in printed
    assert run.importers() == {}


def test_failed_test_and_file_that_cannot_be_imported_fail_the_run(run: Run) -> None:
    run.write("letters/test_letters_0.py", "import a_module_that_nobody_has")
    process = run.start("letters")
    printed, _ = process.communicate()
    assert process.returncode == 1
    assert "ModuleNotFoundError" in printed
    assert "2 failed, 2 passed, 1 error" in printed
