"""Several processes of pytest share one run: each takes the next part that nobody has taken.

``pytest --share=FOLDER``: all processes get the same arguments, and the same folder, which is empty
at first. A part is a file, so that what its tests share is started once, or all files whose tests
use the one deployment. A process imports only the files that it takes.
"""

import gc
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from typing_extensions import override

DEPLOYMENT = ("tests/deployment", "tests/entrypoints/aws_lambda/test_package.py")
"""One part: what uses the one deployment, and what else is in its folder."""

FIRST = (
    *DEPLOYMENT,
    "tests/end_to_end/test_outages_at_start.py",  # it mostly waits, while others work
    *("tests/faults", "tests/end_to_end", "tests/documentation"),
    *("tests/infrastructure/aws", "tests/infrastructure/sqlite"),
)
"""Where the slowest files are. They come first, so that all processes end together."""

Part = tuple[str, ...]
"""The node ids of test files."""


class SharedFile(pytest.Module):
    """A test file that has no tests before a process takes it."""

    is_taken = False

    @override
    def collect(self) -> Iterable[pytest.Item | pytest.Collector]:
        if self.is_taken:
            return super().collect()
        self.config.stash[_FILES][self.nodeid] = self
        return []


_FILES = pytest.StashKey[dict[str, SharedFile]]()
_TAKEN = pytest.StashKey[Part]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--share``."""
    parser.addoption("--share", type=Path, metavar="FOLDER", help="share the run with others")


def pytest_configure(config: pytest.Config) -> None:
    """Remember the files that are found, with ``--share``."""
    if config.option.share and not config.option.collectonly:
        config.stash[_FILES] = {}


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Module | None:
    """Leave a file for later, with ``--share``."""
    if _FILES not in parent.config.stash:
        return None
    file: SharedFile = SharedFile.from_parent(parent, path=module_path)
    return file


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> bool | None:
    """Collect the part that this process has taken; pytest's own hook has found the files.

    Each part goes through the hook: pytest makes errors of the warnings that come within it.
    """
    config = session.config
    part = config.stash.get(_TAKEN, None)
    if part is None:
        return None
    session.items = []
    for nodeid in part:
        file = config.stash[_FILES][nodeid]
        file.is_taken = True
        session.items += session.genitems(file)
    config.hook.pytest_collection_modifyitems(session=session, config=config, items=session.items)
    gc.freeze()  # what has been imported and collected stays
    session.testscollected += len(session.items)
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run what this process can take; pytest's own loop runs everything, without ``--share``."""
    if _FILES not in session.config.stash or session.testsfailed:
        return None
    mine = _tests(session)
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


def _tests(session: pytest.Session) -> Iterator[pytest.Item]:
    """The tests of each part; it is collected when those of the one before have been given."""
    config = session.config
    files = config.stash[_FILES]
    for part in taken(parts(files), config.option.share):
        config.stash[_TAKEN] = part
        config.hook.pytest_collection(session=session)
        yield from session.items
    # A process to which the others left nothing has not failed.
    session.testscollected = session.testscollected or 1


def parts(files: Iterable[str]) -> Iterator[Part]:
    """Divide the files into parts, the slowest first."""
    ordered = sorted(files, key=_turn)
    deployment = tuple(file for file in ordered if file.startswith(DEPLOYMENT))
    if deployment:
        yield deployment
    yield from ((file,) for file in ordered if file not in deployment)


def taken(offered: Iterable[Part], folder: Path) -> Iterator[Part]:
    """Each part that this process is the first to take, when it comes to it."""
    for part in offered:
        try:
            os.close(os.open(folder / part[0].replace("/", "."), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        yield part


def _turn(file: str) -> tuple[int, str]:
    turns = (turn for turn, folder in enumerate(FIRST) if file.startswith(folder))
    return next(turns, len(FIRST)), file
