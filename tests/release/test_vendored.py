"""Every script and stylesheet of others is listed, with its hash."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.release.vendored import ASSETS, LIST, Vendored, WrongListError, problems, read_vendored

MINIFIED = b"var plot=function(){" + b"a" * 600 + b"};"
ENTRY = {
    "name": "plot",
    "version": "1.2.3",
    "licence": "MIT",
    "file": "others/plot.js",
    "sha256": hashlib.sha256(MINIFIED).hexdigest(),
    "homepage": "https://plot.example",
    "licence_file": "others/plot.LICENSE",
}

Write = Callable[[object], None]


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "plot.js").write_bytes(MINIFIED)
    (tmp_path / "others" / "plot.LICENSE").write_text("You may.\n")
    (tmp_path / "vendored").mkdir()
    (tmp_path / "console.css").write_text("body {\n  margin: 0;\n}\n")
    return tmp_path


@pytest.fixture
def write_list(assets: Path) -> Write:
    def write(entries: object) -> None:
        (assets / LIST).write_text(json.dumps(entries))

    return write


def test_files_of_others_in_the_console_are_listed_with_their_hashes() -> None:
    assert problems(ASSETS) == []


def test_listed_file_is_read(assets: Path, write_list: Write) -> None:
    write_list([ENTRY])
    assert read_vendored(assets) == [Vendored(**ENTRY)]
    assert problems(assets) == []


@pytest.mark.parametrize(
    "name", ["others/plot.js", "small.min.css", "letters.woff2", "vendored/short.js"]
)
def test_file_of_others_that_is_not_listed_is_found(
    assets: Path, write_list: Write, name: str
) -> None:
    write_list([] if name == ENTRY["file"] else [ENTRY])
    (assets / name).write_bytes(MINIFIED if name == ENTRY["file"] else b"a")
    (problem,) = problems(assets)
    assert problem.startswith(f"{name} seems to come from elsewhere")


def test_file_that_was_changed_is_found(assets: Path, write_list: Write) -> None:
    write_list([ENTRY])
    (assets / "others" / "plot.js").write_bytes(MINIFIED + b"alert(1)")
    (problem,) = problems(assets)
    assert problem.startswith("others/plot.js has the sha256 ")


@pytest.mark.parametrize("name", ["others/plot.js", "others/plot.LICENSE"])
def test_listed_file_that_is_not_there_is_found(assets: Path, write_list: Write, name: str) -> None:
    write_list([ENTRY])
    (assets / name).unlink()
    assert problems(assets) == [f"{name} is listed, and is not there"]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({}, "is no list"),
        ([{**ENTRY, "licence": ""}], "entry 1: licence must be text, and not empty"),
        ([ENTRY, {"name": "plot"}], "entry 2: needs name, version, licence, file, sha256"),
        (["plot"], "entry 1: needs name"),
    ],
)
def test_wrong_list_says_which_entry_is_wrong(
    assets: Path, write_list: Write, entries: object, said: str
) -> None:
    write_list(entries)
    with pytest.raises(WrongListError, match=said):
        read_vendored(assets)


def test_list_that_is_no_json_is_named(assets: Path) -> None:
    (assets / LIST).write_text("[")
    with pytest.raises(WrongListError, match=r"vendored\.json is no JSON"):
        read_vendored(assets)
