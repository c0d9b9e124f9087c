"""The largest and hardest requests within the limits use little time and memory."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.faults.bombs import FORMS, MAILS, Damage

AT_MOST_SECONDS = 2.0
AT_MOST_MEBIBYTES = 256.0


@pytest.fixture(scope="module")
def explode() -> Iterator[Callable[[str], Damage]]:
    """Posts the bomb of a name."""
    command = [sys.executable, "-m", "tests.faults.bombs"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        given, taken = process.stdin, process.stdout
        assert given is not None
        assert taken is not None

        def explode(name: str) -> Damage:
            given.write(f"{name}\n")
            given.flush()
            return Damage(**json.loads(taken.readline()))

        yield explode
    assert process.returncode == 0


@pytest.mark.parametrize("name", [*FORMS, *MAILS])
def test_hardest_allowed_request_uses_little_time_and_memory(
    explode: Callable[[str], Damage], name: str
) -> None:
    damage = explode(name)
    assert damage.status == 200
    assert damage.seconds < AT_MOST_SECONDS
    assert damage.mebibytes < AT_MOST_MEBIBYTES
