"""A server keeps nothing of the memory that large bodies took."""

import os
import subprocess
import sys

import pytest

# Three times as a server has it: a body arrives, and a thread copies a file from it.
_LARGE_BODIES = """
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from entrypoints.http.limits.freed_memory import give_back_large_blocks

def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

def receive(pool):
    body = BytesIO()
    for _ in range(400):
        body.write(bytes(65_536))
    whole = body.getvalue()
    pool.submit(lambda: len(whole[100:])).result()

give_back_large_blocks()
with ThreadPoolExecutor(1) as pool:
    pool.submit(len, "").result()
    before = resident_bytes()
    for _ in range(3):
        receive(pool)
    print(resident_bytes() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_of_large_bodies_goes_back_to_the_system() -> None:
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", _LARGE_BODIES]
    run = subprocess.run(command, env=environ, capture_output=True, check=True)
    assert int(run.stdout) < 8_000_000
