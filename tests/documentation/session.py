"""Runs the commands of the README in an empty directory."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.documentation.documents import ROOT

BIN = Path(sys.executable).parent
ORIGIN = "http://127.0.0.1:8000"

_VARYING = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\bSM[0-9a-f]{32}\b"), "SID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{6}Z)?"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s|min)\b"), "DURATION"),
    (re.compile(r'"duration_ms": [0-9.]+'), '"duration_ms": DURATION'),
    (re.compile(r"\b\d+ per second"), "RATE per second"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), ORIGIN),
    (re.compile(r" +"), " "),
)
"""Patterns of text that differs between runs, and the name that replaces each."""


def normalised(text: str) -> str:
    """``text`` with everything that varies replaced by its name."""
    for pattern, name in _VARYING:
        text = pattern.sub(name, text)
    return "\n".join(line.strip() for line in text.strip().splitlines())


def steps(transcript: str) -> list[tuple[str, str]]:
    """Each command of a console block, and the output below it."""
    parts = re.split(r"^\$ (.*)\n", transcript, flags=re.M)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def recipe_of_run() -> list[str]:
    """The commands of ``make run``, as make prints them."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    found = re.search(r"^run:.*\n((?:\t.*\n)+)", makefile, re.M)
    assert found is not None
    return [line.strip().replace("$(BIN)", ".venv/bin") for line in found[1].splitlines()]


@dataclass(frozen=True)
class Session:
    """A directory in which the server runs, and the output of ``make run``."""

    directory: Path
    origin: str
    shown: str

    def run(self, command: str) -> str:
        """The output of a command in a terminal; webhooks go to this server, on its free port."""
        to_this_server = rf"frontdesk send \1 --url {self.origin}/webhooks/\1"
        command = re.sub(r"frontdesk send (\w+)", to_this_server, command)
        return _terminal(command, self.directory)

    def log(self) -> str:
        """Every log line of the server so far."""
        return (self.directory / "log").read_text("utf-8")


def _environ() -> dict[str, str]:
    return {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}


def _terminal(command: str, directory: Path) -> str:
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=directory,
        env=_environ(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout


def _made(line: str, directory: Path) -> str:
    """Make's output for a line of a recipe, with the line unless it begins with ``@``."""
    if line.startswith("@"):
        return _terminal(line[1:], directory)
    return f"{line}\n{_terminal(line.replace('.venv/bin/', ''), directory)}"


@contextmanager
def session(directory: Path) -> Iterator[Session]:
    """Run the commands of ``make run`` on a free port, until the block ends."""
    *before, serve = recipe_of_run()
    shown = "".join(_made(line, directory) for line in before)
    with (
        (directory / "log").open("w") as log,
        subprocess.Popen(
            [*serve.replace(".venv/bin", str(BIN)).split(), "--port", "0"],
            cwd=directory,
            env=_environ(),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as server,
    ):
        try:
            assert server.stdout is not None
            banner = server.stdout.readline() + server.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+", banner)
            assert found is not None, banner
            yield Session(directory, found.group(), f"{shown}{serve}\n{banner}")
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(timeout=20)
