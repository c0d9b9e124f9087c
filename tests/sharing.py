"""Several processes of pytest share one run: each takes the next file that nobody has taken.

``pytest --share=FOLDER``: all processes get the same arguments, and the same folder, which is empty
at first. A file is not divided, so that what its tests share is started once; nor are the files
whose tests use the one deployment. A process collects a file when it has taken it: to collect them
all takes longer than the tests of most folders.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pytest

DEPLOYMENT = "the one deployment"
ONE_STAGE = frozenset(
    {
        "tests/deployment/test_deployed.py",
        "tests/deployment/test_policies.py",
        "tests/deployment/test_purge.py",
        "tests/deployment/test_redrive.py",
        "tests/deployment/test_server_role.py",
        "tests/deployment/test_spool_and_relay.py",
        "tests/entrypoints/aws_lambda/test_package.py",
    }
)
"""The files whose tests use the one deployment."""

FIRST = (
    DEPLOYMENT,
    "tests/faults",
    "tests/end_to_end",
    "tests/deployment",
    "tests/documentation",
)
"""Where the slowest files are. They come first, so that all processes end together."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--share``."""
    parser.addoption("--share", type=Path, metavar="FOLDER", help="share the run with others")


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> bool | None:
    """Collect nothing yet, if the run is shared; pytest's own collection otherwise."""
    return None if session.config.option.share is None else True


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run what this process can take; pytest's own loop runs everything, without ``--share``."""
    folder: Path | None = session.config.option.share
    if folder is None:
        return None
    mine = _tests(session, taken(_files(session.config), folder))
    item = next(mine, None)
    while item is not None:
        following = next(mine, None)
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if session.shouldfail:
            raise session.Failed(session.shouldfail)
        if session.shouldstop:
            raise session.Interrupted(session.shouldstop)
        item = following
    return True


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A process that came too late for any file has not failed."""
    if session.config.option.share and exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
        session.exitstatus = pytest.ExitCode.OK


def taken(files: Iterable[str], folder: Path) -> Iterator[Sequence[str]]:
    """The files of each part that this process is the first to take, when it comes to it."""
    for part, together in groupby(sorted(files, key=_turn), key=_part):
        try:
            os.close(os.open(folder / part.replace("/", "."), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        yield list(together)


def _files(config: pytest.Config) -> Iterator[str]:
    """All files of tests below the arguments, from the root."""
    ignored = tuple(Path(one).absolute() for one in config.option.ignore or ())
    for argument in config.args:
        path = Path(argument).absolute()
        for file in [path] if path.is_file() else path.rglob("test_*.py"):
            if not any(file.is_relative_to(one) for one in ignored):
                yield file.relative_to(config.rootpath).as_posix()


def _tests(session: pytest.Session, parts: Iterable[Sequence[str]]) -> Iterator[pytest.Item]:
    collected = 0
    for files in parts:
        tests = session.perform_collect(files)
        collected += len(tests)
        session.testscollected = collected
        for test in tests:
            check_part(test)
        yield from tests


def check_part(test: pytest.Item) -> None:
    """No other file may use the deployment: another process would make a second one."""
    if "deployed" in getattr(test, "fixturenames", ()):
        file = test.nodeid.partition("::")[0]
        assert file in ONE_STAGE, f"{file} uses the deployment: add it to ONE_STAGE"


def _part(file: str) -> str:
    return DEPLOYMENT if file in ONE_STAGE else file


def _turn(file: str) -> tuple[int, str, str]:
    part = _part(file)
    turns = (turn for turn, folder in enumerate(FIRST) if part.startswith(folder))
    return next(turns, len(FIRST)), part, file
