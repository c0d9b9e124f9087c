"""The soak runs for a short while; ``make soak`` lets it run for ten minutes."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_server_that_is_killed_again_and_again_keeps_every_promise() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", "--seconds", "10", "--rate", "50"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    kills = re.findall(r"(\d+) kills", done.stdout)
    assert int(kills[-1]) >= 3
    assert done.stdout.endswith("every promise was kept\n")
