"""What is forked in place of a new interpreter runs and ends like one."""

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile

import pytest

from tests import processes
from tests.processes import start

ROOT = Path(__file__).parents[1]
SECONDS = 20.0


@pytest.fixture(params=["this platform", "not Linux"])
def _platforms(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "not Linux":
        monkeypatch.setattr(processes, "IS_LINUX", False)


on_each_platform = pytest.mark.usefixtures("_platforms")


@on_each_platform
def test_it_ends_with_its_status_after_its_threads_and_functions() -> None:
    code = """
import atexit, sys, threading, time
atexit.register(lambda: print("at exit"))
threading.Thread(target=lambda: (time.sleep(0.1), print("thread"))).start()
print(*sys.argv, sys.stdout.errors)
sys.exit(3)
"""
    with start(["one", "two"], {}, code=code) as process:
        assert process.stdout.read() == "-c one two surrogateescape\nthread\nat exit\n"
    assert process.returncode == 3


@on_each_platform
def test_an_unexpected_error_has_its_traceback_and_status_1() -> None:
    with TemporaryFile() as stderr:
        with start([], {}, stderr=stderr.fileno(), code="[].pop()") as process:
            assert process.stdout.read() == ""
        stderr.seek(0)
        told = stderr.read().decode()
    assert (process.returncode, told.splitlines()[-1]) == (1, "IndexError: pop from empty list")
    assert told.startswith("Traceback (most recent call last):\n")


@on_each_platform
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_it(number: int) -> None:
    with start([], {}, code="import time; print('up', flush=True); time.sleep(60)") as process:
        assert process.stdout.readline() == "up\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(number)
        assert process.wait() == process.poll() == -number
        process.kill()  # of nothing


def test_it_has_the_environment_and_folder_that_are_given_and_no_open_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", "of the tests")
    code = """
import os, threading, time
print(dict(os.environ), os.getcwd(), time.timezone, threading.active_count())
print(len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")))
"""
    with start([], {"A": "b", "TZ": "XYZ-2"}, code=code) as process:
        told = process.stdout.read()
    # Three streams and the listed folder itself; one thread.
    assert told.startswith(f"{{'A': 'b', 'TZ': 'XYZ-2'}} {tmp_path} -7200 1\n")
    assert told.splitlines()[1] == "4 1"


def test_a_signal_that_comes_too_late_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    with start([], {}, code="") as process:
        assert process.wait() == 0
        monkeypatch.setattr(process, "poll", lambda: None)  # as if it had ended only now
        process.kill()


FROM_A_KILLED_ONE = """
import os, signal
from tests.processes import start
code = "import os, time; print(os.getppid(), os.getpid(), flush=True); time.sleep(600)"
with start([], {}, code=code) as process:
    print(process.stdout.readline(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_forks_and_what_is_forked_end_when_their_user_is_killed() -> None:
    command = [sys.executable, "-c", FROM_A_KILLED_ONE]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    ends_at = time.monotonic() + SECONDS
    for process in map(int, done.stdout.split()):
        with suppress(OSError):  # it is gone
            while Path(f"/proc/{process}/cmdline").read_bytes():
                assert time.monotonic() < ends_at
                time.sleep(0.01)
