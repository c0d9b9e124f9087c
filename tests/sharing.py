"""Several processes of pytest share one run: each takes the next file that nobody has taken.

``pytest --share=FOLDER``: all processes get the same arguments, and the same folder, which is empty
at first. A file is not divided, so that what its tests share is started once; nor are the files
whose tests use the one deployment.
"""

import os
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import pytest

DEPLOYMENT = "tests/deployment"
FIRST = (DEPLOYMENT, "tests/faults", "tests/end_to_end", "tests/documentation")
"""The folders of the slowest files. They come first, so that all processes end together."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--share``."""
    parser.addoption("--share", type=Path, metavar="FOLDER", help="share the run with others")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run what this process can take; pytest's own loop runs everything, without ``--share``."""
    folder: Path | None = session.config.option.share
    if folder is None or session.config.option.collectonly or session.testsfailed:
        return None
    mine = taken(session.items, folder)
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


def taken(items: Iterable[pytest.Item], folder: Path) -> Iterator[pytest.Item]:
    """The tests of each part that this process is the first to take, when it comes to it."""
    for part, tests in groupby(sorted(items, key=_turn), key=_part):
        try:
            os.close(os.open(folder / part.replace("/", "."), os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        yield from tests


def _part(item: pytest.Item) -> str:
    file = item.nodeid.partition("::")[0]
    return DEPLOYMENT if "deployed" in getattr(item, "fixturenames", ()) else file


def _turn(item: pytest.Item) -> tuple[int, str]:
    part = _part(item)
    turns = (turn for turn, folder in enumerate(FIRST) if part.startswith(folder))
    return next(turns, len(FIRST)), part
