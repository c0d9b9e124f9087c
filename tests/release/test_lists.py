"""What a release would hold is what the stored lists say, without making it."""

import shutil
from pathlib import Path

import click
import pytest

from deploy.package import PROJECT, copy_project, installed, project_files
from deploy.release import lists
from deploy.release.lists import ACCEPT, LISTS, difference, in_repository, summary, wheel

MARKS = {f"{package}/py.typed" for package in PROJECT}


def stored(name: str) -> list[str]:
    return (LISTS / f"{name}.txt").read_text("utf-8").splitlines()


def test_there_is_a_list_for_each_part_of_a_release() -> None:
    assert {path.stem for path in LISTS.iterdir()} == in_repository().keys()


@pytest.mark.parametrize("name", ["wheel", "function", "image"])
def test_part_of_a_release_holds_what_is_listed(name: str) -> None:
    found = difference(name, in_repository()[name])
    assert found == [], "\n".join(found)


def test_marks_for_type_checkers_are_in_the_wheel_and_not_in_the_function() -> None:
    assert set(stored("wheel")) >= MARKS
    assert [line for line in stored("function") if line.endswith("py.typed")] == []


def test_whatever_the_packages_hold_is_in_the_wheel_and_its_build_in_the_image() -> None:
    ours = set(summary(project_files()))
    assert set(stored("wheel")) >= ours
    assert set(stored("image")) >= ours


def test_function_has_no_command_and_no_server() -> None:
    elsewhere = ("entrypoints/cli", "entrypoints/http")
    assert [line for line in stored("function") if line.startswith(elsewhere)] == []


def test_package_is_made_of_the_files_that_are_compared(tmp_path: Path) -> None:
    copy_project(tmp_path)
    copied = [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")]
    ours = [line for line in in_repository()["function"] if "(distribution)" not in line]
    assert summary(copied) == ours


def test_difference_shows_what_came_and_went_and_how_to_accept_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(LISTS, tmp_path / "lists")
    monkeypatch.setattr(lists, "LISTS", tmp_path / "lists")
    (tmp_path / "lists" / "wheel.txt").write_text("domain/*.py\ndomain/old.json\n")
    shown = difference("wheel", ["domain/*.py", "domain/new.html"])
    assert "-domain/old.json" in shown
    assert "+domain/new.html" in shown
    assert shown[-1] == ACCEPT


def test_modules_are_one_line_for_a_folder_and_other_files_one_each() -> None:
    assert summary(["a/x.py", "a/y.py", "a/b/z.html", "a/b/z.py"]) == [
        "a/*.py",
        "a/b/*.py",
        "a/b/z.html",
    ]


def test_metadata_of_the_wheel_is_listed_without_its_version() -> None:
    assert wheel(["frontdesk-9.8.7.dist-info/RECORD"]) == ["frontdesk.dist-info/RECORD"]


def test_package_for_this_interpreter_has_the_pinned_versions_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (installed() / "botocore" / "data").is_dir()
    monkeypatch.setattr("deploy.package.version", lambda name: "0.0.1")
    with pytest.raises(click.ClickException, match=r"annotated-types: .* 0\.0\.1 is installed"):
        installed()
