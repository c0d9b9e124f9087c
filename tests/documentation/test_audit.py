"""``make audit`` checks every pinned package, and says what to do when it cannot."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.documentation.documents import ROOT

PINS = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("constraints/*.txt"))
PINNED = ("bench", "fuzz", "ministack", "project", "release", "sam")
BY_HAND = "look up by hand: see SECURITY.md"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """The Makefile and the pins, with programs that replace pip and pip-audit."""
    for name in ("Makefile", *PINS):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv-audit" / "bin").mkdir(parents=True)
    for name in ("python", "pip-audit"):
        put_program(tmp_path, name, 'echo "$@"')
    return tmp_path


def put_program(directory: Path, name: str, script: str) -> None:
    program = directory / ".venv-audit" / "bin" / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def audited(directory: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "audit", "PYTHON=true"]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)


def test_audit_checks_every_file_of_pins(copied: Path) -> None:
    done = audited(copied)
    assert done.returncode == 0
    assert [line.split()[-1] for line in done.stdout.splitlines() if " -r " in line] == PINS
    assert [f"constraints/{name}.txt" for name in PINNED] == PINS
    assert BY_HAND not in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["python", "pip-audit"])
def test_audit_that_cannot_reach_its_source_fails_and_says_what_to_do(
    copied: Path, name: str
) -> None:
    put_program(copied, name, "exit 1")
    done = audited(copied)
    assert done.returncode != 0
    assert done.stderr.count(BY_HAND) == 1
    assert BY_HAND not in done.stdout
