"""What adapters run on SQLite: statements, each in a transaction of its own or all in one."""

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from typing_extensions import override

from domain.errors import StorageRefusedError, StorageUnavailableError
from infrastructure.durable_files import file_error
from infrastructure.sqlite.database_file import is_unfit

Migration = Sequence[str | Callable[[sqlite3.Connection], object]]
"""The steps that lead from one schema version to the next: statements, and what none can do."""

Values = Sequence[object] | Mapping[str, object]
"""The values of a statement, by place or by name."""


class Statements(ABC):
    """Runs statements. Errors of the engine are translated: see ``translated_errors``."""

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


class TransactionStatements(Statements):
    """All statements in the transaction that is open on ``connection``.

    Who began it ends it, also after an error. The transaction is of a database whose schema is
    the latest.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @contextmanager
    def _within(self) -> Iterator[sqlite3.Connection]:
        with translated_errors():
            yield self._connection

    @override
    def read(self) -> AbstractContextManager[sqlite3.Connection]:
        return self._within()

    @override
    def write(self) -> AbstractContextManager[sqlite3.Connection]:
        return self._within()

    @override
    def migrate(self, migrations: Sequence[Migration]) -> None:
        pass


@contextmanager
def translated_errors() -> Iterator[None]:
    """The errors of the engine as those of the ports.

    ``StorageRefusedError`` for what the schema will never take, else
    ``StorageUnavailableError``.
    """
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.DataError) as error:
        raise StorageRefusedError(f"the database refuses it: {error}") from error
    except sqlite3.Error as error:
        text = f"the database does not answer: {error}"
        raise StorageUnavailableError(text, needs_operator=is_unfit(error)) from error
    except OSError as error:
        raise file_error("the database cannot be opened", error) from error
