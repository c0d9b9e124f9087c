"""Processes take turns before they ask SQLite for its lock."""

import time
from pathlib import Path

from infrastructure.sqlite.writer_turns import WriterTurns

# Each stands for a process: a lock belongs to an open file, not to the process.


def seconds_to_take(turns: WriterTurns) -> float:
    started = time.monotonic()
    turns.take()
    return time.monotonic() - started


def test_turn_is_taken_at_once_when_no_other_process_has_it(tmp_path: Path) -> None:
    one, other = WriterTurns(tmp_path, 20), WriterTurns(tmp_path, 20)
    for turns in (one, other, one):
        assert seconds_to_take(turns) < 10
        turns.end()


def test_process_that_gets_no_turn_goes_on_after_the_timeout(tmp_path: Path) -> None:
    one, other = WriterTurns(tmp_path, 20), WriterTurns(tmp_path, 0.2)
    one.take()
    assert seconds_to_take(other) >= 0.2
    other.end()  # it had none: the turn of the first stands
    assert seconds_to_take(other) >= 0.2


def test_turn_ends_with_the_process_that_has_it(tmp_path: Path) -> None:
    one, other = WriterTurns(tmp_path, 20), WriterTurns(tmp_path, 20)
    one.take()
    one.close()
    assert seconds_to_take(other) < 10
