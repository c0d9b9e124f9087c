"""A database file that another process locks, or that lacks a table."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds the write lock for too long; reading goes on."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def renamed(path: Path, table: str) -> Iterator[None]:
    """The database answers every statement about ``table`` with an error."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO {table}_elsewhere")
        yield
        connection.execute(f"ALTER TABLE {table}_elsewhere RENAME TO {table}")
