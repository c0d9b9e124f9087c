"""What adapters run on SQLite: statements, each in a transaction of its own or all in one."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from typing_extensions import override

from domain.errors import StorageRefusedError, StorageUnavailableError
from infrastructure.durable_files import file_error
from infrastructure.sqlite.database_file import is_busy, is_unfit, write_lock_held

Inside = TypeVar("Inside")

Migration = Sequence[str | Callable[[sqlite3.Connection], object]]
"""The steps that lead from one schema version to the next: statements, and what none can do."""

Values = Sequence[object] | Mapping[str, object]
"""The values of a statement, by place or by name."""


class Statements(ABC):
    """Runs statements. Errors of the engine are translated: see ``TranslatedErrors``."""

    @abstractmethod
    def read(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection for one SELECT, which sees every commit that was finished before it."""

    @abstractmethod
    def write(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection within a transaction. An exception inside takes back what was done."""

    @abstractmethod
    def migrate(self, migrations: Sequence[Migration]) -> None:
        """See to it that the schema has version ``len(migrations)``."""

    def rows(self, statement: str, values: Values = ()) -> list[Any]:
        """What a SELECT finds: a tuple for each row."""
        with self.read() as connection:
            return connection.execute(statement, values).fetchall()

    def change(self, statement: str, values: Values) -> int:
        """Run one statement within a transaction; how many rows it changed."""
        with self.write() as connection:
            return connection.execute(statement, values).rowcount


class TranslatedErrors(AbstractContextManager[Inside]):
    """Within it, the errors of the engine become those of the ports.

    ``StorageRefusedError`` for what the schema will never take, ``WriteLockHeldError`` for a
    lock on the database at ``path``, else ``StorageUnavailableError``. It can be entered again
    and again, and is cheap: a webhook enters it for each statement.
    """

    def __init__(self, inside: Inside, path: Path | None = None) -> None:
        self._inside = inside
        self._path = path

    @override
    def __enter__(self) -> Inside:
        return self._inside

    @override
    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None:
            return
        if isinstance(error, sqlite3.IntegrityError | sqlite3.DataError):
            raise StorageRefusedError(f"the database refuses it: {error}") from error
        if isinstance(error, sqlite3.Error):
            if self._path is not None and is_busy(error):
                raise write_lock_held(self._path) from error
            text = f"the database does not answer: {error}"
            raise StorageUnavailableError(text, needs_operator=is_unfit(error)) from error
        if isinstance(error, OSError):
            raise file_error("the database cannot be opened", error) from error


class TransactionStatements(Statements):
    """All statements in the transaction that is open on ``connection``.

    Who began it ends it, also after an error. The transaction is of a database whose schema is
    the latest.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._within = TranslatedErrors(connection)

    @override
    def read(self) -> AbstractContextManager[sqlite3.Connection]:
        return self._within

    @override
    def write(self) -> AbstractContextManager[sqlite3.Connection]:
        return self._within

    @override
    def migrate(self, migrations: Sequence[Migration]) -> None:
        pass
