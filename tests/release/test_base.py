"""The base of the image is pinned by what the registry says, and by nothing else."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.release import base
from deploy.release.base import NoDigestError, digest_of, pinned, without_digest

IMAGE = "registry.example/python:3.13-slim"
DIGEST = "sha256:" + "0123456789abcdef" * 4
FILE = f"FROM {IMAGE} AS build\nRUN true\n\nFROM {IMAGE}\nRUN echo FROM here\n"
PINNED = FILE.replace(IMAGE, f"{IMAGE}@{DIGEST}")


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program that asks the registry: it says what is in the file beside it."""
    program = tmp_path / "docker"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\ncat {tmp_path}/said\n')
    program.chmod(0o755)
    (tmp_path / "said").write_text(f"{DIGEST}\n")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_digest_of_the_registry_is_written_behind_each_base(registry: Path) -> None:
    assert pinned(FILE) == PINNED
    (asked,) = (registry / "asked").read_text().splitlines()
    assert asked.endswith(f" {IMAGE}")


def test_digest_that_is_there_is_replaced_by_the_one_of_now(registry: Path) -> None:
    assert pinned(PINNED.replace(DIGEST, "sha256:" + "f" * 64)) == PINNED


def test_base_without_a_digest_is_named_once() -> None:
    assert without_digest(FILE) == [IMAGE]
    assert without_digest(PINNED) == []
    assert without_digest(PINNED.replace(DIGEST, "sha256:short")) == [IMAGE]


@pytest.mark.parametrize("said", ["", "unauthorized", DIGEST[:-1]])
def test_answer_that_is_no_digest_is_an_error(registry: Path, said: str) -> None:
    (registry / "said").write_text(said)
    with pytest.raises(NoDigestError, match=f"no digest of {IMAGE}"):
        digest_of(IMAGE)


def test_registry_that_cannot_be_asked_is_an_error(registry: Path) -> None:
    (registry / "docker").write_text("#!/bin/sh\necho no such host >&2\nexit 1\n")
    with pytest.raises(NoDigestError, match="no such host"):
        digest_of(IMAGE)


def test_missing_program_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoDigestError, match="docker"):
        digest_of(IMAGE)


def test_check_says_which_command_writes_the_digest(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = registry / "Containerfile"
    file.write_text(FILE)
    monkeypatch.setattr(base, "CONTAINERFILE", file)
    refused = CliRunner().invoke(base.main, ["--check"])
    assert refused.exit_code == 1
    assert refused.output == f"Error: no digest of {IMAGE}: run 'make base-digest'\n"
    assert CliRunner().invoke(base.main).exit_code == 0
    assert CliRunner().invoke(base.main, ["--check"]).exit_code == 0
    assert file.read_text() == PINNED
