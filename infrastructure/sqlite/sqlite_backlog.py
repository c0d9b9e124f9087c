"""How much waits in SQLite."""

from typing_extensions import override

from application.ports.backlog import Backlog, StoreBacklog
from domain.times import parse_rfc3339
from infrastructure.sqlite.sqlite_schema import SqliteAdapter

_COUNT = """
    SELECT count(*), min(recorded_at), (
        SELECT count(*) FROM (SELECT 1 FROM messages WHERE state = 'unmatched' LIMIT :most)
    )
    FROM (
        SELECT recorded_at FROM messages WHERE state = 'pending' ORDER BY due_at LIMIT :most
    )
"""


class SqliteBacklog(SqliteAdapter, Backlog):
    """One statement, on the indexes of what is pending and of what is unmatched."""

    @override
    def count(self, most: int) -> StoreBacklog:
        ((pending, oldest, unmatched),) = self._database.rows(_COUNT, {"most": most})
        return StoreBacklog(pending, parse_rfc3339(oldest) if oldest else None, unmatched)
