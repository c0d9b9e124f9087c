"""``make run`` installs only the package, ``make test`` the test tools too, in any order."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.documentation.documents import ROOT

SERVER = [f"-r constraints/hashed/{name}.txt" for name in ("build", "server")]
OTHERS = [f"-r constraints/hashed/{name}.txt" for name in ("aws", "dev")]
ITSELF = "--no-deps --no-build-isolation -e ."
PACKAGE = [" ".join(["--require-hashes --no-deps", *SERVER]), ITSELF]
EVERYTHING = [" ".join(["--require-hashes --no-deps", *SERVER, *OTHERS]), ITSELF]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that ``make`` reads, with programs that only print their arguments."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "constraints", tmp_path / "constraints")
    for environment in (".venv", ".venv-ministack", ".venv-sam"):
        folder = tmp_path / environment / "bin"
        folder.mkdir(parents=True)
        for name in ("python", "frontdesk", "coverage"):
            program = folder / name
            program.write_text('#!/bin/sh\necho "$0 $@"\n')
            program.chmod(0o755)
    return tmp_path


def make(directory: Path, target: str, *variables: str) -> list[str]:
    """The output lines of ``make``; ``PYTHON`` creates no environment."""
    done = subprocess.run(
        ["make", "--silent", target, "PYTHON=true", *variables],
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()


def installed(shown: list[str]) -> list[str]:
    """The arguments of each pip install into ``.venv``."""
    pip = ".venv/bin/python -m pip install --quiet --disable-pip-version-check "
    return [line.removeprefix(pip) for line in shown if line.startswith(pip)]


def test_make_run_then_make_test_installs_the_package_and_then_the_test_tools(
    checkout: Path,
) -> None:
    assert installed(make(checkout, "run")) == PACKAGE
    assert installed(make(checkout, "test")) == EVERYTHING
    assert installed(make(checkout, "run")) == []
    assert installed(make(checkout, "test")) == []


def test_make_test_then_make_run_installs_once(checkout: Path) -> None:
    assert installed(make(checkout, "test")) == EVERYTHING
    assert installed(make(checkout, "run")) == []


@pytest.mark.parametrize("target", ["run", "test"])
def test_first_make_run_announces_the_installation_before_pip_runs(
    checkout: Path, target: str
) -> None:
    first, second, *_ = make(checkout, target)
    assert first.startswith("Installing Frontdesk")
    assert "-m pip install" in second
    assert not [line for line in make(checkout, target) if line.startswith("Installing")]


def test_make_run_serves_on_the_port_that_is_given(checkout: Path) -> None:
    make(checkout, "run")
    demo, _, serve = make(checkout, "run")
    assert (demo.strip(), serve.strip()) == (
        ".venv/bin/frontdesk demo",
        ".venv/bin/frontdesk serve",
    )
    demo, _, serve = make(checkout, "run", "PORT=9000")
    assert demo == ".venv/bin/frontdesk demo --url http://127.0.0.1:9000"
    assert serve == ".venv/bin/frontdesk serve --port 9000"


def test_changed_requirements_are_installed_again(checkout: Path) -> None:
    make(checkout, "test")
    (checkout / "pyproject.toml").touch()
    assert installed(make(checkout, "run")) == PACKAGE
    assert installed(make(checkout, "test")) == EVERYTHING
