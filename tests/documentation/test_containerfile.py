"""The container image, checked without building it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from entrypoints.cli.main import cli
from infrastructure.configuration.settings import read_settings
from tests.documentation.documents import ROOT, text_of
from tests.processes import environment, server_process

# Continued lines joined, comments left out.
_LINES = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text_of("Containerfile"), flags=re.M))
STAGES = [stage.splitlines() for stage in re.split(r"^(?=FROM )", _LINES, flags=re.M) if stage]
BUILD, FINAL = STAGES


def arguments(stage: list[str], instruction: str) -> list[str]:
    """The arguments of an instruction, for each occurrence in a stage."""
    found = (line.partition(" ") for line in stage)
    return [rest.strip() for name, _, rest in found if name == instruction]


def executed(stage: list[str], instruction: str) -> list[str]:
    """The one command of an instruction in its JSON form."""
    (text,) = arguments(stage, instruction)
    command: list[str] = json.loads(text[text.index("[") :])
    return command


def test_every_copied_file_exists_and_is_not_ignored() -> None:
    retained = {
        line[1:] for line in text_of(".containerignore").splitlines() if line.startswith("!")
    }
    sources = {name for copied in arguments(BUILD, "COPY") for name in copied.split()[:-1]}
    assert sources == retained
    assert [name for name in sources if not (ROOT / name).exists()] == []


def test_every_package_of_the_distribution_is_copied() -> None:
    found = re.search(r"^packages = (\[.*\])$", text_of("pyproject.toml"), re.M)
    assert found is not None
    directories = {copied.split()[-1] for copied in arguments(BUILD, "COPY")}
    assert set(json.loads(found[1])) <= directories


def test_everything_is_installed_by_its_hash_and_aws_is_included() -> None:
    commands = [part for run in arguments(BUILD, "RUN") for part in run.split("&&")]
    installs = [command for command in commands if "pip install" in command]
    *hashed, itself = [" ".join(install.split()) for install in installs]
    assert all("--require-hashes --no-deps" in install for install in hashed)
    files = ["server", "aws", "build"]
    named = [name for install in hashed for name in re.findall(r"-r (\S+)", install)]
    assert named == [f"constraints/hashed/{name}.txt" for name in files]
    assert itself.endswith("--no-index --no-deps wheels/*.whl")


def test_build_and_final_stage_use_the_same_python() -> None:
    bases = {arguments(stage, "FROM")[0].split()[0] for stage in STAGES}
    assert len(bases) == 1


def test_container_runs_without_root_and_writes_data_to_the_volume() -> None:
    assert arguments(FINAL, "USER") == ["10001:10001"]
    (volume,) = arguments(FINAL, "VOLUME")
    (variables,) = arguments(FINAL, "ENV")
    environ = dict(re.findall(r"(\w+)=(\S+)", variables))
    assert str(read_settings(environ).data_dir) == volume
    (user,) = (run for run in arguments(FINAL, "RUN") if "useradd" in run)
    assert f"--uid {arguments(FINAL, 'USER')[0].partition(':')[0]} " in user
    assert user.endswith(volume)


def test_container_command_is_a_frontdesk_command_with_valid_options() -> None:
    assert executed(FINAL, "ENTRYPOINT") == ["frontdesk"]
    name, *options = executed(FINAL, "CMD")
    context = cli.commands[name].make_context(name, options)
    assert context.params["host"] == "0.0.0.0"
    assert str(context.params["port"]) == arguments(FINAL, "EXPOSE")[0]


@pytest.fixture
def health_check() -> list[str]:
    """The health check, run by this Python."""
    program, *rest = executed(FINAL, "HEALTHCHECK")
    assert program == "python"
    return [sys.executable, *rest]


def status(command: list[str], origin: str) -> int:
    """The exit status of the health check against a server at ``origin``."""
    here = [part.replace("http://127.0.0.1:8000", origin) for part in command]
    assert here != command
    return subprocess.run(here, capture_output=True, check=False).returncode


def test_health_check_succeeds_only_while_the_server_runs(
    health_check: list[str], tmp_path: Path
) -> None:
    with server_process(environment(tmp_path / "data"), tmp_path / "log") as server:
        assert status(health_check, server.origin) == 0
        origin = server.origin
    assert status(health_check, origin) != 0
