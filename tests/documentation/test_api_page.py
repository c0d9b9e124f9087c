"""The page about the API names every request, and its examples show what a reader gets."""

import re
import shutil
from pathlib import Path

import pytest

from entrypoints.http.api.application import create_api
from entrypoints.http.api.openapi import PROBLEMS
from tests.documentation.documents import blocks, cells, tables
from tests.documentation.session import session

PAGE = "docs/api.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the page's examples are curl's")
def test_session_goes_as_the_page_shows_it(tmp_path: Path) -> None:
    with session(tmp_path, [".venv/bin/frontdesk serve"]) as reader:
        expected, got = reader.play(blocks(PAGE, "console"))
    assert got == expected
    assert (tmp_path / "api.curl").stat().st_mode & 0o077 == 0


def test_tables_of_the_page_have_every_request() -> None:
    described = create_api(None).openapi()["paths"]
    requests = {
        f"{method.upper()} {path}" for path, methods in described.items() for method in methods
    }
    rows = [row[0].strip("`") for table in tables(PAGE) for row in table]
    assert {row for row in rows if re.match(r"[A-Z]+ /", row)} == requests


def test_table_of_problems_has_every_status() -> None:
    assert [int(row[0]) for row in cells(PAGE, "## Problems")] == list(PROBLEMS)
