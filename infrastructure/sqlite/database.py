"""A SQLite file that many threads and processes share: connections, transactions, schema."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock

from typing_extensions import override

from domain.errors import StorageUnavailableError
from infrastructure.durable_files import create_file
from infrastructure.sqlite.database_file import (
    has_other_form,
    is_busy,
    other_form,
    prepare_file,
)
from infrastructure.sqlite.rewrite_lock import RewriteLock
from infrastructure.sqlite.statements import Migration, Statements, TranslatedErrors
from infrastructure.sqlite.writer_turns import WriterTurns

MAX_IDLE_READERS = 8
OLDEST_SQLITE = (3, 37, 0)
"""The first with STRICT tables; RETURNING came two versions before."""

_PRAGMAS = (
    # In WAL mode, FULL syncs the log at every commit: a commit survives a power failure.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    # What is deleted or changed is overwritten, as far as its page stays where it is.
    "PRAGMA secure_delete = ON",
)

_REWRITE_SECONDS = 10.0
"""How long a rewrite waits for a writer to end, and for readers who need the write-ahead log."""


class SchemaTooNewError(StorageUnavailableError):
    """A newer Frontdesk has been at work on this file. Temporary: run that version again."""

    needs_operator = True


class RewriteAnnouncedError(StorageUnavailableError):
    """An erasure rewrites the file. Nothing was written."""


class SqliteDatabase(Statements):
    """One database file. Readers run side by side; writers of this process take turns.

    A connection that saw an error is closed, not used again. Not to be carried into a forked
    process.

    ``busy_timeout_seconds`` is how long a statement waits for other processes, and
    ``turn_timeout_seconds`` how long a writer waits for the other threads of its own: half of
    a webhook's time. ``on_statement`` is told every statement as it begins.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout_seconds: float = 2.0,
        turn_timeout_seconds: float = 4.0,
        on_statement: Callable[[str], None] | None = None,
    ) -> None:
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            text = "the embedded storage needs SQLite 3.37 or newer"
            raise StorageUnavailableError(text, needs_operator=True)
        self._path = path.absolute()
        self._translated_errors = TranslatedErrors(None, self._path)
        self._busy_timeout_seconds = busy_timeout_seconds
        self._turn_timeout_seconds = turn_timeout_seconds
        self._on_statement = on_statement
        self._rewrite_lock = RewriteLock(self._path.parent)
        self._turn = Lock()
        self._writer: sqlite3.Connection | None = None
        self._guard = Lock()
        self._idle_readers: list[sqlite3.Connection] = []
        self._closed = False
        with self._translated_errors:
            if has_other_form(self._path):
                raise other_form(self._path)
            if not self._path.exists():
                create_file(self._path, b"")  # SQLite would let others read it
            with closing(self._connect()) as connection:
                prepare_file(connection, self._path, busy_timeout_seconds)
            self._turns = WriterTurns(self._path.parent, busy_timeout_seconds / 2)

    @contextmanager
    @override
    def read(self) -> Iterator[sqlite3.Connection]:
        with self._translated_errors:
            with self._guard:
                if self._closed:
                    raise StorageUnavailableError("the database is closed")
                connection = self._idle_readers.pop() if self._idle_readers else None
            connection = connection or self._connect()
            try:
                yield connection
            except BaseException:
                connection.close()
                raise
            with self._guard:
                has_room = len(self._idle_readers) < MAX_IDLE_READERS and not self._closed
                if has_room:
                    self._idle_readers.append(connection)
            if not has_room:
                connection.close()

    @contextmanager
    @override
    def write(self, *, for_many: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its start. Durable once it is left.

        An exception inside rolls everything back. While another process rewrites the file,
        it raises ``StorageUnavailableError`` at once, or waits in ``waiting_for_rewrites``.
        A thread that writes ``for_many`` never waits: it raises ``RewriteAnnouncedError``.
        """
        with self._translated_errors:
            connection = self._begin(self._refuse if for_many else self.heed_rewrite)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                self._close_writer()
                raise
            finally:
                self._end_turn()

    def schema_version(self) -> int:
        """How many migrations the file has had."""
        return int(self.rows("PRAGMA user_version")[0][0])

    def heed_rewrite(self) -> None:
        """While another process rewrites the file: raise, or wait, as ``write`` does."""
        if self._is_rewritten():
            self._rewrite_lock.heed()

    @override
    def migrate(self, migrations: Sequence[Migration]) -> None:
        """Bring the schema to that version. Several processes may try at once.

        Raises ``SchemaTooNewError`` for a file that is ahead of this program.
        """
        version = self.schema_version()
        if version > len(migrations):
            raise SchemaTooNewError(
                f"{self._path.name} has schema version {version}, written by a newer version of "
                f"Frontdesk; this one knows {len(migrations)} at most"
            )
        if version == len(migrations):
            return
        with self.write() as connection:
            # Asked again, now that no other process can change it.
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            for number, migration in enumerate(migrations[version:], start=version + 1):
                for step in migration:
                    connection.execute(step) if isinstance(step, str) else step(connection)
                connection.execute(f"PRAGMA user_version = {number}")

    def rewrite(self) -> None:
        """Write the file anew, and empty its log: nothing of what was deleted is in either.

        Pages that were split or moved may hold copies of what they had before. Takes about
        the time of copying the file, and its size in free space. It is announced, so that no
        writer begins meanwhile: under load it would never get its turn otherwise.
        Raises ``StorageUnavailableError`` when others use the file all the time.
        """
        with (
            self._translated_errors,
            self._rewrite_lock.held(),
            closing(self._connect()) as connection,
        ):
            connection.execute(f"PRAGMA busy_timeout = {round(_REWRITE_SECONDS * 1000)}")
            connection.execute("VACUUM")
            deadline = time.monotonic() + _REWRITE_SECONDS
            while connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > deadline:
                    raise StorageUnavailableError("others read the database: its log stays")
                time.sleep(0.05)

    def close(self) -> None:
        """Close every connection. A later caller gets ``StorageUnavailableError``."""
        with self._guard:
            self._closed = True
            readers, self._idle_readers = self._idle_readers, []
        for connection in readers:
            connection.close()
        with self._turn:
            self._close_writer()
            self._turns.close()

    def _begin(self, heed_rewrite: Callable[[], None]) -> sqlite3.Connection:
        """The writer, with this thread's turn and the write lock."""
        while True:
            # Threads queue here, in memory, rather than polling the file against each other.
            if not self._turn.acquire(blocking=False):
                heed_rewrite()
                if not self._turn.acquire(timeout=self._turn_timeout_seconds):
                    raise StorageUnavailableError("too many writers wait for the database")
            try:
                connection = self._try_to_begin()
            except BaseException:
                self._close_writer()
                self._end_turn()
                raise
            if connection is not None:
                return connection
            # Only without the turn: the other threads need not wait, and may spool.
            self._end_turn()
            heed_rewrite()

    def _try_to_begin(self) -> sqlite3.Connection | None:
        """``None`` if a rewrite is in the way."""
        if self._closed:
            raise StorageUnavailableError("the database is closed")
        if self._is_rewritten():
            return None
        self._writer = connection = self._writer or self._connect()
        self._turns.take()
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            # Announced since: this thread may be one that waits.
            if not (is_busy(error) and self._is_rewritten()):
                raise
            self._close_writer()
            return None
        return connection

    def _refuse(self) -> None:
        if self._is_rewritten():
            raise RewriteAnnouncedError("an erasure rewrites the database")

    def _end_turn(self) -> None:
        self._turns.end()
        self._turn.release()

    def _is_rewritten(self) -> bool:
        """Asked before every write: cheap as long as no rewrite was ever announced here."""
        return os.access(self._rewrite_lock.path, os.F_OK) and self._rewrite_lock.is_held()

    def _close_writer(self) -> None:
        connection, self._writer = self._writer, None
        if connection is not None:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            # Never create the file here: it would be readable by others, and empty.
            f"{self._path.as_uri()}?mode=rw",
            uri=True,
            timeout=self._busy_timeout_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            for pragma in _PRAGMAS:
                connection.execute(pragma)
        except BaseException:
            connection.close()
            raise
        connection.set_trace_callback(self._on_statement)
        return connection
