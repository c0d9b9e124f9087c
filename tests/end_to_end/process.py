"""The real server process, as an operator installs it."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FRONTDESK = str(Path(sys.executable).with_name("frontdesk"))


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """An environment without the machine's settings, except for the path of programs."""
    return {"PATH": os.environ["PATH"], "DATA_DIR": str(data_dir), **settings}


@dataclass
class Server:
    """A server at ``origin``; ``printed`` is complete after its end."""

    origin: str
    printed: str


@contextmanager
def server_process(environ: Mapping[str, str], log: Path) -> Iterator[Server]:
    """A server that writes its log to a file; it must end with status 0."""
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [FRONTDESK, "serve", "--port", "0"],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found is not None
        server = Server(found.group(), line)
        try:
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)
            # What came with the first line is in the buffer, which ``communicate`` passes over.
            server.printed += process.stdout.read()
        assert process.returncode == 0
