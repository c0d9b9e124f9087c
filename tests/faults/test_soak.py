"""The soak runs for a short while; ``make soak`` lets it run for ten minutes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.soak import MOST_BYTES_A_MESSAGE, bytes_a_message
from tests.forms import short_and_long

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("seconds", "least"), short_and_long((4, 1), (10, 3)))
def test_repeatedly_killed_server_loses_no_acknowledged_webhook(seconds: int, least: int) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--seconds", str(seconds), "--rate", "50"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    kills = re.findall(r"(\d+) kills", done.stdout)
    assert int(kills[-1]) >= least
    assert done.stdout.endswith("every promise was kept\n")


def test_memory_leak_is_noticed_in_the_measured_sizes() -> None:
    sizes_kib = [72_000, 73_100, 72_900, 73_400, 73_000, 73_600, 73_200]
    flat = [(16_000 + 1_000 * number, size) for number, size in enumerate(sizes_kib)]
    found = bytes_a_message(flat)
    assert found is not None
    assert abs(found) < MOST_BYTES_A_MESSAGE / 4
    leaking = [(sent, size + 2 * (sent - 16_000)) for sent, size in flat]
    found = bytes_a_message(leaking)
    assert found is not None
    assert found > MOST_BYTES_A_MESSAGE


def test_too_few_messages_give_no_figure_for_memory_growth() -> None:
    assert bytes_a_message([(100 * number, 70_000 + number) for number in range(10)]) is None
