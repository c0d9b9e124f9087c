"""Figures that the fault tests report below the results."""

from collections.abc import Callable

import pytest

_LINES = pytest.StashKey[list[str]]()

Report = Callable[[str], None]
"""Writes a line below the results of all tests."""


@pytest.fixture
def report(pytestconfig: pytest.Config) -> Report:
    """See ``Report``."""
    return pytestconfig.stash.setdefault(_LINES, []).append


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Pytest calls this when all tests are done."""
    for line in config.stash.get(_LINES, []):
        terminalreporter.write_line(line)
