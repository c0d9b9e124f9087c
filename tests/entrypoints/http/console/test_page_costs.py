"""What a page asks its store for, in statements and in the steps of SQLite's engine.

A page that read a whole table would cost three times as much where there is three times as much.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
from dependency_injector import providers

from entrypoints.composition.container import build_container
from entrypoints.http.console.overview import figures
from entrypoints.operations.gauges import Pace
from infrastructure.configuration.api_access import keep_local_token
from infrastructure.sqlite.database import SqliteDatabase
from tests.end_to_end.frontdesk import hosting, serving
from tests.entrypoints.http.api.clients import Api
from tests.entrypoints.http.api.steered import opened, received
from tests.entrypoints.http.console.browsing import page, signed_in

MANY = 1_100
"""More than any page looks at."""

MESSAGE = "SM" + "1" * 32
_COPIES = {
    "conversations": {"conversation_id": "conversation_id || n", "sender_id": "sender_id || n"},
    "participants": {"conversation_id": "conversation_id || n", "sender": "sender || n"},
    "messages": {
        "request_id": "request_id || n",
        "message_id": "message_id || n",
        "timestamp": "substr(timestamp, 1, 20) || printf('%06d', n) || 'Z'",
    },
    "contexts": {"sequence": "NULL", "request_id": "request_id || n"},
}
"""What differs in a copy of a row, by tables: all messages of a sender are of one conversation."""

_COPY = """
    WITH RECURSIVE copies(n) AS (SELECT ? UNION ALL SELECT n + 1 FROM copies WHERE n + 1 < ?)
    INSERT INTO {table} SELECT {values} FROM copies, (SELECT * FROM {table} LIMIT ?)
"""


_PAGES = {
    "/": 2,
    "/conversations": 1,
    "/conversations?address=%2B14155550123": 1,
    "/conversations?status=none": 11,
    "/conversations/sms/{conversation}": 5,
    "/messages/{request}": 2,
    "/trace?subject={message}": 5,
    "/trace?subject=%2B14155550123": 12,
    "/unmatched": 2,
    "/queues": 0,
    "/queues/sms-replies": 1,
    "/dead-letters": 0,
    "/refusals": 0,
    "/simulator": 1,
}
"""How many statements each page is. A search that finds nothing looks at 1,000 conversations."""

_DEPTHS = "SELECT queue,"
"""The depth of a queue is counted, so it costs what waits: pages ask less often then."""


class Cost(NamedTuple):
    """What a page asks for: ``steps`` are those of the engine."""

    statements: int
    steps: int


@dataclass(frozen=True)
class Desk:
    """A front desk on a database, and the statements that are kept."""

    browser: Api
    database: Path
    statements: list[str]

    def copy(self, numbers: range) -> None:
        """Add so many copies of what was there at first: at most two rows of each table."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            for table, changes in _COPIES.items():
                names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
                values = ", ".join(changes.get(name, name) for name in names)
                sql = _COPY.format(table=table, values=values)
                connection.execute(sql, (numbers.start, numbers.stop, 2))

    def cost(self, path: str) -> Cost:
        """What the page at ``path`` costs."""
        self.statements.clear()
        page(self.browser, path)
        asked = [one for one in map(str.strip, self.statements) if one.startswith("SELECT")]
        counted = [one for one in asked if not one.startswith(_DEPTHS)]
        with closing(sqlite3.connect(self.database)) as connection:
            return Cost(len(counted), sum(_steps(connection, one) for one in counted))


def _steps(connection: sqlite3.Connection, statement: str) -> int:
    steps = 0

    def step() -> None:
        nonlocal steps
        steps += 1

    connection.set_progress_handler(step, 1)
    connection.execute(statement).fetchall()
    connection.set_progress_handler(None, 1)
    return steps


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, tuple[Cost, Cost]]]:
    """What each page costs, first with some, then with three times as much of everything."""
    data_dir, statements = tmp_path_factory.mktemp("data"), list[str]()
    container = build_container({"DATA_DIR": str(data_dir)})
    database = SqliteDatabase(data_dir / "frontdesk.db", on_statement=statements.append)
    container.database.override(providers.Object(database))
    with (
        pytest.MonkeyPatch.context() as patch,
        hosting() as host,
        serving(host, container) as frontdesk,
    ):
        patch.setattr(figures, "PACE", Pace(0.0, 0.0))
        api = Api(frontdesk).with_token(keep_local_token(data_dir))
        _, conversation = opened(api)
        received(api, message_id=MESSAGE)
        received(api, sender="+14155550199")
        names = {"conversation": conversation["conversation_id"], "message": MESSAGE}
        names["request"] = api.get(f"/v1/trace/{MESSAGE}")["messages"][0]["request_id"]
        paths = {path: path.format(**names) for path in _PAGES}
        desk = Desk(signed_in(api), data_dir / "frontdesk.db", statements)
        desk.copy(range(MANY))
        some = {name: desk.cost(path) for name, path in paths.items()}
        desk.copy(range(MANY, 3 * MANY))
        yield {name: (some[name], desk.cost(path)) for name, path in paths.items()}
    database.close()


@pytest.mark.parametrize("name", _PAGES)
def test_page_costs_the_same_however_much_is_stored(
    costs: dict[str, tuple[Cost, Cost]], name: str
) -> None:
    before, after = costs[name]
    assert before.statements == after.statements == _PAGES[name]
    assert after.steps <= 1.1 * before.steps
