"""What is printed, and what never is."""

import io
import sys
from operator import itemgetter

import click
import pytest

from entrypoints.cli.terminal.output import cut, duration, one_line, printable, progress, to_json
from entrypoints.cli.terminal.tables import Column, print_table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Grüße, 你好, 👩‍💻", "plain, Grüße, 你好, 👩‍💻"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x00\x07\x7f", r"\x00\x07\x7f"),
        ("\x9b1m\x85", r"\u009b1m\u0085"),
        ("\u202ecod.exe\u2066\u200f", r"\u202ecod.exe\u2066\u200f"),
        ("\u2028\ud800", r"\u2028\ud800"),
    ],
)
def test_control_characters_are_printed_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_line_breaks_are_printed_when_lines_are_wanted() -> None:
    assert printable("a\r\n\tb\rc\n", lines=True) == "a\n    b\\rc\n"


def test_one_line_joins_the_lines_of_a_text() -> None:
    assert one_line("a\n  b\x1b\u2028c\r\n") == r"a b\x1b c"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("short", "short"), ("12345678901", "123456789…"), ("a\n b", "a b"), ("x" * 99, "xxxxxxxxx…")],
)
def test_long_text_is_cut_with_an_ellipsis(text: str, shown: str) -> None:
    assert cut(text, 10) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.0421, "0 s"), (1.4, "1 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (1e6, "12 d")],
)
def test_duration_is_printed_in_a_readable_unit(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_json_is_ascii_when_the_output_encoding_lacks_a_character(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert to_json({"a": "你"}) == r'{"a": "\u4f60"}'


def test_table_prints_markup_and_emoji_codes_unchanged(
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = (Column("a", itemgetter(0)), Column("b", itemgetter(1), number=True))
    print_table(columns, [("[red]x[/] :smile:", 1)])
    assert capsys.readouterr().out == "a                  b\n[red]x[/] :smile:  1\n"


def test_table_in_a_pipe_is_not_folded(capsys: pytest.CaptureFixture[str]) -> None:
    print_table((Column("a", str),), ["word " * 100])
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_table_on_a_narrow_terminal_shows_whole_ids_and_only_essential_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printed: list[str] = []
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "echo", lambda text: printed.append(click.unstyle(text)))
    monkeypatch.setenv("COLUMNS", "60")
    columns = (
        Column("id", itemgetter(0), whole=True),
        Column("text", itemgetter(1)),
        Column("more", itemgetter(2), essential=False),
    )
    print_table(columns, [("x" * 36, "word " * 20, "y")])
    assert "x" * 36 in printed[0]
    assert "more" not in printed[0]
    assert all(len(line) <= 60 for line in printed[0].splitlines())


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
