"""What the commands share: the container, opened and closed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from entrypoints.composition.container import Container


@contextmanager
def open_container() -> Iterator["Container"]:
    """The container for this environment; its databases are closed at the end."""
    # It brings every setting and its checks with it: only when a command really runs.
    from entrypoints.composition.container import build_container

    container = build_container(os.environ)
    try:
        with container.patience()():
            yield container
    finally:
        container.shutdown_resources()
