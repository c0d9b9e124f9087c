"""A process that is really killed, in the middle of its work."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.processes import start

ENOUGH = 20
"""At which number a worker is killed."""


def kill_at_work(worker: Callable[[Path], None], directory: Path) -> int:
    """Let ``worker`` of a module work in ``directory``, which must exist, and kill it.

    It prints the number of each thing that it has done, from 0 on. Returns the last number.
    """
    module, name = worker.__module__, worker.__name__
    code = f"from pathlib import Path; import sys, {module} as m; m.{name}(Path(sys.argv[1]))"
    with start([str(directory)], os.environ, code=code) as process:
        for line in process.stdout:
            if int(line) == ENOUGH:
                process.send_signal(signal.SIGKILL)
                break
        return int([str(ENOUGH), *process.stdout.read().split()][-1])
