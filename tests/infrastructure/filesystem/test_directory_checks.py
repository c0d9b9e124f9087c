"""Whether the data directory is as it should be."""

import shutil
from pathlib import Path

from infrastructure.filesystem.directory_checks import directory_problems, sync_seconds


def test_a_directory_that_will_be_made_is_looked_for_above(tmp_path: Path) -> None:
    assert directory_problems(tmp_path / "not" / "made" / "yet") == ()
    shutil.rmtree(tmp_path)
    tmp_path.write_text("a file")
    assert directory_problems(tmp_path / "data") == (f"{tmp_path} is a file, expected a directory",)
    tmp_path.unlink()


def test_a_durable_write_takes_some_time_and_leaves_nothing(tmp_path: Path) -> None:
    assert sync_seconds(tmp_path) > 0
    assert list(tmp_path.iterdir()) == []
