"""Commands in a directory where no server has been."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from entrypoints.cli.main import cli
from tests.entrypoints.cli.support import error_line, run_frontdesk

NEED_NO_DATA = {
    *(("serve",), ("demo",), ("send",), ("doctor",), ("doctor", "signature")),
    *(("conversations", "open"), ("tokens", "create")),
}
MORE_ARGUMENTS: dict[tuple[str, ...], tuple[str, ...]] = {("dead-letters", "redrive"): ("--all",)}
ADDRESS = "+14155550123"


def commands_that_need_data(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    """Each with the arguments that it cannot do without."""
    for name, command in group.commands.items():
        here = (*path, name)
        if isinstance(command, click.Group):
            yield from commands_that_need_data(command, *here)
        elif here not in NEED_NO_DATA:
            yield (*here, *required_arguments(command), *MORE_ARGUMENTS.get(here, ()))


def required_arguments(command: click.Command) -> Iterator[str]:
    """Valid values of the arguments and options without which there is a usage error."""
    for parameter in command.params:
        if "--yes" in parameter.opts:
            yield "--yes"
        elif parameter.required:
            if isinstance(parameter, click.Option):
                yield parameter.opts[0]
            kind = parameter.type
            value = kind.choices[0] if isinstance(kind, click.Choice) else ADDRESS
            yield f"{value}.1.x" if parameter.name == "receipt" else value


@pytest.mark.parametrize("arguments", list(commands_that_need_data(cli)), ids=" ".join)
def test_command_without_data_says_so_and_creates_nothing(
    arguments: tuple[str, ...], data_dir: Path
) -> None:
    result = run_frontdesk(*arguments)
    assert error_line(result, 1) == (
        f"frontdesk: there is no data in {data_dir}: "
        "is DATA_DIR right? For a new store start 'frontdesk serve' or 'frontdesk demo'"
    )
    assert result.stdout == ""
    assert not data_dir.exists()


def test_other_files_in_the_directory_are_no_data(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "notes.txt").write_text("Not Frontdesk's")
    assert "there is no data" in error_line(run_frontdesk("queues", "list"), 1)


@pytest.mark.parametrize(
    "arguments", [("demo",), ("conversations", "open", "--channel", "sms", "--sender", ADDRESS)]
)
def test_command_that_opens_a_conversation_creates_the_data(
    arguments: tuple[str, ...], data_dir: Path
) -> None:
    assert run_frontdesk(*arguments).exit_code == 0
    assert run_frontdesk("conversations", "list").exit_code == 0
    assert (data_dir / "frontdesk.db").exists()


def test_webhooks_that_wait_in_the_spool_are_data(data_dir: Path) -> None:
    (data_dir / "spool").mkdir(parents=True)
    assert run_frontdesk("relay").exit_code == 0


def test_send_without_a_server_creates_nothing(data_dir: Path) -> None:
    result = run_frontdesk("send", "sms", "--from", ADDRESS, "--body", "Hi")
    assert error_line(result, 1) == (
        f"frontdesk: no development secret in {data_dir}: start 'frontdesk serve' here, set "
        "DATA_DIR to the directory of the server, or set the same secrets as the server has"
    )
    assert not data_dir.exists()
