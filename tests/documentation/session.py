"""A reader who does what a page says, in an empty directory."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.documentation.documents import ROOT

BIN = Path(os.environ.get("FRONTDESK_BIN", Path(sys.executable).parent))
"""Where the reader has the command: here, or where a release is installed to be checked."""
ORIGIN = "http://127.0.0.1:8000"

_VARYING = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\bSM[0-9a-f]{32}\b"), "SID"),
    (re.compile(r"\b(unauthenticated|unreadable)-[0-9a-f]+\b"), "DEAD LETTER"),
    (re.compile(r"\bfrontdesk_[\w-]{43}"), "TOKEN"),
    (re.compile(r"/sign-in/[\w-]{43}"), "/sign-in/CODE"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "HASH"),
    (re.compile(r"<[0-9a-f]{32}@[\w.-]+>"), "MESSAGE-ID"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{6}Z)?"), "TIME"),
    (re.compile(r"\b\d\d:\d\d:\d\d UTC"), "TIME UTC"),
    (re.compile(r"\b\d+(\.\d+)? (ms|s|min)\b"), "DURATION"),
    (re.compile(r"\bAC[0-9a-f]{32}\b"), "ACCOUNT"),
    (re.compile(r'"duration_ms": [0-9.]+'), '"duration_ms": DURATION'),
    (re.compile(r"\b\d+ per second"), "RATE per second"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:8000"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000"), "DATE"),
    (re.compile(r"(content-length|x-twilio-email-event-webhook-\w+) +\S+"), r"\1 VALUE"),
    (re.compile(r"boundary=\w+"), "BOUNDARY"),
    (re.compile(r"\b\d+ bytes"), "SIZE"),
    (re.compile(r" +"), " "),
)
"""What differs from one run to the next, and the columns that move with it."""

_COPIED = re.compile(
    r"\b(?:unauthenticated|unreadable)-[0-9a-f]+\b"
    r"|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.\d+\.\d+-\d+\b"
)
"""What differs, and what a reader copies from one output into the next command."""


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
    """The commands of ``make run``, as make shows them without a ``PORT``."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    found = re.search(r"^run:.*\n((?:\t.*\n)+)", makefile, re.M)
    assert found is not None
    recipe = re.sub(r" \$\(PORT:[^)]*\)", "", found[1].replace("$(BIN)", ".venv/bin"))
    return [line.strip() for line in recipe.splitlines()]


@dataclass(frozen=True)
class Session:
    """A directory in which the server runs, and what its start showed.

    ``copied`` has what differs from the page in this run, by what the page says.
    """

    directory: Path
    origin: str
    shown: str
    copied: dict[str, str] = field(default_factory=dict)

    def play(self, blocks: Sequence[str]) -> tuple[str, str]:
        """What console blocks show, and what their commands show here, to be compared."""
        expected, got = [], []
        for block in blocks:
            for command, output in steps(block):
                shown = self.run(_COPIED.sub(lambda one: self.copied[one[0]], command))
                self.copied.update(
                    zip(_COPIED.findall(output), _COPIED.findall(shown), strict=False)
                )
                expected.append(f"$ {command}\n{normalised(output)}")
                got.append(f"$ {command}\n{normalised(shown)}")
        return "\n".join(expected), "\n".join(got)

    def run(self, command: str) -> str:
        """What a terminal shows of a command; webhooks go to this server, on its free port."""
        to_this_server = rf"frontdesk send \1 --url {self.origin}"
        command = re.sub(r"frontdesk send (\w+)", to_this_server, command)
        return _terminal(command.replace(ORIGIN, self.origin), self.directory)

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
    """What make shows of a line of a recipe: the line too, unless it begins with ``@``."""
    if line.startswith("@"):
        return _terminal(line[1:], directory)
    return f"{line}\n{_terminal(line.replace('.venv/bin/', ''), directory)}"


@contextmanager
def session(
    directory: Path, recipe: Sequence[str], environ: Mapping[str, str] | None = None
) -> Iterator[Session]:
    """Run the lines of a recipe; the last one serves, on a free port, until the block ends.

    ``environ`` is for the server alone.
    """
    *before, serve = recipe
    shown = "".join(_made(line, directory) for line in before)
    with (
        (directory / "log").open("w") as log,
        subprocess.Popen(
            [*serve.replace(".venv/bin", str(BIN)).split(), "--port", "0"],
            cwd=directory,
            env={**_environ(), **(environ or {})},
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
