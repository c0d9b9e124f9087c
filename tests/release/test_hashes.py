"""What is installed has hashes, and is what ``pyproject.toml`` and the constraints say."""

import re
import tomllib

import pytest

from deploy.package import LAYERS as ON_LAMBDA
from deploy.release.hashes import (
    BUILD,
    CONSTRAINTS,
    HASHED,
    LAYERS,
    PINS,
    TOOLS,
    blocks,
    missing_pins,
    name_of,
    pins,
)
from tests.documentation.documents import ROOT

RENEW = "run 'make hashes'"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def hashed(*names: str) -> str:
    return "".join((HASHED / f"{name}.txt").read_text("utf-8") for name in names)


def names(requirements: list[str]) -> set[str]:
    return {name_of(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in requirements}


def test_every_installation_has_its_file() -> None:
    files = sorted(path.stem for path in HASHED.glob("*.txt"))
    assert files == sorted([BUILD, *LAYERS, *TOOLS])
    assert sorted(path.stem for path in CONSTRAINTS.glob("*.txt")) == sorted(["project", *TOOLS])


@pytest.mark.parametrize("name", TOOLS)
def test_hashes_of_a_tool_are_those_of_its_pins(name: str) -> None:
    pinned = pins((CONSTRAINTS / f"{name}.txt").read_text("utf-8"))
    assert pins(hashed(name)) == pinned, RENEW


def test_installations_of_the_project_hold_every_pin_and_no_other() -> None:
    assert pins(hashed(BUILD, *LAYERS)) == pins((ROOT / PINS).read_text("utf-8")), RENEW


@pytest.mark.parametrize(
    ("requirements", "layers"),
    [
        (PROJECT["build-system"]["requires"], [BUILD]),
        (PROJECT["project"]["dependencies"], ["server"]),
        (PROJECT["project"]["optional-dependencies"]["aws"], ["server", "aws"]),
        (PROJECT["project"]["optional-dependencies"]["dev"], ["server", "aws", "dev"]),
    ],
)
def test_requirements_of_the_project_are_installed(
    requirements: list[str], layers: list[str]
) -> None:
    assert names(requirements) - pins(hashed(*layers)).keys() == set(), RENEW


def test_function_is_made_of_what_the_server_on_aws_has() -> None:
    assert set(ON_LAMBDA) < set(LAYERS)


@pytest.mark.parametrize("name", [BUILD, *LAYERS, *TOOLS])
def test_each_distribution_has_hashes_and_no_address(name: str) -> None:
    lines = hashed(name).splitlines()
    one = r"[\w.\[\],-]+==[\w.]+( ; [\w .'!=<>()]+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?"
    assert [line for line in lines[1:] if not re.fullmatch(one, line)] == []
    assert all("--hash=" in block for block in blocks("\n".join(lines)).values())


def test_distributions_are_told_apart_however_they_are_written() -> None:
    text = "Typing_Extensions==4.16.0 ; python_version < '3.13' \\\n    --hash=sha256:00\n"
    assert pins(text + "a.b==1.0\n") == {"typing-extensions": "4.16.0", "a-b": "1.0"}
    assert blocks(text + "a.b==1.0\n") == {"typing-extensions": text, "a-b": "a.b==1.0\n"}


def test_version_that_is_not_pinned_is_named_as_the_line_to_add() -> None:
    found = "new==2.0 \\\n    --hash=sha256:00\nold==1.1\nsame==1.0\n"
    assert missing_pins(found, {"old": "1.0", "same": "1.0"}) == ["new==2.0", "old==1.1"]
