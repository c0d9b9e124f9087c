"""How a long command tells how far it is."""

import sys

import pytest

from entrypoints.cli.terminal import progress as module
from entrypoints.cli.terminal.progress import progress


def test_a_log_gets_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "PLAIN_EVERY_SECONDS", 0.0)
    with progress("sending", 3) as advance:
        advance(1)
        advance(2)
    assert capsys.readouterr().out == "sending: 1 of 3\nsending: 2 of 3\n"


def test_a_short_command_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("sending", 3) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")


def test_json_lines_have_no_company(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "PLAIN_EVERY_SECONDS", 0.0)
    with progress("sending", 3, quiet=True) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")


def test_a_terminal_gets_a_bar_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    with progress("sending", 3) as advance:
        advance(2)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "sending" in captured.err
