"""Exit statuses, one-line errors and interrupted commands."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from entrypoints.cli.main import cli
from entrypoints.composition.container import Container
from tests.builders import a_conversation
from tests.entrypoints.cli.support import a_server, error_line, run_frontdesk

COMMAND = (sys.executable, "-c", "from entrypoints.cli.main import main; main()")


def test_frontdesk_without_a_command_shows_the_help() -> None:
    result = run_frontdesk()
    assert result.exit_code == 0
    assert result.stdout.startswith("Usage: frontdesk [OPTIONS] [COMMAND]")


def test_every_command_has_help_with_an_example() -> None:
    def visit(*path: str) -> None:
        result = run_frontdesk(*path, "--help")
        assert result.exit_code == 0
        command: object = cli
        for name in path:
            command = command.commands[name]  # type: ignore[attr-defined]
        children = getattr(command, "commands", None)
        if children is None:
            assert "Example" in result.stdout, path
        for name in children or ():
            visit(*path, name)

    visit()


def test_summary_in_the_help_is_what_the_command_says_of_itself() -> None:
    for name, place in cli.places.items():
        assert place.summary == cli.commands[name].get_short_help_str(limit=100), name


def test_help_imports_no_heavy_libraries() -> None:
    check = (
        "import sys\nfrom entrypoints.cli.main import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'pydantic', 'rich', 'urllib3', 'twilio', 'cryptography', 'uvicorn'}\n"
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "command", "words"),
    [
        (("--nonsense",), "frontdesk", "no such option"),
        (("nonsense",), "frontdesk", "no such command 'nonsense'"),
        (("queues",), "frontdesk queues", "missing command: list, read, look, move, acknowledge"),
        (("queue",), "frontdesk", "no such command 'queue', did you mean 'queues'; see"),
        (("queues", "nonsense"), "frontdesk queues", "no such command"),
        (("queues", "read"), "frontdesk queues read", "missing argument 'QUEUE'"),
        (("queues", "read", "sms-replies", "more"), "frontdesk queues read", "unexpected extra"),
        (("queues", "read", "sms-replies", "--max", "0"), "frontdesk queues read", "'--max'"),
        (("queues", "read", "sms-replies", "--max"), "frontdesk queues read", "an argument"),
        (("queues", "acknowledge", "sms-replies"), "frontdesk queues acknowledge", "'RECEIPT'"),
        (("conversations", "open"), "frontdesk conversations open", "'--channel'"),
        (("conversations", "show"), "frontdesk conversations show", "'ID'"),
        (("conversations", "list", "--limit", "x"), "frontdesk conversations list", "'x'"),
        (("dead-letters", "list", "--limit", "0"), "frontdesk dead-letters list", "'--limit'"),
        (("dead-letters", "redrive"), "frontdesk dead-letters redrive", "either ids"),
        (("unmatched", "list", "--limit", "-1"), "frontdesk unmatched list", "'--limit'"),
        (("serve", "--port", "70000"), "frontdesk serve", "'--port'"),
        (("serve", "--workers", "0"), "frontdesk serve", "'--workers'"),
        (("serve", "--workers", "2", "--ephemeral"), "frontdesk serve", "share no memory"),
        (("queues", "read", "\udcff"), "frontdesk queues read", "not text"),
        (("queues", "read", "\x1b[2J\n"), "frontdesk queues read", "is not one of"),
    ],
)
def test_usage_error_is_one_line_that_names_the_help(
    arguments: tuple[str, ...], command: str, words: str
) -> None:
    line = error_line(run_frontdesk(*arguments), 2)
    assert line.startswith(f"{command}: ")
    assert words in line
    assert line.endswith(f"; see '{command} --help'")
    assert line.isprintable()


@pytest.mark.parametrize(
    "arguments",
    [
        ("conversations", "list"),
        ("queues", "list"),
        ("unmatched", "redrive"),
        ("dead-letters", "list"),
        ("demo",),
        ("serve",),
        ("send", "sms", "--from", "+14155550123", "--body", "Hi"),
    ],
)
def test_wrong_settings_are_reported_one_on_each_line(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE", "paper")
    monkeypatch.setenv("REPLY_DELAY_SECONDS", "soon")
    result = run_frontdesk(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        "frontdesk: wrong settings:",
        "  STORAGE: must be one of sqlite, dynamodb, memory",
        "  REPLY_DELAY_SECONDS: must be a whole number from 0 to 900",
    ]


def test_single_wrong_setting_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE", "paper")
    line = error_line(run_frontdesk("queues", "list"), 1)
    assert line == "frontdesk: wrong settings: STORAGE: must be one of sqlite, dynamodb, memory"


def test_unusable_data_directory_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "file" / "data"))
    error_line(run_frontdesk("conversations", "list"), 1)


def test_bug_in_a_command_raises_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entrypoints.composition.container.build_container", lambda _: 1 // 0)
    assert isinstance(run_frontdesk("conversations", "list").exception, ZeroDivisionError)


def test_version_option_prints_the_version() -> None:
    assert run_frontdesk("--version").stdout.startswith("frontdesk ")


def test_command_ends_quietly_when_the_reader_closes_the_pipe(container: Container) -> None:
    for number in range(300):
        container.conversation_store().open_conversation(
            a_conversation(conversation_id=f"conversation-{number}")
        )
    arguments = ("conversations", "list", "--json", "--limit", "300")
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() == 128 + signal.SIGPIPE


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_interrupted_command_ends_at_once_and_quietly() -> None:
    run_frontdesk("demo")
    with a_server() as server, server.lock:  # sends no response while the lock is held
        process = subprocess.Popen(
            [
                *COMMAND,
                "send",
                "sms",
                "--from",
                "+14155550123",
                "--body",
                "Hi",
                "--url",
                server.url,
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ,
            # A test run in the background ignores the signal, and its children inherit that.
            preexec_fn=_heed_interrupts,  # noqa: PLW1509 - it only resets a signal
        )
        assert server.asked.wait(20)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=5)
    assert process.returncode == 128 + signal.SIGINT
    assert (output, errors.strip()) == (b"", b"")
