"""The README is short, and what it shows is what a reader gets."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.documentation.documents import README, ROOT, blocks, text_of
from tests.documentation.session import (
    ORIGIN,
    Session,
    normalised,
    recipe_of_run,
    session,
    steps,
)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with session(tmp_path_factory.mktemp("reader"), recipe_of_run()) as reader:
        yield reader


def test_readme_has_at_most_200_lines() -> None:
    assert len(text_of(README).splitlines()) <= 200


def test_session_is_shown_without_a_folded_block() -> None:
    assert "<details" not in text_of(README)


def test_commands_of_the_quick_start_are_targets_of_make() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = [line.removeprefix("make ") for line in blocks(README, "sh")[0].splitlines()]
    assert targets == ["run", "test"]
    assert [target for target in targets if f"\n{target}: " not in makefile] == []


def test_make_run_prints_what_the_readme_shows(reader: Session) -> None:
    ((command, shown),) = steps(blocks(README, "console")[0])
    assert command == "make run"
    assert normalised(reader.shown.replace(reader.origin, ORIGIN)) == normalised(shown)


def test_session_goes_as_the_readme_shows_it(reader: Session) -> None:
    expected, got = reader.play(blocks(README, "console")[1:])
    assert got == expected


def test_console_of_the_session_has_its_pages_and_assets(reader: Session) -> None:
    page = requests.get(f"{reader.origin}/sign-in", timeout=10)
    assert page.status_code == 200
    assets = re.findall(r"/assets/[\w./-]+", page.text)
    assert ".css" in {Path(asset).suffix for asset in assets}
    for asset in assets:
        assert requests.get(f"{reader.origin}{asset}", timeout=10).status_code == 200


def test_log_of_the_session_has_the_line_of_the_operations_page(reader: Session) -> None:
    reader.run('frontdesk send whatsapp --from +14155550123 --body "Is my order on its way?"')
    (line,) = blocks("docs/operations.md", "jsonl")
    assert normalised(line) in normalised(reader.log()).splitlines()
