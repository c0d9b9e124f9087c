"""The largest and hardest requests within the limits use little time and memory."""

import json
import subprocess
import sys

import pytest

from tests.faults.bombs import FORMS, MAILS, Damage

AT_MOST_SECONDS = 2.0
AT_MOST_MEBIBYTES = 256.0


@pytest.mark.parametrize("name", [*FORMS, *MAILS])
def test_hardest_allowed_request_uses_little_time_and_memory(name: str) -> None:
    command = [sys.executable, "-m", "tests.faults.bombs", name]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    damage = Damage(**json.loads(done.stdout))
    assert damage.status == 200
    assert damage.seconds < AT_MOST_SECONDS
    assert damage.mebibytes < AT_MOST_MEBIBYTES
