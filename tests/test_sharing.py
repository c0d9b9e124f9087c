"""Processes that share a run."""

import re
from pathlib import Path

from tests.sharing import DEPLOYMENT, parts, taken

ROOT = Path(__file__).parents[1]
TIMES = "tests/domain/test_times.py"
PURGE = "tests/deployment/test_purge.py"
SOAK = "tests/faults/test_soak.py"
RELEASE = "tests/deployment/test_release.py"
DEPLOYED = (PURGE, RELEASE)
OFFERED = [DEPLOYED, (SOAK,), (TIMES,)]


def test_parts_are_files_the_slowest_first_but_one_of_all_that_share_the_deployment() -> None:
    assert [*parts([TIMES, PURGE, SOAK, RELEASE])] == OFFERED


def test_process_without_others_takes_every_part(tmp_path: Path) -> None:
    assert [*taken(OFFERED, tmp_path)] == OFFERED
    assert [*taken(OFFERED, tmp_path)] == []


def test_processes_at_once_take_every_part_once(tmp_path: Path) -> None:
    one, other = (taken(OFFERED, tmp_path) for _ in range(2))
    assert (next(one), next(other)) == (DEPLOYED, (SOAK,))
    assert [*one] == [(TIMES,)]
    assert [*other] == []


def test_every_file_that_uses_the_deployment_is_in_its_part() -> None:
    users = [
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / "tests").rglob("test_*.py")
        if re.search(r"^from tests\.deployment\.deployed import", file.read_text("utf-8"), re.M)
    ]
    assert users
    assert all(user.startswith(DEPLOYMENT) for user in users)
