"""How a long command tells how far it is."""

import sys

import pytest

from entrypoints.cli.terminal.output import progress


@pytest.mark.parametrize(("total", "is_terminal"), [(3, False), (1, True)])
def test_a_log_and_a_short_command_get_no_bar(
    total: int,
    is_terminal: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal, raising=False)
    with progress("sending", total) as advance:
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
