"""The page about the command names every command, and its examples show what a reader gets."""

from collections.abc import Iterator

import click
import pytest

from entrypoints.cli.main import cli
from tests.documentation.documents import DOCUMENTS, blocks, cells, named_commands, prose
from tests.documentation.session import ORIGIN, Session, normalised, session, steps

PAGE = "docs/command-line.md"
SETTINGS_OF_THE_SESSION = {"UNAUTHENTICATED_MAIL": "dead-letter"}


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    directory = tmp_path_factory.mktemp("reader")
    with session(directory, [".venv/bin/frontdesk serve"], SETTINGS_OF_THE_SESSION) as reader:
        yield reader


def commands(group: click.Group, before: str = "frontdesk") -> Iterator[str]:
    """Every command that is no group, as it is typed."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before} {name}")
        else:
            yield f"{before} {name}"


def test_start_shows_what_the_page_shows(reader: Session) -> None:
    ((command, shown),) = steps(blocks(PAGE, "console")[0])
    assert command == "frontdesk serve"
    started = reader.shown.replace(".venv/bin/frontdesk serve\n", "").replace(reader.origin, ORIGIN)
    assert normalised(started) == normalised(shown)


def test_session_goes_as_the_page_shows_it(reader: Session) -> None:
    (settings,) = [f"`{name}={value}`" for name, value in SETTINGS_OF_THE_SESSION.items()]
    assert f"For this page the server runs with {settings}." in prose(PAGE)
    expected, got = reader.play(blocks(PAGE, "console")[1:])
    assert got == expected


@pytest.mark.parametrize("command", list(commands(cli)))
def test_each_command_has_a_section_and_an_example(command: str) -> None:
    assert f"\n## {command}\n" in prose(PAGE)
    examples = "\n".join(blocks(PAGE, "console") + blocks(PAGE, "sh"))
    assert f"{command}\n" in examples or f"{command} " in examples


def test_table_of_the_page_has_every_command() -> None:
    rows = cells(PAGE, "# The command line")
    assert [row[0].partition("`]")[0].strip("[`") for row in rows] == list(cli.commands)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_command_that_a_document_names_exists(document: str) -> None:
    for first, second in named_commands(document):
        command = cli.commands[first]
        assert not isinstance(command, click.Group) or not second or second in command.commands
