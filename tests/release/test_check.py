"""What the release check runs and compares, without building anything."""

import re
import subprocess
import tomllib
from importlib.metadata import version as installed_version

import pytest

from deploy.release import function, image
from deploy.release.check import run, step, version
from deploy.release.lists import NotReadyError, compare_modules
from tests.documentation.documents import ROOT, text_of


def test_version_stands_in_one_place() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    assert version() == project["version"] == installed_version("frontdesk")
    # Not in the code, which reads it from what is installed.
    packages = ("domain", "application", "infrastructure", "entrypoints")
    files = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    assert [path for path in files if f'"{version()}"' in path.read_text("utf-8")] == []


def test_changelog_has_each_release_once_and_this_one_first() -> None:
    headings = re.findall(r"^## (.*)$", text_of("CHANGELOG.md"), re.M)
    versions = [heading.split()[0] for heading in headings]
    assert versions[0] == version()
    assert len(versions) == len(set(versions))


def test_first_stage_installs_by_hashes_and_then_the_wheel() -> None:
    first, second = image.build_commands(text_of("Containerfile"))
    assert first.startswith(f"python -m venv {image.INSTALLED_AT} && ")
    assert "--require-hashes" in first
    assert second.startswith("tools/bin/pip wheel ")
    assert "useradd" not in first + second


def test_package_of_the_function_is_read_as_it_is_listed() -> None:
    names = [
        *("domain/a.py", "domain/__pycache__/a.pyc", "boto3/session.py", "six.py"),
        *("boto3-1.0.dist-info/METADATA", "pydantic_core-2.0.dist-info/METADATA"),
    ]
    ours, *distributions = function.lines(names)
    assert ours == "domain/*.py"
    assert distributions == ["boto3 (distribution)", "pydantic-core (distribution)"]


def test_missing_and_unknown_module_are_named() -> None:
    found = ["domain/a.py", "domain/x.py", "domain/__pycache__/a.pyc", "other/b.py"]
    compare_modules("the wheel", found, ["domain/a.py", "domain/x.py"])
    with pytest.raises(NotReadyError) as caught:
        compare_modules("the wheel", found, ["domain/a.py", "domain/b.py"])
    assert str(caught.value).splitlines() == [
        "the wheel differs from the repository:",
        "-domain/b.py",
        "+domain/x.py",
    ]


def test_failed_command_shows_what_it_said(capsys: pytest.CaptureFixture[str]) -> None:
    said = r"(?s)^the wheel is built: .*no such backend"
    with pytest.raises(NotReadyError, match=said), step("the wheel is built"):
        run("sh", "-c", "echo no such backend >&2; exit 3")
    with step("the wheel is read"):
        assert run("echo", "done") == "done"
    assert capsys.readouterr().out.startswith("ok  the wheel is read (0 s)")


def test_wrong_command_is_an_error() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run("false")
