"""What the commands share: the container, opened and closed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from entrypoints.composition.container import Container


@contextmanager
def open_container(*, may_create: bool = False) -> Iterator["Container"]:
    """The container for this environment; its databases are closed at the end.

    Without data there is nothing to work on: only a command that ``may_create`` it goes on. The
    others fail, for in a wrong directory their "nothing" would be a lie.
    """
    # It brings every setting and its checks with it: only when a command really runs.
    from entrypoints.composition.backends import has_data
    from entrypoints.composition.container import build_container

    container = build_container(os.environ)
    if not (may_create or has_data(container.settings())):
        raise click.ClickException(
            f"there is no data in {container.settings().data_dir}: "
            "is DATA_DIR right? For a new store start 'frontdesk serve' or 'frontdesk demo'"
        )
    try:
        with container.patience()():
            yield container
    finally:
        container.shutdown_resources()
