"""Progress output of long commands."""

import sys

import pytest

from entrypoints.cli.terminal import progress as module
from entrypoints.cli.terminal.progress import progress


def test_progress_in_a_log_prints_a_line_per_interval(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "PLAIN_EVERY_SECONDS", 0.0)
    with progress("sending", 3) as advance:
        advance(1)
        advance(2)
    assert capsys.readouterr().out == "sending: 1 of 3\nsending: 2 of 3\n"


def test_progress_of_a_short_command_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("sending", 3) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")


def test_quiet_progress_prints_nothing_beside_json_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "PLAIN_EVERY_SECONDS", 0.0)
    with progress("sending", 3, quiet=True) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal_is_a_bar_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with progress("sending", 3) as advance:
        advance(2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "sending" in captured.err
